//! What guests print: bounded in lines and bytes, and nothing that a terminal would obey.

use serde_json::json;

use super::stage::{LONG, SHORT, Stage, Way};

#[tokio::test]
async fn control_characters_and_bad_text_are_escaped() {
    let mut stage = Stage::new("intruder", LONG).await;
    let print = json!({"body": "print", "do_prepare": "print"});
    stage.attacker.acked(print).await;
    for words in [
        r"red \u{1b}[31m\u{1b}]0;title\u{7} bell\u{8}\u{7f} end",
        r"turned \u{202e}around\u{2028}end",
        r"C1 \u{9b}2J end",
        r"\u{0}null\rback end",
    ] {
        stage.server.log.with(&["guest", words]).await;
    }
    stage.server.log.with(&["no text \u{fffd}", "end"]).await;
}

#[tokio::test]
async fn a_flood_of_printed_lines_is_cut_and_said() {
    let mut stage = Stage::new("intruder", LONG).await;
    let flood = json!({"body": "flood", "do_prepare": "print_flood"});
    stage.attacker.acked(flood).await;
    stage.neighbour_is_served().await;
    stage.server.log.with(&["guest", "printed 0"]).await;
    let lines = stage.server.log.lines();
    let printed = lines.iter().filter(|line| line.contains("printed "));
    assert!(printed.count() <= 150, "the limit is 50 lines a second");
    let dropped = stage
        .server
        .metric("hookcast_plugin_log_dropped_total", &["guest"])
        .await;
    assert!(dropped >= 1_000.0, "{dropped} lines were dropped");
}

#[tokio::test]
async fn a_line_without_an_end_takes_no_memory() {
    let mut stage = Stage::new("intruder", SHORT).await;
    let way = Way::deed("prepare", "print_endlessly");
    stage.endures(&way, "plugin_timeout").await;
    let longest = stage.server.log.lines().iter().map(String::len).max();
    assert!(longest < Some(10_000), "{longest:?} bytes in a line");
}
