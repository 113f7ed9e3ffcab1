//! Guests that break the rules between a component and its host: pointers, lengths, texts
//! and callbacks that no compiler would make. They are in `tests/components/raw`.

use super::stage::{LONG, SHORT, Stage, Way};
use crate::support::{Setup, guests};

/// An attack by the handler of the guest.
async fn answers(guest: &str, says: &str) {
    let mut stage = Stage::new(guest, LONG).await;
    stage.endures(&Way::raw(), "plugin_failed").await;
    stage.logged("handlers", &[says]).await;
}

#[tokio::test]
async fn text_that_is_no_utf_8() {
    answers("raw-bad-utf8", "utf-8").await;
}

#[tokio::test]
async fn text_beyond_the_memory() {
    answers("raw-bad-pointer", "out of bounds").await;
}

#[tokio::test]
async fn text_longer_than_the_memory() {
    answers("raw-bad-length", "out of bounds").await;
}

#[tokio::test]
async fn a_variant_that_does_not_exist() {
    answers("raw-bad-discriminant", "discriminant").await;
}

#[tokio::test]
async fn an_answer_where_none_may_lie() {
    answers("raw-bad-alignment", "not aligned").await;
    answers("raw-bad-place", "out of bounds").await;
}

#[tokio::test]
async fn room_for_arguments_beyond_the_memory() {
    answers("raw-realloc-beyond", "beyond end of memory").await;
}

#[tokio::test]
async fn a_trap_while_arguments_are_passed() {
    answers("raw-realloc-traps", "unreachable").await;
}

#[tokio::test]
async fn a_trap_after_the_answer() {
    answers("raw-post-return-traps", "unreachable").await;
}

#[tokio::test]
async fn a_trap_is_reported_with_the_function_of_a_guest_without_debug_information() {
    let mut stage = Stage::new("raw-realloc-traps", LONG).await;
    stage.attack(&Way::raw(), "plugin_failed").await;
    stage.server.log.with(&["!realloc"]).await;
}

#[tokio::test]
async fn loops_where_the_host_does_not_call_a_hook() {
    for guest in ["raw-realloc-loops", "raw-post-return-loops"] {
        let mut stage = Stage::new(guest, SHORT).await;
        stage.endures(&Way::raw(), "plugin_timeout").await;
        stage.logged("handlers", &["50ms", "limits.hook"]).await;
    }
}

#[tokio::test]
async fn many_texts_that_are_the_same_mebibyte() {
    let mut stage = Stage::new("raw-aliased-answer", LONG).await;
    stage.endures(&Way::raw_open(), "plugin_failed").await;
    stage.logged("open", &["limits.output"]).await;
}

#[tokio::test]
async fn a_million_values_that_say_nothing() {
    let mut stage = Stage::new("raw-list-bomb", LONG).await;
    stage.endures(&Way::raw_open(), "plugin_failed").await;
    stage.logged("open", &["limits.output"]).await;
}

#[tokio::test]
async fn a_table_that_grows_without_end() {
    let mut stage = Stage::new("raw-table-bomb", LONG).await;
    stage.endures(&Way::raw(), "plugin_failed").await;
    stage.logged("handlers", &["limits.tables"]).await;
}

/// Guests that fail before they are called, and what the refusal says.
const REFUSED: [(&str, &str); 5] = [
    ("raw-start-traps", "unreachable"),
    ("raw-start-loops", "limits.init"),
    ("raw-table-declared", "limits.tables"),
    ("raw-memory-declared", "limits.memory"),
    ("raw-aliased-description", "limits.output"),
];

#[tokio::test]
async fn what_fails_before_it_is_called_leaves_the_old_generation_where_it_is() {
    let config = r#"
        [plugins.guest.limits]
        init = "200ms"
        [endpoints.bad]
        path = "/bad"
        columns.body = "TEXT"
        plugins = ["guest"]
        [endpoints.good]
        path = "/good"
        columns.body = "TEXT"
    "#;
    let setup = Setup::new(config).guest_as("raw-bad-utf8", "guest");
    let mut stage = Stage::with(setup).await;
    let path = "/api/plugins/guest";
    for (guest, says) in REFUSED {
        let upload = stage.server.api_with("PUT", path, guests::bytes(guest));
        let (code, message) = upload.await.refused(422);
        assert_eq!(code, "load_failed", "{guest}: {message}");
        assert!(message.contains("step instantiate"), "{guest}: {message}");
        assert!(message.contains(says), "{guest}: {message}");
        let shown = stage.server.api("GET", path).await.ok();
        assert_eq!(shown["generation"], 1, "{guest}: {shown}");
        stage.neighbour_is_served().await;
        stage.calls().await;
    }
}
