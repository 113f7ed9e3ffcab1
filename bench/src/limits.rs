//! The limit on open files, which thousands of sockets need raised.

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on open files as far as `files`, for this process and the servers it
/// starts later, which inherit it.
pub fn raise_open_files(files: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Some(files);
    if covers(limit.current, files) {
        return Ok(());
    }
    ensure!(
        covers(limit.maximum, files),
        "this measure needs {files} open files, the hard limit is {}: raise it with `ulimit -Hn`",
        limit.maximum.unwrap_or_default()
    );
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: wanted,
            maximum: limit.maximum,
        },
    )
    .with_context(|| format!("raise the limit on open files to {files}"))
}

/// No limit is written as `None`.
fn covers(limit: Option<u64>, files: u64) -> bool {
    limit.is_none_or(|limit| limit >= files)
}
