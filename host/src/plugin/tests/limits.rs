//! Each limit, hit by a guest: it is counted once, and what was used stays within it.

use std::time::{Duration, Instant};

use serde_json::json as object;

use super::support::{Room, context, generation, guest, json, limited, none, try_load};
use crate::plugin::{CallContext, Generation, Hook, HookFigures, LimitFigures, Limits};

const KIB: u64 = 1 << 10;

pub fn limit(generation: &Generation, name: &str) -> LimitFigures {
    let mut all = generation.limits().into_iter();
    all.find(|figures| figures.name == name)
        .unwrap_or_else(|| panic!("no limit {name}"))
}

/// How often a limit was hit, and its mark.
pub fn marks(generation: &Generation, name: &str) -> (u64, u64) {
    let figures = limit(generation, name);
    (figures.hits, figures.high_water.expect("it is known"))
}

/// What one hook did.
pub fn hook(generation: &Generation, hook: Hook) -> HookFigures {
    let mut all = generation.figures().into_iter();
    all.find(|figures| figures.hook == hook)
        .expect("an active hook")
}

/// Enough time for everything that is not about time.
pub fn patient() -> Limits {
    Limits {
        hook: Duration::from_secs(10),
        wall: Duration::from_secs(20),
        ..Limits::default()
    }
}

/// Loads `misbehave`, has it do something in `prepare`, and returns it.
pub async fn after(deed: serde_json::Value, limits: Limits) -> Generation {
    let guest = generation("misbehave", limited(limits)).await;
    let _ = guest
        .prepare(&context(Room::default()), &json(&deed), &mut none())
        .await;
    guest
}

/// The same with the handlers of `relay`.
async fn after_relay(message: serde_json::Value, room: Room, limits: Limits) -> Generation {
    let relay = generation("relay", limited(limits)).await;
    let kind = message["_type"].as_str().expect("a type");
    let _ = relay
        .handle(&context(room), kind, &json(&message), &mut none())
        .await;
    relay
}

#[tokio::test]
async fn nothing_is_hit_by_a_call_that_behaves() {
    let guest = after(object!({"body": "hi"}), patient()).await;
    for figures in guest.limits() {
        assert_eq!(figures.hits, 0, "{}", figures.name);
        let high_water = figures.high_water.unwrap_or(0);
        assert!(
            high_water <= figures.limit,
            "{}: {high_water}",
            figures.name
        );
    }
    for (name, least) in [("hook", 1), ("init", 1), ("wall", 1), ("tables", 1)] {
        assert!(marks(&guest, name).1 >= least, "{name}");
    }
    let (_, memory) = marks(&guest, "memory");
    assert!(memory >= 64 * KIB && memory % (64 * KIB) == 0, "{memory}");
    assert_eq!(
        marks(&guest, "component").1,
        super::support::guest("misbehave").len() as u64
    );
    assert_eq!(marks(&guest, "calls_per_instance").1, 2, "loading is one");
    assert_eq!(marks(&guest, "instances").1, 1);
}

#[tokio::test]
async fn time_that_a_hook_runs() {
    let limits = Limits {
        hook: Duration::from_millis(20),
        ..patient()
    };
    let guest = after(object!({"do": "loop"}), limits).await;
    let (hits, ran) = marks(&guest, "hook");
    assert!(hits == 1 && ran >= 20_000, "{hits} hits, {ran} us");
    assert_eq!(marks(&guest, "wall").0, 0);
    assert_eq!(hook(&guest, Hook::Prepare).timeouts, [("hook", 1)]);
}

#[tokio::test]
async fn time_of_a_whole_call() {
    let limits = Limits {
        wall: Duration::from_millis(50),
        ..Limits::default()
    };
    let room = Room {
        stuck: true,
        ..Room::default()
    };
    let select = object!({"_type": "select", "filter": {}, "limit": 1});
    let relay = after_relay(select, room, limits).await;
    let (hits, took) = marks(&relay, "wall");
    assert!(hits == 1 && took >= 50_000, "{hits} hits, {took} us");
    assert_eq!(marks(&relay, "hook").0, 0);
    let figures = hook(&relay, Hook::Handlers);
    assert_eq!(figures.timeouts, [("wall", 1)]);
    assert_eq!(figures.errors, [("timeout", 1)]);
}

#[tokio::test]
async fn memory() {
    let limits = Limits {
        memory: 4 << 20,
        ..patient()
    };
    let guest = after(object!({"do": "memory"}), limits).await;
    let (hits, memory) = marks(&guest, "memory");
    assert_eq!(hits, 1);
    // It takes a MiB at a time.
    assert!(memory > 2 << 20 && memory <= 4 << 20, "{memory}");
}

