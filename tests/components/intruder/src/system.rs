//! Misdeeds by way of WASI, and against others by way of host functions.

use std::hint::black_box;
use std::io::{Read as _, Write as _, stderr, stdin, stdout};
use std::mem::forget;
use std::process::exit;
use std::thread::sleep;
use std::time::Duration;

use hookcast_guest::bindings::imports::hookcast::plugin::types::Rejection;
use hookcast_guest::messaging;
use hookcast_guest::{HostError, Json, json, serde_json};
use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::io::poll::{Pollable, poll};
use wasip2::random::random::get_random_bytes;

use crate::Verdict;

const HOUR: Duration = Duration::from_secs(3600);
const HOUR_NANOS: u64 = 3_600_000_000_000;

/// Does what the message says under `key`; none when that is no deed of this file.
pub fn run(key: &str, message: &str) -> Option<Verdict> {
    let message = serde_json::from_str::<Json>(message).ok()?;
    match message[key].as_str()? {
        "sleep" => sleep(HOUR),
        "wait_for_nothing" => subscribe_duration(u64::MAX).block(),
        "read_stdin" => read_stdin(),
        "exit_0" => exit(0),
        "exit_1" => exit(1),
        "keep_pollables" => keep_pollables(),
        "keep_streams" => keep_streams(),
        "many_timers" => many_timers(),
        "poll_one_often" => poll_one_often(),
        "much_random" => drop(black_box(get_random_bytes(1 << 40))),
        "print" => print(),
        "print_flood" => print_flood(),
        "print_endlessly" => print_endlessly(),
        "large_effects" => return Some(answer(large_effects())),
        "close_other" => return Some(answer(close_other(&message))),
        "reply_to_other" => return Some(answer(reply_to_other(&message))),
        "publish_elsewhere" => return Some(answer(publish_elsewhere())),
        _ => return None,
    }
    Some(Ok(None))
}

/// What the host refused, as the sender's error.
fn answer(done: Result<(), HostError>) -> Verdict {
    done.map(|()| None).map_err(|error| Rejection {
        code: error.code,
        message: error.message,
        details: None,
    })
}

fn read_stdin() {
    let mut read = Vec::new();
    let _ = stdin().read_to_end(&mut read);
}

fn keep_pollables() -> ! {
    loop {
        forget(subscribe_duration(HOUR_NANOS));
    }
}

fn keep_streams() -> ! {
    loop {
        forget(get_stdout());
    }
}

/// Nearly as many timers as there may be handles: each is two.
fn many_timers() {
    let timers: Vec<_> = (0..400)
        .map(|at| subscribe_duration(HOUR_NANOS + at))
        .collect();
    let timers: Vec<&Pollable> = timers.iter().collect();
    poll(&timers);
}

/// A list of the same thing, 8 MiB long.
fn poll_one_often() {
    let timer = subscribe_duration(0);
    poll(&vec![&timer; 1 << 21]);
}

/// What a terminal would obey, what would turn a line around, and what is no text.
fn print() {
    let _ = stdout().write_all(b"red \x1b[31m\x1b]0;title\x07 bell\x08\x7f end\n");
    let _ = stdout().write_all(b"no text \xff\xfe\xc3\x28 end\n");
    let _ = stderr().write_all("turned \u{202e}around\u{2028}end\nC1 \u{9b}2J end\n".as_bytes());
    let _ = stderr().write_all(b"\0null\rback end");
}

fn print_flood() {
    for line in 0..10_000 {
        let _ = writeln!(stdout(), "printed {line} {}", "x".repeat(200));
    }
}

/// One line without an end.
fn print_endlessly() -> ! {
    loop {
        let _ = stdout().write_all(&[b'x'; 4096]);
    }
}

fn large_effects() -> Result<(), HostError> {
    let text = "x".repeat(60 << 10);
    loop {
        messaging::reply(json!({"_large": text}))?;
    }
}

fn other(message: &Json) -> &str {
    message["connection"].as_str().unwrap_or_default()
}

fn close_other(message: &Json) -> Result<(), HostError> {
    messaging::close(other(message), 4000, "closed by an intruder")
}

fn reply_to_other(message: &Json) -> Result<(), HostError> {
    messaging::to_connection(other(message), json!({"_intruder": true}))
}

/// Into the neighbour's endpoint, which nobody has granted.
fn publish_elsewhere() -> Result<(), HostError> {
    messaging::publish("good", "POST", json!({"body": "from an intruder"}))
}
