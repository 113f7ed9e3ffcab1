//! The process table.

use std::fs;

/// The processes that a process has started and that are still there, ended ones that
/// nobody has asked after included.
pub fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("the process table");
    let numbers = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|pid| status(*pid, "PPid").is_some_and(|ppid| ppid == parent.to_string()))
        .collect()
}

/// A line of `/proc/PID/status`; none when the process is gone.
pub fn status(pid: u32, key: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| *name == key)?;
    Some(value.trim().to_owned())
}
