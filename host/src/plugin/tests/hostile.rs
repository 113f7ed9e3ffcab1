//! Guests that do what no plugin should: each harms only its own call.

use std::time::{Duration, Instant};

use serde_json::json as object;

use super::support::{Room, context, generation, json, limited, none, parse};
use crate::plugin::{HookError, Limits};

async fn misdeed(deed: serde_json::Value, limits: Limits) -> HookError {
    let settings = limited(limits);
    let guest = generation("misbehave", settings).await;
    let cx = context(Room::default());
    let error = guest
        .prepare(&cx, &json(&deed), &mut none())
        .await
        .expect_err("a misdeed");
    // The next call gets a fresh instance and works.
    let next = guest.prepare(&cx, r#"{"body":"hi"}"#, &mut none()).await;
    assert_eq!(next, Ok(None), "after {deed}");
    error
}

#[tokio::test]
async fn an_endless_loop_is_ended_at_its_deadline_and_yields_meanwhile() {
    let limits = Limits {
        hook: Duration::from_millis(30),
        ..Limits::default()
    };
    let settings = limited(limits);
    let guest = generation("misbehave", settings).await;
    let cx = context(Room::default());
    let began = Instant::now();
    let mut effects = none();
    let message = r#"{"do":"loop"}"#;
    // This runtime has one thread: the other task only runs when the guest yields.
    let (looped, turns) = tokio::join!(guest.prepare(&cx, message, &mut effects), async {
        let mut turns = 0;
        while began.elapsed() < Duration::from_millis(20) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            turns += 1;
        }
        turns
    });
    let error = looped.expect_err("ended");
    assert!(
        matches!(
            error,
            HookError::Timeout {
                setting: "limits.hook",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.to_rejection().code, "plugin_timeout");
    assert!(began.elapsed() >= Duration::from_millis(30));
    assert!(turns >= 1, "the guest never yielded");
}

#[tokio::test]
async fn waiting_in_a_host_function_counts_for_the_wall_cap_only() {
    let limits = Limits {
        wall: Duration::from_millis(80),
        hook: Duration::from_millis(10),
        ..Limits::default()
    };
    let settings = limited(limits);
    let relay = generation("relay", settings).await;
    let cx = context(Room {
        stuck: true,
        ..Room::default()
    });
    let select = json(&object!({"_type": "select", "filter": {}, "limit": 1}));
    let began = Instant::now();
    let error = relay
        .handle(&cx, "select", &select, &mut none())
        .await
        .expect_err("ended");
    assert!(
        matches!(
            error,
            HookError::Timeout {
                setting: "limits.wall",
                ..
            }
        ),
        "{error}"
    );
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_trap_names_the_plugin_the_hook_and_the_place_in_the_guest() {
    let error = misdeed(object!({"do": "trap"}), Limits::default()).await;
    let told = error.to_string();
    for part in [
        "`misbehave`",
        "generation 1",
        "`prepare`",
        "unreachable",
        "misbehave::deeds::run",
    ] {
        assert!(told.contains(part), "{part} is missing in: {told}");
    }
    let rejection = error.to_rejection();
    assert_eq!(rejection.code, "plugin_failed");
    assert!(!rejection.to_string().contains("misbehave"), "{rejection}");
}

#[tokio::test]
async fn a_panic_tells_its_message() {
    let told = misdeed(object!({"do": "panic"}), Limits::default())
        .await
        .to_string();
    assert!(
        told.contains("panics on purpose") && told.contains("deeds.rs"),
        "{told}"
    );
}

#[tokio::test]
async fn memory_is_bounded() {
    let limits = Limits {
        hook: Duration::from_secs(1),
        ..Limits::default()
    };
    let error = misdeed(object!({"do": "memory"}), limits).await;
    assert!(matches!(error, HookError::LimitReached { .. }), "{error}");
    assert!(error.to_string().contains("limits.memory"), "{error}");
}

#[tokio::test]
async fn recursion_without_end_traps() {
    let error = misdeed(object!({"do": "recurse"}), Limits::default()).await;
    assert!(matches!(error, HookError::Trapped { .. }), "{error}");
}

#[tokio::test]
async fn a_huge_answer_is_refused_for_its_size() {
    for mib in [1, 8] {
        let limits = Limits {
            hook: Duration::from_secs(1),
            ..Limits::default()
        };
        let error = misdeed(object!({"do": "huge", "mib": mib}), limits).await;
        assert!(
            matches!(error, HookError::BadOutput { .. }),
            "{mib} MiB: {error}"
        );
        assert!(
            error.to_string().contains("limits.output"),
            "{mib} MiB: {error}"
        );
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_is_bounded() {
    let limits = Limits {
        hook: Duration::from_secs(1),
        log_rate: 5,
        ..Limits::default()
    };
    let settings = limited(limits);
    let guest = generation("misbehave", settings).await;
    let flood = json(&object!({"do": "log_flood", "count": 10_000}));
    let cx = context(Room::default());
    let answer = guest.prepare(&cx, &flood, &mut none()).await;
    assert_eq!(answer, Ok(None));
}

#[tokio::test]
async fn an_instance_is_gone_with_a_call_that_was_dropped() {
    let limits = Limits {
        instances: 1,
        ..Limits::default()
    };
    let settings = limited(limits);
    let relay = generation("relay", settings).await;
    let stuck = context(Room {
        stuck: true,
        ..Room::default()
    });
    let select = json(&object!({"_type": "select", "filter": {}, "limit": 1}));
    let mut effects = none();
    let call = relay.handle(&stuck, "select", &select, &mut effects);
    tokio::time::timeout(Duration::from_millis(20), call)
        .await
        .expect_err("dropped");
    let count = json(&object!({"_type": "count", "group": "red"}));
    let answer = relay
        .handle(&context(Room::default()), "count", &count, &mut none())
        .await;
    assert_eq!(
        parse(answer.expect("a fresh instance"))["result"],
        object!(1)
    );
}
