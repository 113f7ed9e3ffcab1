//! Whether a file is whole, by what the system says of it.

use std::path::Path;
use std::time::Duration;

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};

use crate::app::App;
use crate::plugin::files_of;

/// What is known of a file after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Somebody may be writing it.
    Unfinished,
    /// It was closed after writing, or came into the folder whole.
    Complete,
    Removed,
}

/// Reads an event; none for those that say nothing about a file's content.
pub fn completeness(kind: EventKind, path: &Path) -> Option<Seen> {
    Some(match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Seen::Complete,
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Seen::Complete,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Seen::Removed,
        // The pair of the two, told once more, or a system that does not tell which.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return None,
        EventKind::Modify(ModifyKind::Name(_)) if path.exists() => Seen::Unfinished,
        EventKind::Modify(ModifyKind::Name(_)) => Seen::Removed,
        EventKind::Create(CreateKind::Folder) => return None,
        // cargo puts its artefacts in place by hard links: nobody closes those.
        EventKind::Create(_) if is_linked(path) => Seen::Complete,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_)) => Seen::Unfinished,
        EventKind::Modify(ModifyKind::Any) => Seen::Unfinished,
        EventKind::Remove(_) => Seen::Removed,
        _ => return None,
    })
}

/// True for a file with another name elsewhere, and for a link to one.
fn is_linked(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    path.symlink_metadata()
        .is_ok_and(|file| file.is_symlink() || file.nlink() > 1)
}

/// Whether a file has another size or time at a second look. The only sign of a writer
/// where the system does not tell when files are closed.
pub async fn is_changing(app: &App, name: &str, time: Duration) -> bool {
    let files = files_of(&app.config().plugins.dir, name);
    let look = || {
        let about = files.first()?.metadata().ok()?;
        Some((about.len(), about.modified().ok()?))
    };
    let first = look();
    tokio::time::sleep(time).await;
    first != look()
}

#[cfg(test)]
mod tests {
    use notify::event::DataChange;

    use super::*;

    #[test]
    fn only_what_nobody_writes_is_complete() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a.wasm"), folder.path().join("b.wasm"));
        std::fs::write(&file, b"whole").expect("a file");
        let created = EventKind::Create(CreateKind::File);
        assert_eq!(completeness(created, &file), Some(Seen::Unfinished));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert_eq!(completeness(written, &file), Some(Seen::Unfinished));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert_eq!(completeness(closed, &file), Some(Seen::Complete));
        let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
        assert_eq!(completeness(read, &file), None);
        std::fs::hard_link(&file, &link).expect("a link");
        assert_eq!(completeness(created, &link), Some(Seen::Complete));
    }
}
