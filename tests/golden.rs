//! Golden replay: recorded Gramex traffic, the same frames in, the same frames out.
//! `tests/golden/README.md` says what is where.

mod differences;
mod replay;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use crate::support::{Setup, TestClient, TestServer};
use replay::{Replay, Scenario, lines, scenarios};

const FILES: [&str; 2] = ["messagehandler.jsonl", "alerts_ratelimit_schema.jsonl"];

/// Scenarios that run one after the other on one server, whose table is empty at first.
struct Stage {
    config: &'static str,
    /// A script that is the endpoint's plugin.
    script: Option<&'static str>,
    path: &'static str,
    /// Whether a subscriber says when a message is delivered.
    witnessed: bool,
    /// Exact names, and beginnings of names that end in `…`.
    scenarios: &'static [&'static str],
}

const SIMPLE: &str = r#"
    [endpoints.simple]
    path = "/simple"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
"#;

const POSTS: Stage = Stage {
    config: SIMPLE,
    script: None,
    path: "/simple",
    witnessed: true,
    scenarios: &[
        "open_empty_table",
        "post_broadcast",
        "post_default_method",
        "post_unknown_column",
        "history_on_open",
        "put_by_id",
        "delete_by_id",
        "put_without_id",
        "delete_by_operator",
    ],
};

const BAD_INPUT: Stage = Stage {
    config: SIMPLE,
    script: None,
    path: "/simple",
    witnessed: true,
    scenarios: &[
        "err_unknown_method",
        "err_method_not_string",
        "err_not_json",
        "err_json_list",
        "binary_json",
        "list_value_in_column",
        "empty_object",
        "ping_frame",
        "plain_http_get",
    ],
};

const KEYS: Stage = Stage {
    config: SIMPLE,
    script: None,
    path: "/simple",
    witnessed: true,
    scenarios: &["err_put_id_empty", "control_key_in_post", "alert_flag"],
};

const FILTERS: Stage = Stage {
    config: SIMPLE,
    script: None,
    path: "/simple",
    witnessed: true,
    scenarios: &["seed_for_filters", "filter_history: …", "filter_live: …"],
};

/// `open: args.update(recipient=['alice'])`
const RECIPIENT: Stage = Stage {
    config: r#"
        [endpoints.recip]
        path = "/recip"
        columns.body = "TEXT"
        columns.recipient = "TEXT"
        plugins = ["hooks"]
    "#,
    script: Some(
        "export const open = (call, args) =>
            context.headers()['x-witness'] ? null : { ...args, recipient: ['alice'] };",
    ),
    path: "/recip",
    witnessed: true,
    scenarios: &["open_hook_recipient_filter"],
};

/// `message_default: {POST: {length: len(msg['body'])}, PUT: …}`, a `prepare` that
/// prefixes, a `modify` that sets `modified`.
const HOOKS: Stage = Stage {
    config: r#"
        [endpoints.hooks]
        path = "/hooks"
        columns.body = "TEXT"
        columns.length = "INTEGER"
        plugins = ["hooks"]
    "#,
    script: Some(
        "export const defaults = (call, message) => ({ ...message, length: message.body.length });
         export const prepare = (call, message) =>
             call.method === 'POST' ? { ...message, body: 'MSG: ' + message.body } : null;
         export const modify = (call, message) => ({ ...message, modified: true });",
    ),
    path: "/hooks",
    witnessed: true,
    scenarios: &["hooks", "hooks_error"],
};

const AUTH: Stage = Stage {
    config: r#"
        [endpoints.auth]
        path = "/auth"
        columns.body = "TEXT"
        auth = { required = true }
    "#,
    script: None,
    path: "/auth",
    witnessed: true,
    scenarios: &["auth_required"],
};

const ALERTS: Stage = Stage {
    config: r#"
        [smtp]
        url = "log:"
        [endpoints.al]
        path = "/al"
        columns.body = "TEXT"
        columns.to = "TEXT"
        alert = { to = "{{ to }}", subject = "Message: {{ body }}", html = "<b>{{ body }}</b>" }
    "#,
    script: None,
    path: "/al",
    witnessed: true,
    scenarios: &["alert_post", "alert_put", "alert_template_error"],
};

