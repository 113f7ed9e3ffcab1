//! The server's own times of a reload, as its answer has them.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::figures::median;
use crate::goals::Table;
use crate::http;
use crate::server::ADMIN_TOKEN;

/// Steps that read or write files of plugins: they depend on the disk, and on how often the
/// same file was there before. From bytes in memory to serving is all but these.
const DISK: [&str; 3] = ["read", "write", "keep"];

/// The answer to an upload.
#[derive(Deserialize)]
pub struct Report {
    /// The machine code came from the cache.
    pub cached: bool,
    pub steps: Vec<Step>,
}

#[derive(Deserialize)]
pub struct Step {
    pub step: String,
    pub ms: f64,
}

impl Report {
    /// Milliseconds from bytes in memory to serving.
    pub fn memory(&self) -> f64 {
        self.sum(|step| !DISK.contains(&step))
    }

    /// Milliseconds of files.
    pub fn disk(&self) -> f64 {
        self.sum(|step| DISK.contains(&step))
    }

    fn sum(&self, counts: impl Fn(&str) -> bool) -> f64 {
        let counted = self.steps.iter().filter(|step| counts(&step.step));
        counted.map(|step| step.ms).sum()
    }
}

/// Uploads a build.
pub fn put(admin: SocketAddr, plugin: &str, bytes: &[u8]) -> Result<Report> {
    let path = format!("/api/plugins/{plugin}");
    let (status, text) = http::request(admin, "PUT", &path, ADMIN_TOKEN, bytes)?;
    ensure!(status == 200, "PUT {path} answered {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("PUT {path} answered {text}"))
}

/// The median of each step, in the order of the steps.
pub fn write(table: &mut Table, reports: &[Report]) {
    let Some(first) = reports.first() else {
        return;
    };
    for Step { step: name, .. } in &first.steps {
        let all = reports.iter().flat_map(|report| &report.steps);
        let times = all.filter(|step| step.step == *name).map(|step| step.ms);
        table.figure(format!("  {name}"), median(times), "ms");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_apart() {
        let answer = r#"{"plugin": "p", "cached": true, "steps": [
            {"step": "digest", "ms": 0.25}, {"step": "compile", "ms": 0.5},
            {"step": "write", "ms": 4.0}, {"step": "keep", "ms": 8.0}, {"step": "swap", "ms": 0.0}]}"#;
        let report: Report = serde_json::from_str(answer).expect("a report");
        assert_eq!((report.memory(), report.disk()), (0.75, 12.0));
        let mut table = Table::default();
        write(&mut table, &[report]);
        let text = table.to_string();
        let compile = text.lines().find(|line| line.contains("compile"));
        assert!(
            compile.is_some_and(|line| line.ends_with("0.50 ms")),
            "{text}"
        );
    }
}
