//! What the kernel knows about a process: CPU time and resident memory.

use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time (user and system) that this process has used so far, all threads.
pub fn own_cpu() -> Result<Duration> {
    // SAFETY: rusage is plain old data for which all zeroes is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` lives through the call, which only writes into it.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) } != 0 {
        return Err(std::io::Error::last_os_error()).context("getrusage");
    }
    Ok(timeval(usage.ru_utime) + timeval(usage.ru_stime))
}

fn timeval(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs())
        + Duration::from_micros(time.tv_usec.unsigned_abs())
}
