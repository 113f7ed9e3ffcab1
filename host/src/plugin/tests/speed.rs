//! What a call costs through the host's path. Prints; asserts nothing: run it with
//! `cargo test --release -p hookcast plugin::tests::speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::support::{Room, context, generation, none};
use crate::plugin::{Generation, Isolation, PluginSettings};

/// Median time of one call over batches of calls.
async fn median(batch: u32, generation: &Generation, message: &str) -> Duration {
    let cx = context(Room::default());
    let mut effects = none();
    let mut batches = Vec::new();
    for _ in 0..41 {
        let began = Instant::now();
        for _ in 0..batch {
            generation
                .prepare(&cx, message, &mut effects)
                .await
                .expect("ok");
        }
        batches.push(began.elapsed() / batch);
    }
    batches.sort();
    batches[batches.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement: prints and asserts nothing"]
async fn cost_of_a_call() {
    let body = "x".repeat(160);
    let message = format!(r#"{{"body":"{body}","topic":"Help","n":1}}"#);
    for (guest, isolation) in [
        ("bench", Isolation::Warm),
        ("bench", Isolation::PerCall),
        ("misbehave", Isolation::Warm),
    ] {
        let settings = PluginSettings {
            isolation,
            ..PluginSettings::default()
        };
        let generation = generation(guest, settings).await;
        let cost = median(2_000, &generation, &message).await;
        println!(
            "{guest} {isolation:?}: {cost:?} a call of {} bytes",
            message.len()
        );
        let steps = &generation.report().steps;
        println!("  loaded: {steps:?} (us)");
    }
}
