//! `[plugins] watch`: files of the plugins folder are loaded when they change.
//!
//! Only complete files are: those renamed into the folder, hard links, and those that
//! were closed after writing. A file that is still open for writing is half a plugin,
//! however long nothing has been added to it.

mod complete;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Origin, plugin};
use crate::app::App;
use crate::plugin::{check_name, files_of, plugin_of};
use complete::{Seen, completeness};

/// A burst of events is over after this much silence. Build tools and editors do several
/// things to one file; each of them would be a reload of its own.
const QUIET: Duration = Duration::from_millis(100);

/// Whether the system tells when a file that was written is closed.
const TELLS_CLOSE: bool = cfg!(target_os = "linux");

/// Where it does not: the time between two looks, which must find the file the same.
const LOOK: Duration = Duration::from_millis(300);

/// Files that something has happened to, by plugin. Bounded by the number of names.
#[derive(Default)]
struct Changed {
    files: Mutex<BTreeMap<String, Seen>>,
    more: Notify,
}

/// Begins to watch, if the config says so. Dropping the watcher ends it.
///
/// # Errors
/// The folder can't be watched.
pub fn start(app: &Arc<App>) -> Result<Option<RecommendedWatcher>> {
    let config = app.config();
    if !config.plugins.watch {
        return Ok(None);
    }
    let changed = Arc::new(Changed::default());
    let noted = changed.clone();
    let mut watcher = notify::recommended_watcher(move |event| noted.note(event))
        .context("files can't be watched; set `watch = false` under `[plugins]`")?;
    let folder = &config.plugins.dir;
    watcher
        .watch(folder, RecursiveMode::NonRecursive)
        .with_context(|| {
            format!(
                "the plugins folder {} can't be watched; create it, or set `watch = false` \
                 under `[plugins]`",
                folder.display()
            )
        })?;
    tracing::info!("watching {} for plugins", folder.display());
    tokio::spawn(follow(app.clone(), changed));
    Ok(Some(watcher))
}

impl Changed {
    /// Runs on the watcher's thread.
    fn note(&self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::error!("the plugins folder is not watched as it should be: {error}");
                return;
            }
        };
        if event.need_rescan() {
            tracing::warn!(
                "events of the plugins folder were lost; reload what you have changed by hand"
            );
            return;
        }
        let mut files = self.files.lock();
        for path in &event.paths {
            let Some(name) = plugin_of(path).filter(|name| check_name(name).is_ok()) else {
                continue;
            };
            match completeness(event.kind, path) {
                // Its writer closes it, or not: nothing to load before that.
                Some(Seen::Unfinished) if TELLS_CLOSE => {
                    files.remove(name);
                }
                Some(seen) => {
                    files.insert(name.to_owned(), seen);
                    self.more.notify_one();
                }
                None => {}
            }
        }
    }

    /// What has changed, when the burst is over.
    async fn burst(&self) -> BTreeMap<String, Seen> {
        self.more.notified().await;
        while tokio::time::timeout(QUIET, self.more.notified())
            .await
            .is_ok()
        {}
        std::mem::take(&mut *self.files.lock())
    }
}

async fn follow(app: Arc<App>, changed: Arc<Changed>) {
    loop {
        for (name, seen) in changed.burst().await {
            match seen {
                Seen::Unfinished if complete::is_changing(&app, &name, LOOK).await => {
                    let mut files = changed.files.lock();
                    files.entry(name).or_insert(seen);
                    changed.more.notify_one();
                }
                Seen::Unfinished | Seen::Complete => load(&app, &name).await,
                Seen::Removed => removed(&app, &name),
            }
        }
    }
}

/// Loads a file that is complete, unless it is what serves already: an upload writes the
/// file, too, and so does a rollback.
async fn load(app: &Arc<App>, name: &str) {
    match app.plugins.file_digest(name).await {
        Ok(digest) if serves(app, name, &digest) => return,
        // Gone again, or not readable: the load says so.
        _ => {}
    }
    match plugin(app, name, Origin::File).await {
        Ok(exchange) => tracing::info!(
            plugin = name, version = %exchange.generation.version(),
            generation = exchange.generation.number(), "loaded, because its file has changed"
        ),
        Err(error) => tracing::error!(
            "the changed file of plugin `{name}` was not loaded, and what served before \
             serves on: {error}"
        ),
    }
}

fn serves(app: &App, name: &str, digest: &str) -> bool {
    let current = app.plugins.handle(name).and_then(|one| one.current());
    current.is_some_and(|current| **current.digest() == *digest)
}

fn removed(app: &App, name: &str) {
    // Renamed away and written anew, as some editors do.
    if !files_of(&app.config().plugins.dir, name).is_empty() {
        return;
    }
    if app.plugins.handle(name).is_some() {
        tracing::warn!(
            "the file of plugin `{name}` was removed; what was loaded serves on until a restart. \
             `DELETE /api/plugins/{name}` on the admin listener removes a plugin"
        );
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, AccessMode, DataChange, ModifyKind, RemoveKind};
    use notify::{Event, EventKind};

    use super::*;

    #[tokio::test]
    async fn a_burst_is_one_change_of_each_plugin() {
        let changed = Changed::default();
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let tell = |kind, file: &str| {
            let path = std::path::Path::new("plugins").join(file);
            changed.note(Ok(Event::new(kind).add_path(path)));
        };
        for _ in 0..5 {
            tell(EventKind::Remove(RemoveKind::File), "chat.wasm");
            tell(closed, "chat.wasm");
        }
        tell(closed, "other.wasm");
        tell(closed, ".hidden.wasm");
        tell(closed, "chat.wasm.tmp");
        tell(EventKind::Remove(RemoveKind::File), "gone.wasm");
        let burst: Vec<_> = changed.burst().await.into_iter().collect();
        let expected = [
            ("chat", Seen::Complete),
            ("gone", Seen::Removed),
            ("other", Seen::Complete),
        ];
        assert_eq!(burst, expected.map(|(name, seen)| (name.to_owned(), seen)));

        if TELLS_CLOSE {
            tell(closed, "chat.wasm");
            tell(
                EventKind::Modify(ModifyKind::Data(DataChange::Any)),
                "chat.wasm",
            );
            assert!(changed.burst().await.is_empty(), "someone writes it again");
        }
    }
}
