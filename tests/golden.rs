//! Golden replay: recorded Gramex traffic, the same frames in, the same frames out.
//! `tests/golden/README.md` says what is where.

mod differences;
mod elsewhere;
mod mails;
mod peer;
mod replay;
mod stages;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use crate::support::smtp::SmtpServer;
use crate::support::{Setup, TestClient, TestServer};
use replay::{Replay, Scenario, lines, scenarios};
use stages::{ALL, AUTH, BAD_INPUT, FILTERS, NOT_NULL, POSTS, RATES, SCHEMA, Stage};
// Their hooks are scripts.
#[cfg(javascript_runtime)]
use stages::{ALERTS, HOOKS, RECIPIENT};

const FILES: [&str; 2] = ["messagehandler.jsonl", "alerts_ratelimit_schema.jsonl"];

/// What can't pass yet, and what is missing. An entry that passes fails the test, so that
/// it is taken out.
const NOT_YET: &[(&str, &str)] = &[];

/// The recorded scenarios of a stage, in the stage's order.
fn scenarios_of(stage: &Stage) -> Vec<Scenario> {
    let mut recorded: Vec<_> = FILES.into_iter().flat_map(scenarios).collect();
    let mut chosen = Vec::new();
    for name in stage.scenarios {
        let fits = |scenario: &mut Scenario| match name.strip_suffix('…') {
            Some(beginning) => scenario.name.starts_with(beginning),
            None => scenario.name == *name,
        };
        let before = chosen.len();
        chosen.extend(recorded.extract_if(.., fits));
        assert!(chosen.len() > before, "{name} was not recorded");
    }
    chosen
}

fn is_awaited(scenario: &Scenario) -> bool {
    NOT_YET.iter().any(|(name, _)| *name == scenario.name)
}

async fn play(stage: &Stage) {
    play_with(stage, None).await;
}

async fn play_with(stage: &Stage, smtp: Option<SmtpServer>) {
    let port = smtp.as_ref().map(|smtp| smtp.port.to_string());
    let config = stage.config.replace("SMTP_PORT", &port.unwrap_or_default());
    let mut setup = Setup::new(&config);
    if let Some(script) = stage.script {
        setup = setup.script("hooks.js", script);
    }
    let scenarios = scenarios_of(stage);
    let mut server = setup.prepare();
    if scenarios.iter().all(is_awaited) && !is_config_accepted(&server) {
        return;
    }
    server.start().await;
    let mut replay = Replay::new(server, stage.path, stage.witnessed, smtp).await;
    for scenario in &scenarios {
        if is_awaited(scenario) {
            let failed = AssertUnwindSafe(replay.scenario(scenario)).catch_unwind();
            let failed = failed.await.is_err();
            assert!(failed, "{} passes: take it out of NOT_YET", scenario.name);
            replay.forget_connections();
        } else {
            replay.scenario(scenario).await;
        }
    }
}

fn is_config_accepted(server: &TestServer) -> bool {
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_hookcast"))
        .args(["check-config", "hookcast.toml"])
        .current_dir(server.folder())
        .output();
    checked.expect("check-config").status.success()
}

#[tokio::test]
async fn posts_changes_and_history() {
    play(&POSTS).await;
}

#[tokio::test]
async fn bad_input() {
    play(&BAD_INPUT).await;
}

#[tokio::test]
async fn filters_of_history_and_live() {
    play(&FILTERS).await;
}

#[cfg(javascript_runtime)]
#[tokio::test]
async fn hooks() {
    play(&RECIPIENT).await;
    play(&HOOKS).await;
}

#[tokio::test]
async fn identity() {
    play(&AUTH).await;
}

#[cfg(javascript_runtime)]
#[tokio::test]
async fn alerts() {
    let Some(smtp) = SmtpServer::start("golden::alerts") else {
        return;
    };
    play_with(&ALERTS, Some(smtp)).await;
}

#[tokio::test]
async fn columns() {
    play(&SCHEMA).await;
    play(&NOT_NULL).await;
}

#[tokio::test]
async fn rates() {
    play(&RATES).await;
    // Gramex was recorded a second time, with connections one after the other.
    let server = Setup::new(RATES.config).start().await;
    let limit = 2;
    let recorded = lines("ratelimit_sequential.jsonl");
    let opened = recorded.iter().filter(|line| line.contains_key("open"));
    for (number, line) in opened.enumerate() {
        assert_eq!(line["open"], true, "Gramex lets all of them in");
        match TestClient::connect(&server.url("/rl"), &[]).await {
            Ok(client) if number < limit => client.close().await,
            Ok(_) => panic!("connection {number} passes a limit of {limit}"),
            Err((status, body)) => {
                assert!(number >= limit, "connection {number}: {body}");
                assert_eq!(status, 429);
            }
        }
    }
}

#[test]
fn every_recorded_scenario_is_on_a_stage() {
    let staged = ALL.iter().flat_map(|stage| scenarios_of(stage));
    let staged: Vec<_> = staged.map(|scenario| scenario.name).collect();
    let names: BTreeSet<_> = staged.iter().cloned().collect();
    assert_eq!(names.len(), staged.len(), "each on one stage");
    let recorded = FILES.into_iter().flat_map(scenarios);
    let recorded: BTreeSet<_> = recorded.map(|scenario| scenario.name).collect();
    assert_eq!(names, recorded);
    for (name, _) in NOT_YET {
        assert!(names.contains(*name), "{name} in NOT_YET was not recorded");
    }
}
