//! What loads, what does not, and what the operator is told.

use std::sync::Arc;

use super::support::{ENGINE, Room, context, generation, guest, none, parse, try_load};
use crate::plugin::load::load;
use crate::plugin::source::Source;
use crate::plugin::{CompileCache, Grant, Hook, Limits, PluginSettings, Step};

async fn refused(name: &str, bytes: Vec<u8>, settings: PluginSettings) -> (Step, String) {
    let error = try_load(name, bytes, settings).await.expect_err(name);
    (error.step, error.to_string())
}

#[tokio::test]
async fn a_plugin_says_what_it_is() {
    let settings = PluginSettings {
        grants: vec![Grant::RowsRead],
        ..Default::default()
    };
    let relay = generation("relay", settings).await;
    assert_eq!(
        relay.hooks(),
        [Hook::Connect, Hook::Open, Hook::Handlers, Hook::Close]
    );
    assert!(relay.handler("reply").is_some() && relay.handler("nothing").is_none());
    assert_eq!(relay.digest().len(), 64);
    let steps: Vec<_> = relay.report().steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps.last(), Some(&Step::SelfTest));
    assert!(steps.contains(&Step::Compile));
}

#[tokio::test]
async fn a_core_module_becomes_a_component() {
    let core = generation("core-module", PluginSettings::default()).await;
    let cx = context(Room::default());
    let changed = core.prepare(&cx, "{}", &mut none()).await.expect("ok");
    assert_eq!(parse(changed)["core"], true);
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_at_its_step_with_a_remedy() {
    let bench = guest("bench");
    let half = bench[..bench.len() / 2].to_vec();
    let usual = PluginSettings::default;
    let small = PluginSettings {
        limits: Limits {
            component: 1000,
            ..Limits::default()
        },
        ..usual()
    };
    let starved = Limits {
        memory: 64 << 10,
        ..Limits::default()
    };
    let starved = PluginSettings {
        limits: starved,
        ..usual()
    };
    let empty_module = b"\0asm\x01\0\0\0".to_vec();
    for (name, bytes, settings, step, says) in [
        ("../evil", bench.clone(), usual(), Step::Name, "a-z"),
        (
            "bench",
            bench.clone(),
            small,
            Step::Digest,
            "add `component = \"32 MiB\"` to [plugins.bench.limits]",
        ),
        (
            "starved",
            bench.clone(),
            starved,
            Step::Instantiate,
            "limits.memory",
        ),
        (
            "text",
            b"hell\xff".to_vec(),
            usual(),
            Step::Format,
            "wasm32-wasip2",
        ),
        ("short", b"\0asm".to_vec(), usual(), Step::Format, "cut off"),
        ("half", half, usual(), Step::Format, "cut off"),
        (
            "empty",
            empty_module,
            usual(),
            Step::Exports,
            "exports no hook. It exports nothing",
        ),
        (
            "ungranted",
            guest("ungranted"),
            usual(),
            Step::Imports,
            "`hookcast:nothing/here`",
        ),
        ("relay", guest("relay"), usual(), Step::Imports, "grants"),
        (
            "no-hooks",
            guest("no-hooks"),
            usual(),
            Step::Exports,
            "`hookcast:plugin/describe@0.1.1`",
        ),
        (
            "foreign",
            guest("foreign"),
            usual(),
            Step::Exports,
            "exports no hook",
        ),
        (
            "twice",
            guest("duplicate-handlers"),
            usual(),
            Step::Describe,
            "twice",
        ),
    ] {
        let (at, told) = refused(name, bytes, settings).await;
        assert_eq!(at, step, "{name}: {told}");
        assert!(told.contains(says), "{name}: {told}");
    }
}

#[tokio::test]
async fn compiled_code_is_cached_and_never_trusted_when_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Arc::new(CompileCache::open(folder.path()).expect("opens"));
    let settings = Arc::new(PluginSettings::default());
    let source = Source::uploaded(folder.path(), "bench", guest("bench"));
    let load = |cache| {
        let (source, settings) = (source.clone(), Arc::clone(&settings));
        load(&ENGINE, Some(cache), 1, "bench", source, settings)
    };
    // As after a restart: nothing is in memory.
    let again = || load(open());
    assert!(!again().await.expect("compiles").report().cached);
    assert!(again().await.expect("loads").report().cached);

    let files = std::fs::read_dir(folder.path()).expect("readable");
    let files = files.map(|file| file.expect("readable").path());
    let cached = files.filter(|path| path.extension().is_some_and(|e| e == "cwasm"));
    let [path] = cached.collect::<Vec<_>>().try_into().expect("one file");
    let mut changed = std::fs::read(&path).expect("readable");
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&path, changed).expect("writable");
    assert!(!again().await.expect("compiles anew").report().cached);
    assert!(
        again().await.expect("loads").report().cached,
        "the good one replaced it"
    );

    // What a process has loaded it keeps for a while, whatever becomes of the file.
    let cache = open();
    let first = load(Arc::clone(&cache)).await.expect("loads");
    assert!(first.report().cached);
    std::fs::remove_file(&path).expect("removable");
    let again = load(cache).await.expect("loads");
    assert!(again.report().cached);
    let cx = context(Room::default());
    let answer = again.prepare(&cx, "{}", &mut none()).await.expect("ok");
    assert_eq!(parse(answer)["hop"], 1);
}
