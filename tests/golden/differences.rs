//! The closed list: where Hookcast differs from what was recorded, on purpose. Each entry
//! is a row of the table in `docs/dialects.md`, which says why.

use Instead::{Closed, Frame, Nothing, Refused, Skip, Status};

/// What happens in place of a recorded line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Instead {
    /// The message is refused with this code, and nothing comes of it.
    Refused(&'static str),
    /// The handshake, or the request, is answered with this status.
    Status(u16),
    /// The connection gets an error with this code and is closed with this close code.
    Closed(&'static str, u16),
    /// This frame comes.
    Frame(&'static str),
    /// Nothing comes, and the connection stays.
    Nothing,
    /// The line can't be here: it is a consequence of an earlier difference, or of what was
    /// not recorded.
    Skip,
}

struct Difference {
    /// First cell of its row in the table.
    gramex: &'static str,
    /// Scenario, line, and what happens instead.
    lines: &'static [(&'static str, u64, Instead)],
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        gramex: "bad JSON, an unknown `_method`, a failing hook or a database error drops the TCP connection",
        lines: &[
            ("err_unknown_method", 4, Refused("unknown_method")),
            ("err_method_not_string", 4, Refused("unknown_method")),
            ("err_not_json", 4, Refused("bad_json")),
            ("err_json_list", 4, Refused("not_an_object")),
            ("list_value_in_column", 4, Refused("bad_value")),
            ("hooks_error", 3, Refused("expression_failed")),
            ("columns_not_null", 1, Refused("bad_value")),
            // The second time that the recorder looked.
            ("columns_not_null", 3, Skip),
        ],
    },
    Difference {
        gramex: "PUT without `id` changes every row, DELETE without keys deletes the table",
        lines: &[
            ("put_without_id", 1, Refused("missing_id")),
            (
                "put_without_id",
                5,
                Frame(r#"{"id": "dHPczX7uRNKfCrr_UF879w", "body": "Second"}"#),
            ),
            (
                "put_without_id",
                6,
                Frame(r#"{"id": "BzlX8_7RSQqqOPHMjdhm5A", "body": "Third"}"#),
            ),
            ("err_put_id_empty", 6, Refused("missing_id")),
            // So these rows are as they were.
            (
                "control_key_in_post",
                3,
                Frame(
                    r#"{"body": "bin", "topic": null, "n": null, "id": "RelC1esMSQK1RA2HAyPHiA", "user": null, "timestamp": "2026-11-20T06:56:36.897747"}"#,
                ),
            ),
            (
                "control_key_in_post",
                4,
                Frame(
                    r#"{"body": null, "topic": null, "n": null, "id": "idIbDBZFQCiSINk5K07jWA", "user": null, "timestamp": "2026-11-20T06:56:38.944445"}"#,
                ),
            ),
            (
                "alert_flag",
                3,
                Frame(
                    r#"{"body": "bin", "topic": null, "n": null, "id": "RelC1esMSQK1RA2HAyPHiA", "user": null, "timestamp": "2026-11-20T06:56:36.897747"}"#,
                ),
            ),
            (
                "alert_flag",
                4,
                Frame(
                    r#"{"body": null, "topic": null, "n": null, "id": "idIbDBZFQCiSINk5K07jWA", "user": null, "timestamp": "2026-11-20T06:56:38.944445"}"#,
                ),
            ),
            ("seed_for_filters", 2, Refused("missing_id")),
        ],
    },
    Difference {
        gramex: "a DELETE by conditions is broadcast once, as sent, to everyone",
        lines: &[
            (
                "delete_by_operator",
                5,
                Frame(r#"{"_method": "DELETE", "n>": "5", "id": "vZiROoOMT4yV3oFg5_TT8w"}"#),
            ),
            (
                "delete_by_operator",
                6,
                Frame(r#"{"_method": "DELETE", "n>": "5", "id": "vZiROoOMT4yV3oFg5_TT8w"}"#),
            ),
        ],
    },
    Difference {
        gramex: "PUT or DELETE of a row that is not there is broadcast",
        lines: &[
            ("open_hook_recipient_filter", 11, Refused("not_found")),
            ("alert_put", 1, Refused("not_found")),
        ],
    },
    Difference {
        gramex: "a live message that lacks a filtered column is delivered",
        lines: &[
            ("filter_live: ?topic=Help", 9, Nothing),
            ("filter_live: ?topic!=Help", 9, Nothing),
            ("filter_live: ?n>=2", 9, Nothing),
            ("open_hook_recipient_filter", 10, Nothing),
        ],
    },
    Difference {
        gramex: "`modify` changes alerts only",
        lines: &[
            (
                "alert_post",
                3,
                Frame(
                    r#"{"body": "hi", "to": "x@example.org", "_method": "POST", "id": "C15XfpVPR1afX5E4ssnWyQ", "user": null, "timestamp": "2026-11-20T06:58:28.194205", "state": "modified"}"#,
                ),
            ),
            (
                "alert_template_error",
                2,
                Frame(
                    r#"{"body": "no to", "_method": "POST", "id": "Bc4yBSvQR9C7bmyNamSuMQ", "user": null, "timestamp": "2026-11-20T06:58:30.879027", "state": "modified"}"#,
                ),
            ),
            (
                "hooks",
                4,
                Frame(
                    r#"{"body": "MSG: hey", "_method": "POST", "id": "ETeH8op3RtO7DJuWwftKgA", "user": null, "timestamp": "2026-11-20T06:57:16.398931", "length": 3, "modified": true}"#,
                ),
            ),
            (
                "hooks",
                6,
                Frame(
                    r#"{"_method": "PUT", "id": "ETeH8op3RtO7DJuWwftKgA", "body": "longer text", "length": 11, "modified": true}"#,
                ),
            ),
        ],
    },
    Difference {
        gramex: "a variable that an alert misses cuts the sender's socket",
        lines: &[
            ("alert_template_error", 3, Nothing),
            ("alert_template_error", 4, Nothing),
        ],
    },
    Difference {
        gramex: "an unknown query key is ignored",
        lines: &[
            ("filter_history: ?nosuch=1", 1, Closed("bad_filter", 4400)),
            ("filter_history: ?nosuch=1", 2, Skip),
            ("filter_history: ?nosuch=1", 3, Skip),
            ("filter_history: ?nosuch=1", 4, Skip),
            ("filter_history: ?nosuch=1", 5, Skip),
            ("filter_history: ?nosuch=1", 6, Skip),
        ],
    },
    Difference {
        gramex: "filters mean one thing in history and another live",
        lines: &[
            ("filter_history: ?_limit=abc", 1, Closed("bad_filter", 4400)),
            ("filter_live: ?n=abc", 1, Closed("bad_filter", 4400)),
            ("filter_live: ?body~=^al", 5, Nothing),
            (
                "filter_live: ?_by=topic",
                5,
                Frame(
                    r#"{"body": "alive", "topic": "Help", "n": 1, "_method": "POST", "id": "by-1", "user": null, "timestamp": "2026-11-20T06:57:09.886135"}"#,
                ),
            ),
            (
                "filter_live: ?_by=topic",
                7,
                Frame(
                    r#"{"body": "LIVE2", "topic": "Other", "n": 5, "_method": "POST", "id": "by-2", "user": null, "timestamp": "2026-11-20T06:57:09.886135"}"#,
                ),
            ),
            (
                "filter_live: ?_by=topic",
                9,
                Frame(
                    r#"{"body": "no topic", "_method": "POST", "id": "by-3", "user": null, "timestamp": "2026-11-20T06:57:09.886135"}"#,
                ),
            ),
        ],
    },
    Difference {
        gramex: "`ratelimit` counts nothing on a MessageHandler: five connections pass a limit of two",
        lines: &[
            ("ratelimit", 3, Status(429)),
            ("ratelimit", 4, Skip),
            ("ratelimit", 5, Skip),
            ("ratelimit", 6, Skip),
            ("ratelimit", 7, Skip),
            ("ratelimit", 8, Skip),
            ("ratelimit", 9, Skip),
        ],
    },
    Difference {
        gramex: "a plain GET gets 400",
        lines: &[("plain_http_get", 1, Status(200))],
    },
];

/// Lines about rows whose making was not recorded.
const UNRECORDED: [(&str, u64); 4] = [
    ("err_put_id_empty", 5),
    ("control_key_in_post", 5),
    ("alert_flag", 5),
    ("alert_template_error", 7),
];

/// What happens in place of a line, if it is on the list.
pub fn instead_of(scenario: &str, line: u64) -> Option<Instead> {
    if UNRECORDED.contains(&(scenario, line)) {
        return Some(Skip);
    }
    let all = DIFFERENCES.iter().flat_map(|difference| difference.lines);
    let mut found = all.filter(|(name, number, _)| *name == scenario && *number == line);
    let first = found.next().map(|(_, _, instead)| *instead);
    assert!(found.next().is_none(), "{scenario}, line {line}: twice");
    first
}

/// The first cells of their rows in the table.
pub fn rows() -> impl Iterator<Item = &'static str> {
    DIFFERENCES.iter().map(|difference| difference.gramex)
}
