//! Changes of a plugin's source.

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::cli::plugin::files::is_source;
use crate::cli::plugin::project::Source;

/// A burst of events is over after this much silence: editors write a file in several
/// steps.
const QUIET: Duration = Duration::from_millis(40);

/// The changes of one source from now on.
pub struct Changes {
    events: Receiver<Instant>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    pub fn of(source: &Source) -> Result<Self> {
        let (folder, mode) = match source {
            Source::Rust(folder) => (folder.as_path(), RecursiveMode::Recursive),
            Source::Python(module) => (parent(module), RecursiveMode::Recursive),
            Source::Script(script) => (parent(script), RecursiveMode::NonRecursive),
        };
        let only = match source {
            Source::Script(script) => script.file_name().map(ToOwned::to_owned),
            _ => None,
        };
        // As events name it: the watcher follows links.
        let root = folder.canonicalize();
        let root = root.with_context(|| format!("can't find {}", folder.display()))?;
        let (sender, events) = channel();
        let inside = root.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Lost events may have been changes.
            let changed = event.map_or(true, |event| {
                let mut files = event.paths.iter();
                is_change(event.kind)
                    && files.any(|file| match &only {
                        Some(script) => file.file_name() == Some(script),
                        None => is_source(&inside, file),
                    })
            });
            if changed {
                // Nobody listens when the program ends.
                let _ = sender.send(Instant::now());
            }
        })?;
        let watched = watcher.watch(&root, mode);
        watched.with_context(|| format!("can't watch {}", folder.display()))?;
        Ok(Self {
            events,
            _watcher: watcher,
        })
    }

    /// Waits for a change to be over; when it began.
    pub fn wait(&self) -> Result<Instant> {
        let began = self.events.recv().context("nothing watches any more")?;
        while self.events.recv_timeout(QUIET).is_ok() {}
        Ok(began)
    }
}

fn parent(file: &Path) -> &Path {
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

fn is_change(kind: EventKind) -> bool {
    // Compilers read the source, which is an event, too.
    !matches!(kind, EventKind::Access(access) if !is_close_after_writing(access))
}

fn is_close_after_writing(access: notify::event::AccessKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
    access == AccessKind::Close(AccessMode::Write)
}
