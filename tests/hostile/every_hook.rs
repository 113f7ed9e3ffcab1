//! Loops and traps in each hook.

use super::stage::{LONG, SHORT, Stage, Way};
use crate::support::eventually;

const HOOKS: [&str; 7] = [
    "connect", "open", "defaults", "prepare", "modify", "handlers", "close",
];

#[tokio::test]
async fn a_loop_in_any_hook_is_ended_and_harms_nobody_else() {
    let mut stage = Stage::new("intruder", SHORT).await;
    for hook in HOOKS {
        stage
            .endures(&Way::deed(hook, "loop"), "plugin_timeout")
            .await;
        stage.logged(hook, &["50ms", "limits.hook"]).await;
    }
}

#[tokio::test]
async fn a_trap_in_any_hook_is_reported_with_the_place_in_the_guest() {
    let mut stage = Stage::new("intruder", LONG).await;
    for hook in HOOKS {
        stage
            .endures(&Way::deed(hook, "trap"), "plugin_failed")
            .await;
        stage.logged(hook, &["unreachable"]).await;
    }
    // The guest's functions by their names, innermost first.
    for name in ["abort", "intruder::deeds::run", "intruder::run"] {
        stage.server.log.with(&["intruder", "wasm!", name]).await;
    }
}

#[tokio::test]
async fn a_loop_or_trap_in_describe_leaves_the_old_generation_where_it_is() {
    let mut stage = Stage::new("intruder", SHORT).await;
    for (deed, says) in [("loop", "limits.init"), ("trap", "unreachable")] {
        let config = std::fs::read_to_string(stage.server.folder().join("hookcast.toml")).unwrap();
        let changed = config.replace(
            "[plugins.guest]",
            &format!("[plugins.guest]\n    config = {{ describe = {deed:?} }}"),
        );
        let file = stage.server.folder().join("hookcast.toml");
        std::fs::write(&file, changed).unwrap();
        let refused = stage.server.api("POST", "/api/reload").await;
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains(says), "{deed}: {}", refused.text);
        assert!(refused.text.contains("describe"), "{}", refused.text);
        std::fs::write(&file, config).unwrap();
        let shown = stage.server.api("GET", "/api/plugins/guest").await.ok();
        assert_eq!(shown["generation"], 1, "{shown}");
        stage.neighbour_is_served().await;
        stage.calls().await;
    }
}

#[tokio::test]
async fn connections_whose_hooks_fail_leave_nothing_behind() {
    let mut stage = Stage::new("intruder", SHORT).await;
    for hook in ["connect", "open", "close"] {
        for (deed, code) in [("trap", "plugin_failed"), ("loop", "plugin_timeout")] {
            stage.attack(&Way::deed(hook, deed), code).await;
        }
    }
    eventually("only attacker and neighbour to be connected", async || {
        let listed = stage.server.api("GET", "/api/connections").await.ok();
        let listed = listed["connections"].as_array()?.len();
        (listed == 2).then_some(())
    })
    .await;
}
