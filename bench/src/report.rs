//! The report for people: a table of medians with ratios, then the goals and whether they are met.
//!
//! Goals are printed, never asserted: figures of a busy machine must not fail a build.

use std::fmt::Write as _;

use anyhow::Result;

use crate::figure::Figure;
use crate::figures::Figures;
use crate::measure::{cpu, floor, idle, roundtrips, stuck};
use crate::server::HOOK_DEADLINE_MS;

pub const CPU_GROUP: &str = "20,000 deliveries/s, 100 subscribers";
pub const ROUNDTRIPS_GROUP: &str = "own-message round trips, 16 connections";
pub const IDLE_GROUP: &str = "idle WebSockets, 10,000";
pub const ERROR_GROUP: &str = "a plugin that loops: its sender's error, 50 runs";
pub const CALM_GROUP: &str = "another endpoint meanwhile, 200/s to 20 subscribers, 2 attackers";

// The titles above name what the measures do.
const _: () = assert!(cpu::SUBSCRIBERS == 100 && cpu::RATE == 200.0);
const _: () = assert!(roundtrips::CONNECTIONS == 16 && idle::CONNECTIONS == 10_000);
const _: () = assert!(stuck::RUNS == 50 && stuck::ATTACKERS == 2);
const _: () = assert!(stuck::SUBSCRIBERS == 20 && stuck::RATE == 200.0);

pub fn sustained_group(subscribers: usize) -> String {
    format!("sustained, {subscribers} subscribers, 1 publisher")
}

pub fn floor_group(frames_per_write: usize) -> String {
    format!(
        "floor, {} sockets, {frames_per_write} frames a write",
        floor::SOCKETS
    )
}

pub fn render(figures: &Figures, rounds: u32) -> Result<String> {
    let mut out = String::new();
    writeln!(
        out,
        "\nMedians of {rounds} rounds. A difference below 15 % means nothing.\n"
    )?;
    writeln!(
        out,
        "{:<34}{:>14}{:>14}{:>14}{:>10}",
        "", "hookcast", "axum", "floor", "h / axum"
    )?;
    let mut group = "";
    for key in figures.keys() {
        if key.group != group {
            group = &key.group;
            writeln!(out, "{group}")?;
        }
        let value = |subject| figures.median(subject, &key.group, &key.name);
        let ratio = value("hookcast")
            .zip(value("axum"))
            .map(|(hookcast, axum)| hookcast / axum)
            .filter(|ratio| ratio.is_finite());
        let name = format!("  {} {}", key.name, key.unit);
        writeln!(
            out,
            "{name:<34}{:>14}{:>14}{:>14}{:>10}",
            Figure(value("hookcast")).to_string(),
            Figure(value("axum")).to_string(),
            Figure(value("floor")).to_string(),
            Figure(ratio).to_string(),
        )?;
    }
    write_goals(&mut out, figures)?;
    Ok(out)
}

/// What Hookcast set out to reach, as far as this run has measured it.
/// The figures of one hook.
pub fn hook_group(hook: &str, plugin: &str) -> String {
    format!("hook {hook} of plugin {plugin}")
}

