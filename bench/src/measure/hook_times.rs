//! Hook time per message, as the server's own metrics tell it.
//!
//! `hookcast_hook_seconds` may be a summary (quantiles are read) or a histogram (the median is
//! interpolated in its bucket).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::http;
use crate::load::Load;
use crate::server::{ADMIN_TOKEN, Kind, Setup};

const METRIC: &str = "hookcast_hook_seconds";
/// Enough for the caches to stay warm, as they are in a server that has work.
const RATE: f64 = 10_000.0;
const WINDOW: Duration = Duration::from_secs(3);

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Hook {
    pub plugin: String,
    pub hook: String,
    pub calls: f64,
    pub mean_us: f64,
    pub median_us: Option<f64>,
}

pub fn run(setup: &Setup) -> Result<Vec<Hook>> {
    let server = setup.start(Kind::Hookcast)?;
    let mut load = Load::connect(server.address, 1, 1)?;
    super::ensure_faultless(&load.run(RATE, WINDOW)?)?;
    let admin = server.admin.context("hookcast has no admin listener")?;
    let (status, text) = http::get(admin, "/metrics", ADMIN_TOKEN)?;
    ensure!(status == 200, "GET /metrics answered {status}");
    Ok(parse(&text))
}

/// The lines of one plugin and hook.
#[derive(Default)]
struct Lines {
    count: f64,
    sum: f64,
    median: Option<f64>,
    /// Upper bound and cumulative count.
    buckets: Vec<(f64, f64)>,
}

fn parse(text: &str) -> Vec<Hook> {
    let mut hooks: BTreeMap<(String, String), Lines> = BTreeMap::new();
    for line in text.lines() {
        let Some((suffix, labels, value)) = sample(line) else {
            continue;
        };
        let key = (label(labels, "plugin"), label(labels, "hook"));
        let lines = hooks.entry(key).or_default();
        match suffix {
            // One series for each generation.
            "_count" => lines.count += value,
            "_sum" => lines.sum += value,
            "_bucket" => {
                if let Ok(bound) = label(labels, "le").parse() {
                    let known = lines.buckets.iter_mut().find(|(other, _)| *other == bound);
                    match known {
                        Some((_, count)) => *count += value,
                        None => lines.buckets.push((bound, value)),
                    }
                }
            }
            "" if label(labels, "quantile") == "0.5" => lines.median = Some(value),
            _ => {}
        }
    }
    hooks
        .into_iter()
        .filter(|(_, lines)| lines.count > 0.0)
        .map(|((plugin, hook), lines)| Hook {
            plugin,
            hook,
            calls: lines.count,
            mean_us: lines.sum / lines.count * 1e6,
            median_us: lines
                .median
                .or_else(|| median(&lines.buckets))
                .map(|median| median * 1e6),
        })
        .collect()
}

/// Splits `hookcast_hook_seconds_sum{a="b"} 1.5` into suffix, labels and value.
fn sample(line: &str) -> Option<(&str, &str, f64)> {
    let (suffix, rest) = line.strip_prefix(METRIC)?.split_once('{')?;
    let (labels, value) = rest.rsplit_once('}')?;
    Some((suffix, labels, value.trim().parse().ok()?))
}

/// The values are names without quotes or commas in them.
fn label(labels: &str, name: &str) -> String {
    labels
        .split(',')
        .filter_map(|label| label.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
        .unwrap_or_default()
}

fn median(buckets: &[(f64, f64)]) -> Option<f64> {
    let half = buckets.last()?.1 / 2.0;
    let (mut below, mut lower) = (0.0, 0.0);
    for &(bound, cumulative) in buckets {
        if cumulative >= half && cumulative > below && bound.is_finite() {
            return Some(lower + (bound - lower) * (half - below) / (cumulative - below));
        }
        (below, lower) = (cumulative, bound);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_and_a_histogram_are_read() {
        let text = r#"# TYPE hookcast_hook_seconds summary
hookcast_hook_seconds{plugin="bench",hook="prepare",quantile="0.5"} 0.000002
hookcast_hook_seconds{plugin="bench",hook="prepare",quantile="0.99"} 0.000009
hookcast_hook_seconds_sum{plugin="bench",hook="prepare"} 0.03
hookcast_hook_seconds_count{plugin="bench",hook="prepare"} 10000
hookcast_hook_seconds_bucket{plugin="bench",generation="1",hook="modify",le="0.000002"} 15
hookcast_hook_seconds_bucket{plugin="bench",generation="1",hook="modify",le="0.000004"} 30
hookcast_hook_seconds_bucket{plugin="bench",generation="1",hook="modify",le="+Inf"} 40
hookcast_hook_seconds_sum{plugin="bench",generation="1",hook="modify"} 0.0003
hookcast_hook_seconds_count{plugin="bench",generation="1",hook="modify"} 40
hookcast_hook_seconds_bucket{plugin="bench",generation="2",hook="modify",le="0.000002"} 5
hookcast_hook_seconds_bucket{plugin="bench",generation="2",hook="modify",le="0.000004"} 50
hookcast_hook_seconds_bucket{plugin="bench",generation="2",hook="modify",le="+Inf"} 60
hookcast_hook_seconds_sum{plugin="bench",generation="2",hook="modify"} 0.0001
hookcast_hook_seconds_count{plugin="bench",generation="2",hook="modify"} 60
other_metric 5
"#;
        let hooks = parse(text);
        let figures: Vec<_> = hooks
            .iter()
            .map(|h| {
                (
                    h.hook.as_str(),
                    h.calls,
                    h.mean_us.round(),
                    h.median_us.map(f64::round),
                )
            })
            .collect();
        assert_eq!(
            figures,
            [
                ("modify", 100.0, 4.0, Some(3.0)),
                ("prepare", 10000.0, 3.0, Some(2.0))
            ]
        );
    }
}