/// `ratelimit: {keys: [daily], limit: 2}`
const RATES: Stage = Stage {
    config: r#"
        [endpoints.rl]
        path = "/rl"
        columns.body = "TEXT"
        rate = { connects = "1/d burst 2" }
    "#,
    script: None,
    path: "/rl",
    witnessed: false,
    scenarios: &["ratelimit"],
};

const SCHEMA: Stage = Stage {
    config: r#"
        [endpoints.schema]
        path = "/schema"
        columns.body = { type = "TEXT", nullable = false }
        columns.n = { type = "INTEGER", default = 7 }
        columns.f = { type = "REAL", default = 1.5 }
        columns.when = { type = "DATETIME", default = { function = "now" } }
        columns.flag = "BOOLEAN"
        columns.j = "JSON"
    "#,
    script: None,
    path: "/schema",
    witnessed: true,
    scenarios: &["columns_schema"],
};

const NOT_NULL: Stage = Stage {
    config: r#"
        [endpoints.schema]
        path = "/schema"
        columns.body = { type = "TEXT", nullable = false }
        columns.n = { type = "INTEGER", default = 7 }
    "#,
    script: None,
    path: "/schema",
    witnessed: true,
    scenarios: &["columns_not_null"],
};

const STAGES: [&Stage; 11] = [
    &POSTS, &BAD_INPUT, &KEYS, &FILTERS, &RECIPIENT, &HOOKS, &AUTH, &ALERTS, &RATES, &SCHEMA,
    &NOT_NULL,
];

/// What can't pass yet, and what is missing. An entry that passes fails the test, so that
/// it is taken out.
const NOT_YET: &[(&str, &str)] = &[
    ("delete_by_operator", "DELETE by a filter"),
    ("put_without_id", "_c"),
    ("filter_history: ?topic!=Help", "filters"),
    ("filter_history: ?topic=", "filters"),
    ("filter_history: ?n>=2", "filters"),
    ("filter_history: ?n>~=2", "filters"),
    ("filter_history: ?n<=3", "filters"),
    ("filter_history: ?n<~=3", "filters"),
    ("filter_history: ?n>=1&n>=3", "filters"),
    ("filter_history: ?n<=2&n<=3", "filters"),
    ("filter_history: ?body~=a", "filters"),
    ("filter_history: ?body!~=a", "filters"),
    ("filter_history: ?body*=GAM", "filters"),
    ("filter_history: ?body!*=GAM", "filters"),
    ("filter_history: ?body~=al&body~=ha", "filters"),
    ("filter_history: ?_sort=topic&_sort=-n", "filters"),
    ("filter_history: ?_limit=2", "filters"),
    ("filter_history: ?_offset=3", "filters"),
    ("filter_history: ?_limit=2&_offset=1", "filters"),
    ("filter_history: ?_c=body", "filters"),
    ("filter_history: ?_by=topic&_c=n|max", "filters"),
    ("filter_history: ?_limit=abc", "filters"),
    ("filter_history: ?timestamp>~=1700000000", "filters"),
    ("filter_history: ?user!", "filters"),
    ("filter_live: ?topic!=Help", "filters"),
    ("filter_live: ?topic!", "filters"),
    ("filter_live: ?n>=2", "filters"),
    ("filter_live: ?body~=^al", "filters"),
    ("filter_live: ?body~=A", "filters"),
    ("filter_live: ?_c=body", "filters"),
    ("filter_live: ?user!", "filters"),
    ("auth_required", "auth"),
    ("alert_post", "alerts"),
    ("alert_put", "alerts"),
    ("alert_template_error", "alerts"),
    ("columns_schema", "columns"),
];

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
    let mut setup = Setup::new(stage.config);
    if let Some(script) = stage.script {
        setup = setup.script("hooks.js", script);
    }
    let scenarios = scenarios_of(stage);
    let mut server = setup.prepare();
    if scenarios.iter().all(is_awaited) && !is_config_accepted(&server) {
        return;
    }
    server.start().await;
    let mut replay = Replay::new(server, stage.path, stage.witnessed).await;
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
async fn reserved_keys() {
    play(&KEYS).await;
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

#[tokio::test]
async fn alerts() {
    play(&ALERTS).await;
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
    let staged = STAGES.iter().flat_map(|stage| scenarios_of(stage));
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