fn write_goals(out: &mut String, figures: &Figures) -> Result<()> {
    let hookcast = |group: &str, name: &str| figures.median("hookcast", group, name);
    let axum = |group: &str, name: &str| figures.median("axum", group, name);
    let mut goals = Vec::new();
    for subscribers in [100, 1000] {
        let group = sustained_group(subscribers);
        let (name, bound) = ("deliveries", 2.0);
        if let Some((h, a)) = hookcast(&group, name).zip(axum(&group, name)) {
            let text = format!("at least twice axum's deliveries at {subscribers} subscribers");
            goals.push((text, h / a, bound, h >= bound * a));
        }
    }
    let cpu = "CPU per delivery";
    if let Some((h, a)) = hookcast(CPU_GROUP, cpu).zip(axum(CPU_GROUP, cpu)) {
        goals.push((
            "CPU µs per delivery no higher than axum's".into(),
            h,
            a,
            h <= a,
        ));
    }
    if let Some(kib) = hookcast(IDLE_GROUP, "memory each") {
        goals.push(("KiB per idle WebSocket".into(), kib, 8.0, kib <= 8.0));
    }
    if let Some(median) = hookcast(&hook_group("prepare", "bench"), "median") {
        let text = "µs for a hook, through the host";
        goals.push((text.into(), median, 5.0, median <= 5.0));
    }
    let trips = hookcast(ROUNDTRIPS_GROUP, "round trips");
    if let Some((trips, bound)) = trips.zip(hookcast(ROUNDTRIPS_GROUP, "16 / sync")) {
        let goal = (0.6 * bound).min(30_000.0);
        goals.push((
            "round trips/s: 60 % of 16 / sync or 30,000".into(),
            trips,
            goal,
            trips >= goal,
        ));
    }
    for (hook, _) in stuck::HOOKS {
        if let Some(median) = hookcast(ERROR_GROUP, &format!("{hook}, median")) {
            let goal = f64::from(HOOK_DEADLINE_MS) + 5.0;
            let text = format!("ms to the error of a loop in {hook}: deadline + 5");
            goals.push((text, median, goal, median <= goal));
        }
    }
    for (hook, _) in stuck::HOOKS {
        let p99 = hookcast(CALM_GROUP, &format!("p99, {hook} loops"));
        if let Some((p99, alone)) = p99.zip(hookcast(CALM_GROUP, "p99, alone")) {
            let goal = (2.0 * alone).max(alone + 5.0);
            let text = format!("p99 ms elsewhere, {hook} loops: max(2 x, + 5)");
            goals.push((text, p99, goal, p99 <= goal));
        }
    }
    if goals.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<52}{:>12}{:>12}", "goal", "reached", "wanted")?;
    for (text, reached, wanted, met) in goals {
        let mark = if met { "met" } else { "NOT met" };
        let (reached, wanted) = (Figure(Some(reached)), Figure(Some(wanted)));
        writeln!(
            out,
            "{text:<52}{:>12}{:>12}  {mark}",
            reached.to_string(),
            wanted.to_string()
        )?;
    }
    let most = floor_group(64);
    let floor = figures.median("floor", &most, "frames");
    if let Some((h, f)) = hookcast(&sustained_group(1000), "deliveries").zip(floor) {
        writeln!(
            out,
            "\nAt 1,000 subscribers Hookcast delivers {:.0} % of the floor.",
            h / f * 100.0
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_from_the_medians() {
        let mut figures = Figures::default();
        figures.add("hookcast", sustained_group(100), "deliveries", "/s", 3e6);
        figures.add("axum", sustained_group(100), "deliveries", "/s", 1e6);
        figures.add("hookcast", IDLE_GROUP, "memory each", "KiB", 9.0);
        let text = render(&figures, 1).unwrap();
        assert!(
            text.lines()
                .any(|l| l.starts_with("at least twice") && l.ends_with("  met"))
        );
        assert!(
            text.lines()
                .any(|l| l.starts_with("KiB per idle") && l.ends_with("NOT met"))
        );
    }

    #[test]
    fn a_neighbour_may_take_twice_as_long_or_five_milliseconds_longer() {
        for (alone, attacked, mark) in [
            (1.0, 5.9, "  met"),
            (1.0, 6.1, "NOT met"),
            (10.0, 19.9, "  met"),
            (10.0, 20.1, "NOT met"),
        ] {
            let mut figures = Figures::default();
            figures.add("hookcast", CALM_GROUP, "p99, alone", "ms", alone);
            figures.add("hookcast", CALM_GROUP, "p99, modify loops", "ms", attacked);
            let text = render(&figures, 1).unwrap();
            let mut goals = text.lines().filter(|l| l.starts_with("p99 ms elsewhere"));
            assert!(goals.next().is_some_and(|l| l.ends_with(mark)), "{text}");
            assert!(goals.next().is_none());
        }
    }
}
