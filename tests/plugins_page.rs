//! `docs/plugins.md`: what a newcomer reads works as it stands there.

mod blocks;
mod reader;

use crate::support::{guests, require};
use blocks::blocks;
use reader::Reader;

/// Does what the page says in one of its folders.
async fn follow(language: &str) {
    let page = include_str!("../docs/plugins.md");
    let mut reader = Reader::new();
    let mut done = 0;
    for block in blocks(page) {
        if block.folders.iter().any(|folder| folder == language) {
            reader.follow(&block).await;
            done += 1;
        }
    }
    assert!(done > 4, "the page has {done} blocks for {language}");
}

#[tokio::test]
async fn the_page_is_true_in_javascript() {
    if require::or_skip("the page in JavaScript", guests::runtime_missing()) {
        follow("js").await;
    }
}

#[tokio::test]
async fn the_page_is_true_in_rust() {
    if require::or_skip("the page in Rust", require::wasm_target()) {
        follow("rust").await;
    }
}

#[tokio::test]
async fn the_page_is_true_in_python() {
    if require::or_skip("the page in Python", guests::missing("chat-py")) {
        follow("python").await;
    }
}

#[test]
fn three_commands_are_three_commands() {
    let commands = |language: &str| {
        let page = include_str!("../docs/plugins.md");
        let (first_steps, _) = page.split_once("## Change it").expect("the section");
        let blocks = blocks(first_steps).into_iter();
        let blocks = blocks
            .filter(|block| block.language == "sh" && block.folders.iter().any(|f| f == language));
        blocks
            .map(|block| block.text.lines().count())
            .sum::<usize>()
    };
    assert_eq!(commands("js"), 3);
    assert_eq!(commands("rust"), 4);
    assert_eq!(commands("python"), 4);
}
