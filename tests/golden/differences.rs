//! The closed list: where Hookcast differs from what was recorded, on purpose. Each entry
//! is a row of the table in `docs/dialects.md`, which says why.

use std::path::Path;

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
    /// Nothing comes.
    Nothing,
    /// The line is a consequence of an earlier difference and is not replayed.
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
            ("hooks_error", 3, Refused("plugin_failed")),
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
            // What earlier scenarios did to the rows is not done here.
            ("err_put_id_empty", 3, Skip),
            ("err_put_id_empty", 4, Skip),
            ("err_put_id_empty", 5, Skip),
            ("control_key_in_post", 3, Skip),
            ("control_key_in_post", 4, Skip),
            ("control_key_in_post", 5, Skip),
            ("alert_flag", 3, Skip),
            ("alert_flag", 4, Skip),
            ("alert_flag", 5, Skip),
            ("seed_for_filters", 2, Refused("missing_id")),
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
            // No time: this column's values are compared as times.
            (
                "filter_history: ?timestamp>~=1700000000",
                1,
                Closed("bad_filter", 4400),
            ),
            ("filter_history: ?timestamp>~=1700000000", 2, Skip),
            ("filter_history: ?timestamp>~=1700000000", 3, Skip),
            ("filter_history: ?timestamp>~=1700000000", 4, Skip),
            ("filter_history: ?timestamp>~=1700000000", 5, Skip),
            ("filter_history: ?timestamp>~=1700000000", 6, Skip),
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
        lines: &[("plain_http_get", 1, Status(426))],
    },
];

/// Rows of the table that the recordings don't show, with the tests that do.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "a PUT that takes a row out of a subscriber's filter is not told, or told in full",
        "tests/filters.rs",
        "who_loses_a_row_is_told_to_delete_it_and_nothing_more",
    ),
    (
        "text in an INTEGER column is stored",
        "tests/errors.rs",
        "each_kind_of_bad_frame_has_its_code_and_leaves_no_trace",
    ),
    (
        "an INTEGER column with a NULL in the result is sent as floats (`1.0`)",
        "tests/gramex.rs",
        "values_are_stored_in_their_columns_form",
    ),
    (
        "PUT may change `user`",
        "tests/errors.rs",
        "a_user_can_be_neither_claimed_nor_changed",
    ),
];

/// What happens in place of a line, if it is on the list.
pub fn instead_of(scenario: &str, line: u64) -> Option<Instead> {
    let all = DIFFERENCES.iter().flat_map(|difference| difference.lines);
    let mut found = all.filter(|(name, number, _)| *name == scenario && *number == line);
    let first = found.next().map(|(_, _, instead)| *instead);
    assert!(found.next().is_none(), "{scenario}, line {line}: twice");
    first
}

/// The first cells of the table of differences.
fn documented() -> Vec<String> {
    let page = repository("docs/dialects.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split_once(" | "));
    let is_one = |gramex: &str, here: &str| gramex != "Gramex" && !here.starts_with("not yet");
    let differences = cells.filter(|(gramex, here)| is_one(gramex, here));
    differences.map(|(gramex, _)| gramex.to_owned()).collect()
}

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_documented_differences_are_the_tested_ones() {
    let tested = DIFFERENCES.iter().map(|difference| difference.gramex);
    let elsewhere = ELSEWHERE.iter().map(|(row, ..)| *row);
    let mut tested: Vec<_> = tested.chain(elsewhere).map(str::to_owned).collect();
    let mut documented = documented();
    tested.sort();
    documented.sort();
    assert_eq!(
        documented, tested,
        "left: docs/dialects.md, right: tests/golden/differences.rs"
    );
    for (row, file, test) in ELSEWHERE {
        let found = repository(file).contains(&format!("fn {test}("));
        assert!(found, "{row}: {file} has no {test}");
    }
}
