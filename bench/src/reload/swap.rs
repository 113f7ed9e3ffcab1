//! The exchange of a plugin whose machine code is cached, under a trickle of traffic.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::steps::{self, Report};
use crate::figures::median;
use crate::goals::{Goal, Table};
use crate::load::Load;
use crate::measure::ensure_faultless;
use crate::server::{CHAT, Setup, endpoint};

const PLUGIN: &str = "versioned";
const SUBSCRIBERS: usize = 5;
/// Messages a second.
const RATE: f64 = 50.0;
const WINDOW: Duration = Duration::from_secs(1);

pub fn measure(
    setup: &Setup,
    one: &Path,
    other: &Path,
    swaps: u32,
    table: &mut Table,
) -> Result<()> {
    let server = setup.start_hookcast(&[(PLUGIN, one)], &endpoint(CHAT, PLUGIN))?;
    let admin = server.admin.context("hookcast has no admin listener")?;
    let (one, other) = (super::read(one)?, super::read(other)?);
    // What the cache does not have yet.
    steps::put(admin, PLUGIN, &other)?;
    let mut load = Load::connect(server.address, SUBSCRIBERS, 1)?;

    let over = AtomicBool::new(false);
    let exchange = || -> Result<(Vec<Report>, Vec<f64>)> {
        let (mut reports, mut walls) = (Vec::new(), Vec::new());
        for at in 0..swaps {
            let next = if at % 2 == 0 { &one } else { &other };
            let began = Instant::now();
            let report = steps::put(admin, PLUGIN, next)?;
            walls.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(report.cached, "exchange {at} was compiled again");
            reports.push(report);
        }
        Ok((reports, walls))
    };
    let (exchanged, traffic) = thread::scope(|scope| {
        let traffic = scope.spawn(|| -> Result<()> {
            while !over.load(Ordering::Relaxed) {
                ensure_faultless(&load.run(RATE, WINDOW)?)?;
            }
            Ok(())
        });
        let exchanged = exchange();
        over.store(true, Ordering::Relaxed);
        (exchanged, traffic.join())
    });
    let (reports, walls) =
        exchanged.with_context(|| format!("the server's log ends:\n{}", server.log_tail()))?;
    let Ok(traffic) = traffic else {
        anyhow::bail!("the load generator panicked");
    };
    traffic.context("messages beside the exchanges")?;

    table.heading(format!(
        "exchange of a cached plugin, {swaps} times beside {RATE} messages/s; medians"
    ));
    let memory = median(reports.iter().map(Report::memory));
    let name = "from bytes in memory to serving";
    table.goal(name, memory, "ms", Goal::AtMost(1.0));
    steps::write(table, &reports);
    table.figure(
        "files: write, keep",
        median(reports.iter().map(Report::disk)),
        "ms",
    );
    table.figure(
        "the whole PUT, as its client sees it",
        median(walls.into_iter()),
        "ms",
    );
    Ok(())
}
