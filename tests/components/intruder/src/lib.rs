//! Does in every hook what no plugin should: `defaults`, `prepare` and `modify` when the
//! message has a key `do_HOOK`, `connect`, `open` and `close` when the query string has a
//! key `_at_HOOK`, the handler of the message type `misbehave` when the message has a key
//! `do`, `describe` when its config has a key `describe`.
//!
//! What it can be told is in `system.rs`, and in `deeds.rs` of the guest `misbehave`. The
//! message type `calls` tells how many calls its instance has had, and who calls.

#[path = "../../misbehave/src/deeds.rs"]
mod deeds;
mod system;

use std::sync::atomic::{AtomicU64, Ordering};

use hookcast_guest::bindings::connect::{self, Acceptance, Refusal};
use hookcast_guest::bindings::describe::{self, Description, Handler};
use hookcast_guest::bindings::imports::hookcast::plugin::types::{Arg, Rejection};
use hookcast_guest::bindings::{close, defaults, handlers, modify, open, prepare};
use hookcast_guest::{Call, config, context, json};

struct Intruder;

describe::export!(Intruder with_types_in describe);
connect::export!(Intruder with_types_in connect);
open::export!(Intruder with_types_in open);
defaults::export!(Intruder with_types_in defaults);
prepare::export!(Intruder with_types_in prepare);
modify::export!(Intruder with_types_in modify);
handlers::export!(Intruder with_types_in handlers);
close::export!(Intruder with_types_in close);

/// What a hook returns.
type Verdict = Result<Option<String>, Rejection>;

/// Calls that this instance has had.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Does what the message says under `key`.
fn run(key: &str, call: &Call, message: &str) -> Verdict {
    CALLS.fetch_add(1, Ordering::Relaxed);
    system::run(key, message).unwrap_or_else(|| deeds::run(key, call, message))
}

/// Does what the query string says under `key`.
fn run_args(key: &str, call: &Call) -> Verdict {
    let args = context::args();
    let Some(deed) = args.get(key) else {
        CALLS.fetch_add(1, Ordering::Relaxed);
        return Ok(None);
    };
    run(key, call, &json!({key: deed}).to_string())
}

impl describe::Guest for Intruder {
    fn describe() -> Description {
        deeds::describe();
        if let Ok(Some(deed)) = config::get("describe") {
            let call = Call::default();
            let _ = run("describe", &call, &json!({"describe": deed}).to_string());
        }
        let hooks = [
            "connect", "open", "defaults", "prepare", "modify", "handlers", "close",
        ];
        let handler = |message_type: &str| Handler {
            message_type: message_type.to_owned(),
            schema: None,
        };
        Description {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hooks: hooks.map(str::to_owned).into(),
            handlers: vec![handler("misbehave"), handler("calls")],
        }
    }
}

impl connect::Guest for Intruder {
    fn connect(call: Call) -> Result<Acceptance, Refusal> {
        // The verdict is a message's.
        let _ = run_args("_at_connect", &call);
        Ok(Acceptance {
            user: None,
            groups: Vec::new(),
            metadata: None,
            client_id: None,
        })
    }
}

impl open::Guest for Intruder {
    fn open(call: Call, _: Vec<Arg>) -> Result<Option<Vec<Arg>>, Rejection> {
        run_args("_at_open", &call).map(|_| None)
    }
}

impl defaults::Guest for Intruder {
    fn defaults(call: Call, message: String) -> Verdict {
        run("do_defaults", &call, &message)
    }
}

impl prepare::Guest for Intruder {
    fn prepare(call: Call, message: String) -> Verdict {
        run("do_prepare", &call, &message)
    }
}

impl modify::Guest for Intruder {
    fn modify(call: Call, message: String, _: Option<String>, _: Option<String>) -> Verdict {
        run("do_modify", &call, &message)
    }
}

impl handlers::Guest for Intruder {
    fn handle(call: Call, message_type: String, message: String) -> Verdict {
        let answer = run("do", &call, &message)?;
        if message_type == "calls" {
            let calls = CALLS.load(Ordering::Relaxed);
            let told = json!({"calls": calls, "connection": call.connection});
            return Ok(Some(told.to_string()));
        }
        Ok(answer)
    }
}

impl close::Guest for Intruder {
    fn close(call: Call, _: close::Cause) {
        let _ = run_args("_at_close", &call);
    }
}
