//! Differences that the recordings don't show, and the tests that do: all rows of the
//! tables in the documentation that `differences.rs` does not have.

use std::path::Path;

use super::differences;

/// Row, file, test.
const DIALECT: &[(&str, &str, &str)] = &[
    (
        "a DELETE ignores keys that are no columns, and takes an empty or missing value for any",
        "tests/methods.rs",
        "a_put_or_delete_must_say_which_rows",
    ),
    (
        "a DELETE takes any number of rows",
        "tests/methods.rs",
        "ten_thousand_rows_can_be_deleted_at_once_and_not_one_more",
    ),
    (
        "beside an `id`, other keys of a DELETE are conditions, too",
        "tests/methods.rs",
        "what_stands_beside_an_id_is_no_condition",
    ),
    (
        "all rows are sent on open, however many",
        "tests/history.rs",
        "a_long_history_is_cut_to_the_newest_rows_and_says_so",
    ),
    (
        "`modify` runs after the write: if it fails, the row stays",
        "tests/hooks_effects.rs",
        "a_hook_that_fails_leaves_no_trace",
    ),
    (
        "an accepted handshake has `X-Ratelimit-Limit`, `-Remaining` and `-Reset`",
        "tests/rate_limits.rs",
        "handshakes_beyond_the_limit_are_told_when_to_come_again",
    ),
    (
        "a column of a type that is none fails every connection",
        "host/src/config/tests.rs",
        "errors_name_place_and_remedy",
    ),
    (
        "fields of `message_default` come before `id`, `user` and `timestamp`",
        "tests/expressions.rs",
        "defaults_overwrite_build_on_each_other_and_know_who_and_where",
    ),
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
        "no way to log in on the socket",
        "tests/identity/first_frame.rs",
        "the_first_frame_names_the_user_of_those_that_follow",
    ),
    (
        "PUT may change `user`",
        "tests/errors.rs",
        "a_user_can_be_neither_claimed_nor_changed",
    ),
];

/// Those of `docs/filters.md`.
const FILTERS: &[(&str, &str, &str)] = &[
    (
        "a live message that lacks a filtered column is delivered",
        "tests/filters.rs",
        "null_passes_only_where_it_is_asked_for",
    ),
    (
        "live, NULL passes `topic!=Help`; in history it does not",
        "tests/filters.rs",
        "null_passes_only_where_it_is_asked_for",
    ),
    (
        "`~` is LIKE in history and a regular expression live; `%` and `_` are wildcards; SQLite ignores case",
        "tests/filters.rs",
        "operators_compare_and_search",
    ),
    (
        "`body~=a&body~=b` is `a` then `b` in history, `a` or `b` live",
        "tests/filters.rs",
        "operators_compare_and_search",
    ),
    (
        "`*` is as the database has it",
        "host/src/filter/condition.rs",
        "several_values_have_one_meaning",
    ),
    (
        "times in a TEXT column are compared as text",
        "tests/filters_shaping.rs",
        "the_filters_of_gramexs_documentation",
    ),
    (
        "unknown keys, columns and empty values after an operator are ignored",
        "tests/filters.rs",
        "bad_filters_say_why_and_close_4400",
    ),
    (
        "`n=abc` or `_limit=abc` drops the connection",
        "tests/filters.rs",
        "bad_filters_say_why_and_close_4400",
    ),
    (
        "`_limit=0` and `_offset=1` mute the live stream, `_by` groups each single message",
        "tests/filters_shaping.rs",
        "what_shapes_history_does_not_mute_the_live_stream",
    ),
    (
        "`_c=body` leaves `{}` of a DELETE",
        "tests/filters_shaping.rs",
        "chosen_columns_are_all_that_is_shown",
    ),
    (
        "any function of the database after the bar",
        "tests/filters.rs",
        "bad_filters_say_why_and_close_4400",
    ),
    (
        "conditions on aggregates need the aggregate in `_c`, and `_by=` ignores them",
        "tests/filters_shaping.rs",
        "rows_are_grouped",
    ),
];

/// Those of `docs/alerts.md`.
const ALERTS: &[(&str, &str, &str)] = &[
    (
        "`{% import pandas as pd %}`, `{% import time %}`, `{% import datetime %}`",
        "host/src/alert/template/tests.rs",
        "pythons_ways_to_the_time_are_understood",
    ),
    (
        "Tornado's `{% end %}`, Python expressions",
        "host/src/alert/template/tests.rs",
        "mistakes_are_found_before_there_is_a_message",
    ),
    (
        "a missing variable cuts the sender's socket",
        "tests/alerts/trouble.rs",
        "a_template_that_fails_harms_no_message_and_can_be_mended",
    ),
    (
        "attachments and images are templates",
        "tests/alerts.rs",
        "a_mail_has_all_that_the_config_gives_it",
    ),
    (
        "`on_behalf_of`",
        "tests/alerts.rs",
        "a_mail_has_all_that_the_config_gives_it",
    ),
    (
        "sent at once, lost with the process",
        "tests/alerts/outages.rs",
        "what_was_acknowledged_before_a_crash_is_mailed",
    ),
    (
        "`condition` only in top-level alerts",
        "tests/alerts.rs",
        "who_is_told_of_what_is_for_the_config_and_the_message_to_say",
    ),
];

/// Keys of Gramex's alerts that there are not: unknown ones are errors of the config
/// (`host/src/config/cases`).
const NO_KEYS: &[&str] = &[
    "`user` (signed header for fetches)",
    "top-level `alert`: `data`, `each` (a mail for each row of a query)",
    "top-level `alert`: `notify`",
    "top-level `alert`: schedules (`cron`, `startup`)",
];

/// The first cells of a page's table of differences.
fn documented(page: &str) -> Vec<String> {
    let page = repository(page);
    let rows = page
        .lines()
        .skip_while(|line| !line.starts_with("| Gramex | Hookcast | Why |"))
        .skip(2)
        .take_while(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.strip_prefix("| ")?.split_once(" | "));
    let mut cells: Vec<_> = cells.map(|(gramex, _)| gramex.to_owned()).collect();
    cells.sort();
    cells
}

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rows(list: &[(&'static str, &str, &str)]) -> Vec<&'static str> {
    list.iter().map(|(row, ..)| *row).collect()
}

#[test]
fn the_documented_differences_are_the_tested_ones() {
    let dialect = differences::rows().chain(rows(DIALECT)).collect();
    let alerts = rows(ALERTS).into_iter().chain(NO_KEYS.iter().copied());
    for (page, mut tested) in [
        ("docs/dialects.md", dialect),
        ("docs/filters.md", rows(FILTERS)),
        ("docs/alerts.md", alerts.collect::<Vec<_>>()),
    ] {
        tested.sort_unstable();
        let documented = documented(page);
        assert_eq!(documented, tested, "left: {page}, right: tests/golden");
    }
}

#[test]
fn the_tests_of_differences_are_there() {
    for (row, file, test) in [DIALECT, FILTERS, ALERTS].into_iter().flatten() {
        let found = repository(file).contains(&format!("fn {test}("));
        assert!(found, "{row}: {file} has no {test}");
    }
}
