//! What hooks did: traps by kind, bytes, and what making an instance cost.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json as object;
use wasmtime::component::Component;

use super::limits::{after, hook, limit, patient};
use super::support::{ENGINE, Room, context, generation, guest, json, limited, none};
use crate::plugin::instance::Exports;
use crate::plugin::log::PluginLog;
use crate::plugin::meter::Meter;
use crate::plugin::pool::Pool;
use crate::plugin::statistics::Statistics;
use crate::plugin::{Hook, HookError, Limit, Limits, PluginSettings, imports};

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
        assert_eq!(limit(&guest, "stack").hits, overflows, "{deed}");
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

/// Makes one instance of `misbehave`, as a call does that finds none idle, and returns
/// why that failed.
async fn making(settings: PluginSettings) -> (Arc<Meter>, Arc<Statistics>, HookError) {
    let engine = ENGINE.wasmtime();
    let component = Component::from_binary(engine, &guest("misbehave")).expect("compiles");
    let linker = imports::linker(engine, &settings, None).expect("a linker");
    let pre = linker.instantiate_pre(&component).expect("links");
    let exports = Exports::find(&pre, &[Hook::Prepare], false).expect("exported");
    let meter = Arc::new(Meter::new(&settings.limits));
    let statistics = Arc::new(Statistics::new(Arc::clone(&meter)));
    let book = ENGINE.books().of("misbehave");
    let log = PluginLog::new("misbehave".into(), 1, Arc::clone(&meter), book);
    let pool = Pool::new(
        ENGINE.clone(),
        pre,
        exports,
        None,
        Arc::new(settings),
        Arc::new(log),
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
