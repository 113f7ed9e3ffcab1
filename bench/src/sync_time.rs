//! What one sync costs here and now: 4 KiB appended to a file and `fdatasync`.
//!
//! Durable round trips can't be faster than the disk; this is the figure to hold them against.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

const SYNCS: usize = 300;
/// A disk that needs 10 ms a sync is known well enough after this time.
const MAX_TIME: Duration = Duration::from_secs(3);

/// The median time of an append with its sync, in a new file in `dir`.
pub fn median(dir: &Path) -> Result<Duration> {
    let path = tempfile::Builder::new()
        .prefix("sync")
        .tempfile_in(dir)?
        .into_temp_path();
    let mut file = File::options().append(true).open(&path)?;
    let block = [0x5a; 4096];
    let mut times = Vec::with_capacity(SYNCS);
    let begin = Instant::now();
    while times.len() < SYNCS && begin.elapsed() < MAX_TIME {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort();
    times
        .get(times.len() / 2)
        .copied()
        .context("no sync was measured")
}