#[tokio::test]
async fn what_a_load_exceeds_is_in_its_error() {
    let usual = Limits::default();
    for (key, limits) in [
        (
            "limits.tables",
            Limits {
                tables: 1,
                ..usual.clone()
            },
        ),
        (
            "limits.memory",
            Limits {
                memory: 64 << 10,
                ..usual.clone()
            },
        ),
        (
            "limits.component",
            Limits {
                component: 1_000,
                ..usual
            },
        ),
    ] {
        let loaded = try_load("misbehave", guest("misbehave"), limited(limits)).await;
        let error = loaded.expect_err(key).to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[tokio::test]
async fn output_of_hooks_and_of_host_functions() {
    let guest = after(object!({"do": "huge", "mib": 1}), patient()).await;
    assert_eq!(
        marks(&guest, "output"),
        (1, 0),
        "what was refused was not used"
    );
    assert_eq!(marks(&guest, "transfer").0, 0);

    let limits = Limits {
        output: 100,
        ..patient()
    };
    let relay = after_relay(
        object!({"_type": "reply", "message": "0123456789"}),
        Room::default(),
        limits.clone(),
    )
    .await;
    assert_eq!(marks(&relay, "output").0, 0);
    let long = object!({"_type": "reply", "message": "x".repeat(101)});
    let _ = relay
        .handle(
            &context(Room::default()),
            "reply",
            &json(&long),
            &mut none(),
        )
        .await;
    let (hits, most) = marks(&relay, "output");
    assert_eq!(hits, 1);
    assert!((12..=100).contains(&most), "{most}");
    assert!(marks(&relay, "transfer").1 >= 103, "it was handed over");
}

#[tokio::test]
async fn bytes_handed_over_at_once() {
    let guest = after(object!({"do": "huge", "mib": 8}), patient()).await;
    assert_eq!(marks(&guest, "transfer").0, 1);
    assert_eq!(marks(&guest, "output").0, 0);
    let limits = Limits {
        transfer: 16 << 20,
        ..patient()
    };
    let guest = after(object!({"do": "huge", "mib": 8}), limits).await;
    assert_eq!(marks(&guest, "transfer").0, 0);
    assert_eq!(marks(&guest, "output").0, 1);
}

#[tokio::test]
async fn effects_and_their_bytes() {
    let limits = Limits {
        effects: 3,
        ..patient()
    };
    let guest = after(object!({"do": "effects", "count": 4}), limits).await;
    assert_eq!(marks(&guest, "effects"), (1, 3));

    // Each is {"_effect":0}.
    let limits = Limits {
        effect_bytes: 30,
        ..patient()
    };
    let guest = after(object!({"do": "effects", "count": 3}), limits).await;
    assert_eq!(marks(&guest, "effect_bytes"), (1, 26));
    assert_eq!(marks(&guest, "effects"), (0, 2));
}

#[tokio::test]
async fn calls_at_the_same_time() {
    let limits = Limits {
        instances: 1,
        wall: Duration::from_millis(50),
        ..Limits::default()
    };
    let relay = generation("relay", limited(limits)).await;
    let (stuck, free) = (
        context(Room {
            stuck: true,
            ..Room::default()
        }),
        context(Room::default()),
    );
    let (mut one, mut other) = (none(), none());
    let (stuck, answered) = tokio::join!(
        relay.handle(
            &stuck,
            "select",
            r#"{"_type":"select","filter":{},"limit":1}"#,
            &mut one
        ),
        relay.handle(
            &free,
            "count",
            r#"{"_type":"count","group":"red"}"#,
            &mut other
        ),
    );
    assert!(stuck.is_err() && answered.is_ok());
    assert_eq!(marks(&relay, "instances"), (1, 1));
}

#[tokio::test]
async fn calls_of_one_instance() {
    let limits = Limits {
        calls_per_instance: 3,
        ..patient()
    };
    let guest = after(object!({}), limits).await;
    assert_eq!(marks(&guest, "calls_per_instance"), (0, 2));
    let cx = context(Room::default());
    guest.prepare(&cx, "{}", &mut none()).await.expect("ok");
    assert_eq!(marks(&guest, "calls_per_instance"), (1, 3));
}

#[tokio::test]
async fn instances_that_nobody_calls_are_dropped() {
    let guest = after(object!({}), patient()).await;
    let idle = Limits::default().idle;
    guest.trim(Instant::now());
    assert_eq!((guest.idle(), marks(&guest, "idle").0), (1, 0));
    guest.trim(Instant::now() + idle + Duration::from_millis(1));
    assert_eq!(guest.idle(), 0);
    let idle = u64::try_from(idle.as_micros()).expect("a minute");
    assert_eq!(marks(&guest, "idle"), (1, idle));
    let cx = context(Room::default());
    let next = guest.prepare(&cx, "{}", &mut none()).await;
    assert_eq!(next, Ok(None), "the next call gets a new one");
    assert_eq!(hook(&guest, Hook::Describe).calls, 2);
}

#[tokio::test]
async fn log_lines() {
    let flood = object!({"do": "log_flood", "count": 1_000});
    // "flood" and "line 0" to "line 999". How many seconds it takes is not asserted.
    for (name, limits) in [
        (
            "log_rate",
            Limits {
                log_rate: 5,
                ..patient()
            },
        ),
        (
            "log_bytes",
            Limits {
                log_bytes: 60,
                ..patient()
            },
        ),
        (
            "log_line",
            Limits {
                log_line: 4,
                ..patient()
            },
        ),
    ] {
        let guest = after(flood.clone(), limits).await;
        let (hits, most) = marks(&guest, name);
        assert!(hits > 0, "{name}");
        assert!(
            most > 0 && most <= limit(&guest, name).limit,
            "{name}: {most}"
        );
    }
}

#[tokio::test]
async fn messages_that_answer_each_other() {
    let limits = Limits {
        publish_depth: 2,
        ..patient()
    };
    let relay = generation("relay", limited(limits)).await;
    let publish = r#"{"_type":"publish","endpoint":"room","message":{"body":"hi"}}"#;
    for (depth, hits) in [(0, 0), (1, 0), (2, 1)] {
        let cx = CallContext {
            depth,
            ..context(Room::default())
        };
        let answer = relay.handle(&cx, "publish", publish, &mut none()).await;
        assert_eq!(answer.is_err(), hits > 0, "{answer:?}");
        assert_eq!(
            marks(&relay, "publish_depth"),
            (hits, u64::from(depth.min(1)) + 1)
        );
    }
}
