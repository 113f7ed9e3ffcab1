//! What the kernel knows about a process: CPU time and resident memory.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// CPU time (user and system) that this process has used so far, all threads.
pub fn own_cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// CPU time that the calling thread has used so far.
pub fn thread_cpu() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// CPU time (user and system, all threads) of another process; the kernel rounds to its tick,
/// usually 10 ms, so the window has to be seconds long.
pub fn cpu_of(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let ticks = ticks(&text).with_context(|| format!("{path} is not in the expected form"))?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// utime + stime, fields 14 and 15. The second field is the program's name in parentheses and may
/// hold spaces, so counting starts behind the last parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory of a process in KiB.
pub fn rss_kib(pid: u32) -> Result<u64> {
    kib(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// This process's share of the memory it uses (PSS), in KiB.
pub fn own_pss_kib() -> Result<u64> {
    kib("/proc/self/smaps_rollup", "Pss:")
}

/// What the kernel keeps to map this process's memory, in KiB.
pub fn own_page_tables_kib() -> Result<u64> {
    kib("/proc/self/status", "VmPTE:")
}

fn kib(path: &str, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    value(&text, name).with_context(|| format!("{path} has no {name}"))
}

/// The value of a line such as `VmRSS:    812 kB`.
fn value(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_a_name_with_spaces_and_parentheses() {
        let stat = "17 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(ticks(stat), Some(300));
    }

    #[test]
    fn a_value_is_the_one_of_the_whole_name() {
        let rollup = "Rss:   900 kB\nPss:    812 kB\nPss_Dirty:   5 kB\n";
        assert_eq!(value(rollup, "Pss:"), Some(812));
        assert_eq!(value(rollup, "VmPTE:"), None);
    }

    #[test]
    fn this_process_has_memory_and_uses_cpu() {
        assert!(rss_kib(std::process::id()).unwrap() > 100);
        assert!(own_pss_kib().unwrap() > 100);
        assert!(own_page_tables_kib().unwrap() > 0);
        assert!(cpu_of(std::process::id()).is_ok());
    }
}
