//! What Prometheus gets of plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::support::{ENGINE, Room, context, guest, none};
use crate::plugin::{Generation, Plugins};

async fn put(plugins: &Plugins, package: &str) -> Arc<Generation> {
    let candidate = plugins.candidate_from_upload("v", guest(package)).await;
    let candidate = candidate.expect("loads");
    let activated = plugins.activate(candidate).await;
    activated.expect("goes live").generation
}

async fn call(generation: &Generation) {
    let cx = context(Room::default());
    let answer = generation.prepare(&cx, "{}", &mut none()).await;
    answer.expect("ok");
}

/// Values by name and labels. Fails on what Prometheus would refuse: a series that is
/// there twice, or whose name is not described once, before it.
fn parse(text: &str) -> BTreeMap<(String, BTreeMap<String, String>), f64> {
    let mut described = BTreeSet::new();
    let mut name_of_group = "";
    let mut series = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            let (kind, name) = (words.next().expect("a word"), words.next().expect("a name"));
            assert!(described.insert((kind, name)), "twice: {line}");
            name_of_group = name;
            continue;
        }
        let (head, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = head.split_once('{').expect("labels");
        let suffix = name.strip_prefix(name_of_group);
        assert!(
            suffix.is_some_and(|suffix| ["", "_bucket", "_sum", "_count"].contains(&suffix)),
            "{line} among {name_of_group}"
        );
        for kind in ["HELP", "TYPE"] {
            assert!(
                described.contains(&(kind, name_of_group)),
                "{kind} of {line}"
            );
        }
        let labels = labels.strip_suffix('}').expect("the end of the labels");
        let labels = labels.split(',').map(|label| {
            let (key, value) = label.split_once('=').expect("a label");
            (key.to_owned(), value.trim_matches('"').to_owned())
        });
        let key = (name.to_owned(), labels.collect());
        let value = value.parse().expect("a number");
        assert!(series.insert(key, value).is_none(), "twice: {line}");
    }
    series
}

#[tokio::test]
async fn each_generation_has_its_series_while_it_is_alive() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = Plugins::new(ENGINE.clone(), folder.path(), None, BTreeMap::new());
    assert_eq!(plugins.metrics(), "");

    let first = put(&plugins, "versioned-a").await;
    call(&first).await;
    let second = put(&plugins, "versioned-b").await;
    call(&second).await;
    call(&second).await;
    let value = |name: &str, generation: &Generation, labels: &[(&str, &str)]| {
        let number = generation.number().to_string();
        let usual = [("plugin", "v"), ("generation", &number)];
        let labels = usual.iter().chain(labels);
        let labels = labels.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let series = parse(&plugins.metrics());
        series.get(&(name.to_owned(), labels.collect())).copied()
    };
    let prepare = ("hook", "prepare");
    for (generation, calls) in [(&first, 1.0), (&second, 2.0)] {
        let of = |name: &str, labels: &[(&str, &str)]| value(name, generation, labels);
        assert_eq!(of("hookcast_hook_seconds_count", &[prepare]), Some(calls));
        let last = of("hookcast_hook_seconds_bucket", &[prepare, ("le", "+Inf")]);
        assert_eq!(last, Some(calls));
        let first = of(
            "hookcast_hook_seconds_bucket",
            &[prepare, ("le", "0.000001")],
        );
        assert!(first <= last && first.is_some());
        assert!(of("hookcast_hook_seconds_sum", &[prepare]) > Some(0.0));
        let bytes = of("hookcast_hook_bytes_in_total", &[prepare]);
        assert_eq!(bytes, Some(2.0 * calls));
        for (name, labels) in [
            ("hookcast_hook_rejections_total", &[prepare][..]),
            ("hookcast_hook_errors_total", &[prepare, ("kind", "trap")]),
            (
                "hookcast_hook_traps_total",
                &[prepare, ("trap", "stack_overflow")],
            ),
            (
                "hookcast_hook_timeouts_total",
                &[prepare, ("limit", "wall")],
            ),
            ("hookcast_plugin_limit_hits_total", &[("limit", "memory")]),
            ("hookcast_plugin_limit_hits_total", &[("limit", "stack")]),
            ("hookcast_plugin_log_dropped_total", &[]),
        ] {
            assert_eq!(of(name, labels), Some(0.0), "{name} {labels:?}");
        }
        assert!(of("hookcast_plugin_memory_high_water_bytes", &[]) >= Some(65_536.0));
    }
    let older = plugins.get("v").expect("listed").older;
    let older: Vec<_> = older.iter().map(|old| old.generation).collect();
    assert_eq!(older, [first.number()]);

    let gone = format!("generation=\"{}\"", first.number());
    assert!(plugins.metrics().contains(&gone));
    drop(first);
    assert!(!plugins.metrics().contains(&gone), "{}", plugins.metrics());
    assert_eq!(
        value("hookcast_hook_seconds_count", &second, &[prepare]),
        Some(2.0)
    );
    assert!(plugins.get("v").expect("listed").older.is_empty());
}
