//! What a guest can do to itself: each ends its instance, and the next one works.

use super::stage::{LONG, Stage, Way};

/// Deeds of the guest `intruder`, and what the log says of them.
const DEEDS: [(&str, &[&str]); 6] = [
    ("panic", &["panics on purpose", "deeds.rs"]),
    ("memory", &["limits.memory"]),
    ("recurse", &["trapped"]),
    ("overflow", &["stack"]),
    ("out_of_bounds", &["out of bounds"]),
    ("huge", &["limits.output"]),
];

#[tokio::test]
async fn what_ends_an_instance_ends_nothing_else() {
    let mut stage = Stage::new("intruder", LONG).await;
    for (deed, says) in DEEDS {
        stage
            .endures(&Way::deed("prepare", deed), "plugin_failed")
            .await;
        stage.logged("prepare", says).await;
    }
}
