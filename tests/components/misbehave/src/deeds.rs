//! The misdeeds.

use std::hint::black_box;
use std::process::abort;

use hookcast_guest::bindings::imports::hookcast::plugin::types::Rejection;
use hookcast_guest::messaging::{self, Sender};
use hookcast_guest::{
    Call, Json, Level, config, groups, install_panic_hook, json, log, rows, serde_json,
};

/// What a hook returns.
type Verdict = Result<Option<String>, Rejection>;

/// Does what the message says under `key`; without it the message passes unchanged.
pub fn run(key: &str, call: &Call, message: &str) -> Verdict {
    install_panic_hook();
    let Ok(message) = serde_json::from_str::<Json>(message) else {
        return rejected("bad_request", "this is not JSON");
    };
    let Some(deed) = message[key].as_str() else {
        return Ok(None);
    };
    match deed {
        "loop" => forever(),
        "trap" => abort(),
        "panic" => panic!("panics on purpose"),
        "memory" => take_all_memory(),
        "huge" => Ok(Some(huge(number(&message, "mib", 1)))),
        "recurse" => Ok(Some(descend(0).to_string())),
        "overflow" => Ok(Some(overflow(0).to_string())),
        "out_of_bounds" => Ok(Some(read_beyond_memory().to_string())),
        "log_flood" => flood(number(&message, "count", 100_000)),
        "reject" => rejected("misbehaved", "Rejected on purpose."),
        "not_json" => Ok(Some("{not json".to_owned())),
        "empty" => Ok(Some(String::new())),
        "not_object" => Ok(Some("[1]".to_owned())),
        "change_id" => Ok(Some(with_other_id(message))),
        "effects" => reply_often(number(&message, "count", 1)),
        "publish_again" => publish_again(call, message),
        "publish_often" => publish_often(call, number(&message, "count", 1)),
        "reply_then_trap" => {
            leave_traces(call);
            abort()
        }
        "reply_then_reject" => {
            leave_traces(call);
            rejected("misbehaved", "Rejected on purpose, after effects.")
        }
        _ => rejected("bad_request", "no such deed"),
    }
}

/// Does what the config says while the guest is made.
pub fn describe() {
    if matches!(config::get("describe"), Ok(Some(deed)) if deed == "loop") {
        forever();
    }
}

fn number(message: &Json, key: &str, default: usize) -> usize {
    let number = message[key].as_u64();
    number.map_or(default, |number| number as usize)
}

fn rejected(code: &str, message: &str) -> Verdict {
    Err(Rejection {
        code: code.to_owned(),
        message: message.to_owned(),
        details: None,
    })
}

fn forever() -> ! {
    loop {
        black_box(());
    }
}

/// Writes to all of it: memory that was never touched costs nothing.
fn take_all_memory() -> ! {
    const MIB: usize = 1 << 20;
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; MIB]);
        black_box(&taken);
    }
}

/// An object of about this many MiB, in one allocation and piece by piece: it must be
/// refused for its size, and not for the memory or the time that making it takes.
fn huge(mib: usize) -> String {
    const START: &str = r#"{"huge":""#;
    const END: &str = r#""}"#;
    let piece = "x".repeat(1 << 14);
    let size = mib << 20;
    let mut object = String::with_capacity(size);
    object.push_str(START);
    while object.len() + piece.len() + END.len() <= size {
        object.push_str(&piece);
    }
    object.push_str(END);
    object
}

/// Never comes to its end. Its frame is used after the call, so that the compiler can't
/// make it a loop.
fn descend(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX {
        return depth;
    }
    let frame = [depth; 16];
    let deeper = descend(depth + 1);
    black_box(&frame);
    deeper
}

/// The same without a frame in linear memory, so that only the engine's stack fills.
fn overflow(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    overflow(depth + 1).rotate_left(3) ^ depth
}

fn read_beyond_memory() -> u8 {
    let beyond = usize::MAX as *const u8;
    // SAFETY: there is none. The last byte of the address space is never memory of a
    // guest, and the host has to end it.
    unsafe { beyond.read_volatile() }
}

fn flood(count: usize) -> Verdict {
    for line in 0..count {
        log(Level::Info, "flood", format_args!("line {line}"));
    }
    Ok(None)
}

fn with_other_id(mut message: Json) -> String {
    message["id"] = "changed".into();
    message.to_string()
}

/// Stops at the first refusal and passes it on, so that a test sees the host's code.
fn reply_often(count: usize) -> Verdict {
    for number in 0..count {
        if let Err(error) = messaging::reply(json!({"_effect": number})) {
            return rejected(&error.code, &error.message);
        }
    }
    Ok(None)
}

/// Publishes what it got where it came from, which leads to the same again. It stops
/// where the host refuses, and says so in what is stored.
fn publish_again(call: &Call, mut message: Json) -> Verdict {
    if let Err(error) = messaging::publish(&call.endpoint, "POST", &message) {
        message["body"] = error.code.into();
        return Ok(Some(message.to_string()));
    }
    Ok(None)
}

fn publish_often(call: &Call, count: usize) -> Verdict {
    for number in 0..count {
        let message = json!({"body": number});
        if let Err(error) = messaging::publish(&call.endpoint, "POST", message) {
            return rejected(&error.code, &error.message);
        }
    }
    Ok(None)
}

/// One of each effect that must vanish with the call.
fn leave_traces(call: &Call) {
    let trace = json!({"_trace": true});
    let left = [
        messaging::reply(&trace),
        messaging::broadcast(&trace, Sender::Included),
        groups::join(&call.connection, "trace"),
        rows::insert(json!({"body": "trace"})).map(drop),
    ];
    for refusal in left.into_iter().filter_map(Result::err) {
        log(Level::Warn, "trace", refusal);
    }
}
