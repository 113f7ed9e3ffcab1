//! Each limit, hit by a guest: it is counted once, and what was used stays within it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json as object;
use wasmtime::component::Component;

use super::support::{ENGINE, Room, context, generation, guest, json, limited, none, try_load};
use crate::plugin::instance::Exports;
use crate::plugin::log::PluginLog;
use crate::plugin::meter::Meter;
use crate::plugin::pool::Pool;
use crate::plugin::statistics::Statistics;
use crate::plugin::{
    Generation, Hook, HookError, HookFigures, Limit, LimitFigures, Limits, PluginSettings, imports,
};

const KIB: u64 = 1 << 10;

fn figures(generation: &Generation, name: &str) -> LimitFigures {
    let mut all = generation.limits().into_iter();
    all.find(|figures| figures.name == name)
        .unwrap_or_else(|| panic!("no limit {name}"))
}

/// How often a limit was hit, and its mark.
fn marks(generation: &Generation, name: &str) -> (u64, u64) {
    let figures = figures(generation, name);
    (figures.hits, figures.high_water.expect("it is known"))
}

fn hook(generation: &Generation, hook: Hook) -> HookFigures {
    let mut all = generation.figures().into_iter();
    all.find(|figures| figures.hook == hook)
        .expect("an active hook")
}

/// Enough time for everything that is not about time.
fn patient() -> Limits {
    Limits {
        hook: Duration::from_secs(10),
        wall: Duration::from_secs(20),
        ..Limits::default()
    }
}

/// Loads `misbehave`, has it do something in `prepare`, and returns it.
async fn after(deed: serde_json::Value, limits: Limits) -> Generation {
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

/// Makes one instance of `misbehave`, as a call does that finds none idle, and returns
/// why that failed.
async fn making(settings: PluginSettings) -> (Arc<Meter>, Arc<Statistics>, HookError) {
    let engine = ENGINE.wasmtime();
    let component = Component::from_binary(engine, &guest("misbehave")).expect("compiles");
    let linker = imports::linker(engine, &settings).expect("a linker");
    let pre = linker.instantiate_pre(&component).expect("links");
    let exports = Exports::find(&pre, &[Hook::Prepare]).expect("exported");
    let meter = Arc::new(Meter::new(&settings.limits));
    let statistics = Arc::new(Statistics::new(Arc::clone(&meter)));
    let log = PluginLog::new("misbehave".into(), 1, Arc::clone(&meter));
    let pool = Pool::new(
        ENGINE.clone(),
        pre,
        exports,
        Arc::new(settings),
        Arc::new(log),
        Arc::clone(&meter),
        Arc::clone(&statistics),
    );
    let Err(error) = pool.make(Hook::Prepare).await else {
        panic!("it is made");
    };
    (meter, statistics, error)
}

#[tokio::test]
async fn time_that_making_an_instance_takes() {
    let limits = Limits {
        init: Duration::from_millis(20),
        ..patient()
    };
    let settings = PluginSettings {
        config: [("describe".to_owned(), "loop".to_owned())].into(),
        ..limited(limits)
    };
    let (meter, statistics, error) = making(settings).await;
    assert!(error.to_string().contains("limits.init"), "{error}");
    assert_eq!(meter.hits(Limit::Init), 1);
    assert!(meter.high_water(Limit::Init) >= 20_000);
    assert_eq!(meter.hits(Limit::Hook), 0);
    let figures = statistics.figures(&[Hook::Describe]);
    assert_eq!(figures[0].timeouts, [("init", 1)]);
}

#[tokio::test]
async fn table_elements() {
    let limits = Limits {
        tables: 1,
        ..patient()
    };
    let (meter, _, error) = making(limited(limits)).await;
    assert!(error.to_string().contains("limits.tables"), "{error}");
    assert_eq!(meter.hits(Limit::Tables), 1);
    assert!(meter.high_water(Limit::Tables) <= 1);
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
    // "flood" and "line 0" to "line 999".
    for (name, limits, mark) in [
        (
            "log_rate",
            Limits {
                log_rate: 5,
                ..patient()
            },
            5,
        ),
        (
            "log_bytes",
            Limits {
                log_bytes: 60,
                ..patient()
            },
            55,
        ),
        (
            "log_line",
            Limits {
                log_line: 4,
                ..patient()
            },
            4,
        ),
    ] {
        let guest = after(flood.clone(), limits).await;
        // How many seconds it takes is not asserted.
        let (hits, most) = marks(&guest, name);
        assert!(hits > 0, "{name}");
        assert!(
            most >= mark.min(4) && most <= figures(&guest, name).limit,
            "{name}: {most}"
        );
    }
}

#[tokio::test]
async fn traps_are_counted_by_what_trapped() {
    for (deed, kind) in [
        ("trap", "unreachable"),
        ("panic", "unreachable"),
        ("out_of_bounds", "memory_out_of_bounds"),
        ("overflow", "stack_overflow"),
    ] {
        let guest = after(object!({"do": deed}), patient()).await;
        let figures = hook(&guest, Hook::Prepare);
        assert_eq!(figures.traps, [(kind, 1)], "{deed}");
        assert_eq!(figures.errors, [("trap", 1)], "{deed}");
        assert_eq!((figures.calls, figures.rejected), (1, 0), "{deed}");
        let overflows = u64::from(kind == "stack_overflow");
        assert_eq!(
            super::limits::figures(&guest, "stack").hits,
            overflows,
            "{deed}"
        );
    }
}

#[tokio::test]
async fn bytes_in_and_out_are_those_of_the_texts() {
    let bench = generation("bench", limited(patient())).await;
    let cx = context(Room::default());
    let (mut bytes_in, mut bytes_out) = (0, 0);
    for body in ["", "größer", "a longer text than before"] {
        let message = json(&object!({"body": body}));
        let changed = bench.prepare(&cx, &message, &mut none()).await;
        bytes_in += message.len() as u64;
        bytes_out += changed.expect("ok").expect("changed").len() as u64;
    }
    let figures = hook(&bench, Hook::Prepare);
    assert_eq!((figures.bytes_in, figures.bytes_out), (bytes_in, bytes_out));
    assert_eq!(figures.calls, 3);
    assert!(figures.latency.p99 >= figures.latency.p50 && figures.latency.p50.is_some());

    let guest = generation("misbehave", limited(patient())).await;
    let mut effects = none();
    let unchanged = guest.modify(&cx, "{}", Some("[1]"), Some("null"), &mut effects);
    assert_eq!(unchanged.await, Ok(None));
    let reject = r#"{"do_modify":"reject"}"#;
    let rejected = guest.modify(&cx, reject, None, None, &mut effects);
    rejected.await.expect_err("on purpose");
    let figures = hook(&guest, Hook::Modify);
    assert_eq!(figures.bytes_in, (2 + 3 + 4) + 22);
    let rejection = "misbehaved".len() + "Rejected on purpose.".len();
    assert_eq!(figures.bytes_out, rejection as u64);
    assert_eq!((figures.calls, figures.rejected), (2, 1));
}
