//! Keeping calls as fixtures: those that failed, and on demand the next ones.
//!
//! The task that serves a message only hands the fixture over; a thread of its own
//! writes it. What it can't keep up with is dropped and counted.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use parking_lot::Mutex;

use super::fixture::Fixture;

mod shelf;
mod watch;

pub use shelf::Shelf;
pub use watch::{Mirrored, Shadow, Watch};

/// Fixtures that wait to be written.
const QUEUE: usize = 64;

/// Most calls that one request for recordings may keep.
pub const RECORDINGS: usize = 1_000;

/// Where calls of all plugins are kept.
pub struct Recorder {
    folder: PathBuf,
    failures: usize,
    writer: SyncSender<Job>,
    watches: Mutex<BTreeMap<String, Arc<Watch>>>,
}

/// A fixture to write.
struct Job {
    shelf: Shelf,
    id: Arc<str>,
    fixture: Box<Fixture>,
}

impl Recorder {
    /// Starts the thread that writes. `folder` gets the folders `failures` and
    /// `recordings`; `failures` is how many of each plugin are kept, 0 for none.
    ///
    /// # Errors
    /// There can't be another thread.
    pub fn start(folder: impl Into<PathBuf>, failures: usize) -> io::Result<Self> {
        let (writer, jobs) = sync_channel::<Job>(QUEUE);
        let work = move || {
            for job in jobs {
                if let Err(error) = job.shelf.put(&job.id, &job.fixture) {
                    let folder = job.shelf.folder().display();
                    tracing::warn!(%error, "a call can't be kept in {folder}");
                }
            }
        };
        std::thread::Builder::new()
            .name("fixtures".into())
            .spawn(work)?;
        Ok(Self {
            folder: folder.into(),
            failures,
            writer,
            watches: Mutex::default(),
        })
    }

    /// What watches the calls of a plugin, over all its generations.
    pub fn watch(&self, plugin: &str) -> Arc<Watch> {
        let mut watches = self.watches.lock();
        let new = || {
            let shelf = |kind: &str, keep| Shelf::new(self.folder.join(kind).join(plugin), keep);
            Arc::new(Watch::new(
                plugin,
                shelf("failures", self.failures),
                shelf("recordings", RECORDINGS),
                self.writer.clone(),
            ))
        };
        Arc::clone(watches.entry(plugin.to_owned()).or_insert_with(new))
    }
}
