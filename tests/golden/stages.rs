//! The servers that recorded scenarios are played on: each with the config that Gramex had,
//! in Hookcast's words.

/// Scenarios that run one after the other on one server, whose table is empty at first.
pub struct Stage {
    /// `SMTP_PORT` stands for the port of a mail server.
    pub config: &'static str,
    /// A script that is the endpoint's plugin.
    pub script: Option<&'static str>,
    pub path: &'static str,
    /// Whether a subscriber says when a message is delivered.
    pub witnessed: bool,
    /// Exact names, and beginnings of names that end in `…`.
    pub scenarios: &'static [&'static str],
}

const SIMPLE: &str = r#"
    [endpoints.simple]
    path = "/simple"
    columns.body = "TEXT"
    columns.topic = "TEXT"
    columns.n = "INTEGER"
"#;

pub const POSTS: Stage = Stage {
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
        "delete_by_operator",
        "put_without_id",
    ],
};

pub const BAD_INPUT: Stage = Stage {
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
        "err_put_id_empty",
        "control_key_in_post",
        "alert_flag",
        "plain_http_get",
        "ping_frame",
    ],
};

pub const FILTERS: Stage = Stage {
    config: SIMPLE,
    script: None,
    path: "/simple",
    witnessed: true,
    scenarios: &["seed_for_filters", "filter_history: …", "filter_live: …"],
};

/// `open: args.update(recipient=['alice'])`. The script is for the witness only, who must
/// hear everything.
pub const RECIPIENT: Stage = Stage {
    config: r#"
        [endpoints.recip]
        path = "/recip"
        columns.body = "TEXT"
        columns.recipient = "TEXT"
        open = { recipient = "['alice']" }
        plugins = ["hooks"]
    "#,
    script: Some(
        "export function open(call, { recipient, ...others }) {
             if (context.headers()['x-witness']) return others;
         }",
    ),
    path: "/recip",
    witnessed: true,
    scenarios: &["open_hook_recipient_filter"],
};

/// `message_default: {POST: {length: len(msg['body'])}, PUT: …}`, a `prepare` that
/// prefixes, a `modify` that sets `modified`.
pub const HOOKS: Stage = Stage {
    config: r#"
        [endpoints.hooks]
        path = "/hooks"
        columns.body = "TEXT"
        columns.length = "INTEGER"
        message_default.POST = { length = "size(msg.body)" }
        message_default.PUT = { length = "size(msg.body)" }
        plugins = ["hooks"]
    "#,
    script: Some(
        "export const prepare = (call, message) =>
             call.method === 'POST' ? { ...message, body: 'MSG: ' + message.body } : null;
         export const modify = (call, message) => ({ ...message, modified: true });",
    ),
    path: "/hooks",
    witnessed: true,
    scenarios: &["hooks", "hooks_error"],
};

pub const AUTH: Stage = Stage {
    config: r#"
        [endpoints.auth]
        path = "/auth"
        columns.body = "TEXT"
        auth = { required = true }
        [auth.jwt]
        secret = "a secret that nobody has, of 32 bytes and more"
    "#,
    script: None,
    path: "/auth",
    witnessed: false,
    scenarios: &["auth_required"],
};

/// The recorded mail's subject has what `modify` has set.
pub const ALERTS: Stage = Stage {
    config: r#"
        [mail.test]
        url = "smtp://127.0.0.1:SMTP_PORT"
        from = "test@example.org"
        [endpoints.al]
        path = "/al"
        columns.body = "TEXT"
        columns.to = "TEXT"
        alert = { to = "{{ to }}", subject = "Message: {{ body }} {{ state }}", html = "<b>{{ body }}</b>" }
        plugins = ["hooks"]
    "#,
    script: Some("export const modify = (call, message) => ({ ...message, state: 'modified' });"),
    path: "/al",
    witnessed: true,
    scenarios: &["alert_post", "alert_put", "alert_template_error"],
};

/// `ratelimit: {keys: [daily], limit: 2}`
pub const RATES: Stage = Stage {
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

pub const SCHEMA: Stage = Stage {
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

pub const NOT_NULL: Stage = Stage {
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

pub const ALL: [&Stage; 10] = [
    &POSTS, &BAD_INPUT, &FILTERS, &RECIPIENT, &HOOKS, &AUTH, &ALERTS, &RATES, &SCHEMA, &NOT_NULL,
];
