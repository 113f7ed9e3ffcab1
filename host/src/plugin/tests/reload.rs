//! The registry: swapping, failing, uploading, deleting.

use std::collections::BTreeMap;
use std::sync::Arc;

use tempfile::TempDir;

use super::support::{ENGINE, Room, context, guest, none, parse};
use crate::plugin::{Changes, Generation, Plugins, RegistryError};

fn plugins() -> (TempDir, Arc<Plugins>) {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = Plugins::new(ENGINE.clone(), folder.path(), None, BTreeMap::new());
    (folder, Arc::new(plugins))
}

/// Takes an uploaded plugin all the way.
async fn put(plugins: &Plugins, name: &str, bytes: Vec<u8>) -> Exchanged {
    let candidate = plugins.candidate_from_upload(name, bytes).await?;
    let changes = candidate.changes();
    Ok((plugins.activate(candidate).await?.generation, changes))
}

/// The same with the plugin's file.
async fn reload(plugins: &Plugins, name: &str) -> Exchanged {
    let candidate = plugins.candidate_from_file(name).await?;
    let changes = candidate.changes();
    Ok((plugins.activate(candidate).await?.generation, changes))
}

type Exchanged = Result<(Arc<Generation>, Changes), RegistryError>;

async fn marks(generation: &Generation) -> String {
    let marked = generation
        .prepare(&context(Room::default()), "{}", &mut none())
        .await;
    parse(marked.expect("ok"))["p"]
        .as_str()
        .expect("a mark")
        .to_owned()
}

#[tokio::test]
async fn the_folder_is_loaded_and_failures_are_listed() {
    let (folder, plugins) = plugins();
    for (file, bytes) in [
        ("good.wasm", guest("versioned-a")),
        ("bad.wasm", b"not wasm".to_vec()),
        (".half.wasm", b"upload in progress".to_vec()),
        ("notes.txt", b"hello".to_vec()),
    ] {
        std::fs::write(folder.path().join(file), bytes).expect("writable");
    }
    let results = plugins.load_folder().await.expect("readable");
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [false, true]
    );
    let list = plugins.list();
    assert_eq!(
        list.iter()
            .map(|info| info.name.as_str())
            .collect::<Vec<_>>(),
        ["bad", "good"]
    );
    assert!(list[0].failure.is_some() && list[0].current.is_none());
    assert!(list[1].failure.is_none() && list[1].current.is_some());
    serde_json::to_value(&list).expect("the admin API can send it");
}

#[tokio::test]
async fn the_answers_are_in_the_order_of_the_names() {
    let (folder, plugins) = plugins();
    // The first takes longest, and there are more than are loaded at the same time.
    let names: Vec<_> = (10..22).map(|at| format!("p{at}")).collect();
    for (at, name) in names.iter().enumerate() {
        let bytes = match at {
            0 => guest("chat"),
            _ => b"not wasm".to_vec(),
        };
        let file = folder.path().join(name).with_extension("wasm");
        std::fs::write(file, bytes).expect("writable");
    }
    let results = plugins.load_folder().await.expect("readable");
    let order: Vec<_> = results
        .iter()
        .map(|result| match result {
            Ok(generation) => generation.name().to_string(),
            Err(error) => error.plugin.clone(),
        })
        .collect();
    assert_eq!(order, names);
    assert!(results[0].is_ok(), "{:?}", results[0]);
}

#[tokio::test]
async fn a_swap_leaves_the_old_generation_to_those_who_hold_it() {
    let (_folder, plugins) = plugins();
    let (first, _) = put(&plugins, "v", guest("versioned-a"))
        .await
        .expect("loads");
    let handle = plugins.handle("v").expect("known");
    let (second, changes) = put(&plugins, "v", guest("versioned-b"))
        .await
        .expect("loads");
    assert!(second.number() > first.number());
    assert_eq!(
        (changes.previous, changes.file_changed),
        (Some(first.number()), true)
    );
    assert_eq!(marks(&first).await, "a");
    assert_eq!(marks(&handle.current().expect("live")).await, "b");

    // The last holder drops it.
    let old = Arc::downgrade(&first);
    drop(first);
    assert!(old.upgrade().is_none());
}

#[tokio::test]
async fn an_upload_that_fails_changes_neither_file_nor_generation() {
    let (folder, plugins) = plugins();
    put(&plugins, "v", guest("versioned-a"))
        .await
        .expect("loads");
    let error = put(&plugins, "v", guest("duplicate-handlers"))
        .await
        .expect_err("fails");
    assert!(error.to_string().contains("step describe"), "{error}");
    let info = plugins.get("v").expect("listed");
    assert!(info.failure.is_some() && info.current.is_some());
    assert_eq!(
        marks(
            &plugins
                .handle("v")
                .and_then(|handle| handle.current())
                .expect("live")
        )
        .await,
        "a"
    );
    let file = std::fs::read(folder.path().join("v.wasm")).expect("there");
    assert_eq!(file, guest("versioned-a"));
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("readable").count(),
        1,
        "nothing else is left"
    );

    reload(&plugins, "v")
        .await
        .expect("the file is the good one");
    assert!(plugins.get("v").expect("listed").failure.is_none());
}

#[tokio::test]
async fn a_first_upload_that_fails_leaves_nothing() {
    let (folder, plugins) = plugins();
    put(&plugins, "v", b"not wasm".to_vec())
        .await
        .expect_err("fails");
    assert!(plugins.get("v").is_none() && plugins.list().is_empty());
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("readable").count(),
        0
    );
    let error = put(&plugins, "../v", guest("versioned-a"))
        .await
        .expect_err("refused");
    assert!(error.to_string().contains("step name"), "{error}");
    let error = reload(&plugins, "v").await.expect_err("unknown");
    assert!(matches!(error, RegistryError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn a_plugin_in_use_is_not_deleted() {
    let (folder, plugins) = plugins();
    put(&plugins, "v", guest("versioned-a"))
        .await
        .expect("loads");
    let handle = plugins.handle("v").expect("known");
    let error = plugins
        .delete("v", || vec!["endpoint `chat`".into()])
        .await
        .expect_err("in use");
    assert!(error.to_string().contains("endpoint `chat`"), "{error}");
    assert!(handle.current().is_some());
    plugins.delete("v", Vec::new).await.expect("deleted");
    assert!(handle.current().is_none() && plugins.handle("v").is_none());
    assert!(!folder.path().join("v.wasm").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_of_one_name_come_one_after_the_other() {
    let (_folder, plugins) = plugins();
    // The first upload of a name, twice at the same time.
    let (first, second) = tokio::join!(
        put(&plugins, "v", guest("versioned-a")),
        put(&plugins, "v", guest("versioned-a"))
    );
    let newest = first
        .expect("loads")
        .0
        .number()
        .max(second.expect("loads").0.number());
    let current = plugins.handle("v").and_then(|handle| handle.current());
    assert_eq!(current.map(|current| current.number()), Some(newest));

    let reloads = (0..8).map(|_| {
        let plugins = Arc::clone(&plugins);
        tokio::spawn(async move { reload(&plugins, "v").await.expect("reloads").0.number() })
    });
    let numbers = futures_util::future::join_all(reloads).await;
    let last = numbers
        .into_iter()
        .map(|number| number.expect("no panic"))
        .max();
    let current = plugins
        .handle("v")
        .and_then(|handle| handle.current())
        .expect("live");
    assert_eq!(Some(current.number()), last, "the newest is current");
}
