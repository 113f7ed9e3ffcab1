//! The figures of plugins as Prometheus text.
//!
//! Rendered from the generations that are alive, and not kept by the metrics recorder,
//! which forgets no series: after a hundred reloads it would still show all hundred.

use std::fmt::{Display, Write as _};

use metrics_exporter_prometheus::formatting::{write_help_line, write_type_line};

use super::generation::Generation;
use super::limits::Limit;
use super::statistics::{HookFigures, Kind};
use super::trap::TrapKind;

/// A generation's figures at one moment. Its name has no character that a label must
/// escape, and neither have the names of hooks, kinds and limits.
struct Shown<'a> {
    generation: &'a Generation,
    hooks: Vec<HookFigures>,
}

/// All series of these generations. Each name is described once, however many
/// generations it has.
pub fn render<'a>(generations: impl Iterator<Item = &'a Generation>) -> String {
    let shown: Vec<_> = generations
        .map(|generation| Shown {
            generation,
            hooks: generation.figures(),
        })
        .collect();
    let mut text = String::new();
    if shown.is_empty() {
        return text;
    }
    seconds(&mut text, &shown);
    type Figure = fn(&HookFigures) -> u64;
    let totals: [(&str, &str, Figure); 3] = [
        (
            "hookcast_hook_rejections_total",
            "Hook calls in which the plugin said no",
            |hook| hook.rejected,
        ),
        (
            "hookcast_hook_bytes_in_total",
            "Bytes of the texts that hooks were called with",
            |hook| hook.bytes_in,
        ),
        (
            "hookcast_hook_bytes_out_total",
            "Bytes of the texts that hooks returned",
            |hook| hook.bytes_out,
        ),
    ];
    for (name, help, figure) in totals {
        by_hook(&mut text, name, help, &shown, |hook, add| {
            add(&[], figure(hook));
        });
    }
    by_hook(
        &mut text,
        "hookcast_hook_errors_total",
        "Hook calls that failed, by kind",
        &shown,
        |hook, add| {
            for kind in Kind::ALL.map(Kind::name) {
                add(&[("kind", kind)], count_of(&hook.errors, kind));
            }
        },
    );
    by_hook(
        &mut text,
        "hookcast_hook_traps_total",
        "Hook calls that trapped, by what trapped",
        &shown,
        |hook, add| {
            for trap in TrapKind::ALL.map(TrapKind::name) {
                add(&[("trap", trap)], count_of(&hook.traps, trap));
            }
        },
    );
    by_hook(
        &mut text,
        "hookcast_hook_timeouts_total",
        "Hook calls that were ended, by the limit they reached",
        &shown,
        |hook, add| {
            for limit in [Limit::Hook, Limit::Init, Limit::Wall].map(Limit::key) {
                add(&[("limit", limit)], count_of(&hook.timeouts, limit));
            }
        },
    );
    by_generation(&mut text, &shown);
    text
}

/// The labels that a series has besides those of its hook or generation.
type Labels<'a> = &'a [(&'a str, &'a str)];

fn seconds(text: &mut String, shown: &[Shown<'_>]) {
    let name = "hookcast_hook_seconds";
    describe(
        text,
        name,
        "histogram",
        "Time of hook calls from start to end",
    );
    for Shown { generation, hooks } in shown {
        for figures in hooks {
            let labels = hook_labels(generation, figures);
            for (bound, count) in figures.counts.cumulative() {
                let bound = bound as f64 / 1e6;
                line(
                    text,
                    "hookcast_hook_seconds_bucket",
                    &format!("{labels},le=\"{bound}\""),
                    count,
                );
            }
            let total = figures.counts.total();
            line(
                text,
                "hookcast_hook_seconds_bucket",
                &format!("{labels},le=\"+Inf\""),
                total,
            );
            let sum = figures.counts.sum.as_secs_f64();
            line(text, "hookcast_hook_seconds_sum", &labels, sum);
            line(text, "hookcast_hook_seconds_count", &labels, total);
        }
    }
}

/// A counter with series for each hook.
fn by_hook(
    text: &mut String,
    name: &str,
    help: &str,
    shown: &[Shown<'_>],
    series: impl Fn(&HookFigures, &mut dyn FnMut(Labels<'_>, u64)),
) {
    describe(text, name, "counter", help);
    for Shown { generation, hooks } in shown {
        for figures in hooks {
            let labels = hook_labels(generation, figures);
            series(figures, &mut |more, count| {
                let mut labels = labels.clone();
                for (key, value) in more {
                    let _ = write!(labels, ",{key}=\"{value}\"");
                }
                line(text, name, &labels, count);
            });
        }
    }
}

/// What a generation counts for all its hooks together.
fn by_generation(text: &mut String, shown: &[Shown<'_>]) {
    let name = "hookcast_plugin_limit_hits_total";
    describe(text, name, "counter", "Times a limit of a plugin was hit");
    for Shown { generation, .. } in shown {
        for figures in generation.limits() {
            let labels = format!("{},limit=\"{}\"", labels(generation), figures.name);
            line(text, name, &labels, figures.hits);
        }
    }
    let name = "hookcast_plugin_memory_high_water_bytes";
    describe(text, name, "gauge", "Most memory that one instance has had");
    for Shown { generation, .. } in shown {
        let most = generation.meter().high_water(Limit::Memory);
        line(text, name, &labels(generation), most);
    }
    let name = "hookcast_plugin_log_dropped_total";
    describe(
        text,
        name,
        "counter",
        "Log lines of a plugin beyond its limits",
    );
    for Shown { generation, .. } in shown {
        let meter = generation.meter();
        let dropped = meter.hits(Limit::LogRate) + meter.hits(Limit::LogBytes);
        line(text, name, &labels(generation), dropped);
    }
}

fn describe(text: &mut String, name: &str, kind: &str, help: &str) {
    write_help_line(text, name, None, None, help);
    write_type_line(text, name, None, None, kind);
}

fn line(text: &mut String, name: &str, labels: &str, value: impl Display) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{name}{{{labels}}} {value}");
}

fn labels(generation: &Generation) -> String {
    let (plugin, number) = (generation.name(), generation.number());
    format!("plugin=\"{plugin}\",generation=\"{number}\"")
}

fn hook_labels(generation: &Generation, figures: &HookFigures) -> String {
    format!("{},hook=\"{}\"", labels(generation), figures.hook)
}

/// The count of this name; 0 where it is left out.
fn count_of(counts: &[(&'static str, u64)], name: &str) -> u64 {
    let found = counts.iter().find(|(counted, _)| *counted == name);
    found.map_or(0, |(_, count)| *count)
}
