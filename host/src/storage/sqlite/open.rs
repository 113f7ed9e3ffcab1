//! Opening a SQLite file: create it, lock it, migrate it, prepare its tables.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use super::schema;

/// Reads that may run at once. They wait for one another, never for the writer.
const READERS: u32 = 8;

/// Pages that each of them may hold for itself; negative is in KiB.
const READER_CACHE: &str = "-256";

/// A SQLite file that this process owns.
pub struct Database {
    pub path: PathBuf,
    pub readers: SqlitePool,
    /// Held for the life of the process; the system releases it when it dies.
    _lock: File,
}

/// Opens `path`, creating file and folder where they are missing.
///
/// # Errors
/// Another hookcast serves the file; the file is no database, is newer, or can't be
/// written.
pub async fn open(path: &Path) -> Result<Database> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("can't create the folder {}", folder.display()))?;
    }
    let lock = lock(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging();
    let mut connection = options
        .connect()
        .await
        .with_context(|| format!("can't open {} as a SQLite database", path.display()))?;
    schema::migrate(&mut connection)
        .await
        .with_context(|| path.display().to_string())?;
    // The system caches the file; eight times SQLite's usual 2 MiB would hold it twice.
    let options = options.pragma("cache_size", READER_CACHE);
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(options.create_if_missing(false))
        .await?;
    Ok(Database {
        path: path.to_owned(),
        readers,
        _lock: lock,
    })
}

/// Two writers on one file would hand out the same offsets twice. The lock is on the
/// file itself, so that it holds whatever name the file is reached by. It is another kind
/// of lock than SQLite's own; and it is taken before SQLite opens the file and released
/// after, because closing any handle of a file ends SQLite's locks on it.
fn lock(path: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("can't open {} for writing", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "{} is in use by another hookcast process; stop it, or give this one another \
             `[storage] url`",
            path.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("can't lock {}", path.display()))
        }
    }
}
