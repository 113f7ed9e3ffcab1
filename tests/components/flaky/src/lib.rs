//! A bad deployment of `versioned`: `p` and `m` are `flaky` where it works, and it traps
//! where it is told to, and on every second message whose `body` ends with a digit.

use std::process::abort;

use hookcast_guest::messaging::{self, Sender};
use hookcast_guest::{
    Acceptance, Args, Call, Connect, Json, Level, Modify, Open, Prepare, Refusal, Result, Stored,
    context, export, json, log, reject,
};

struct Flaky;

export!(Flaky: connect, open, prepare, modify);

impl Connect for Flaky {
    /// `_flaky=connect`.
    fn connect(_: &Call) -> Result<Acceptance, Refusal> {
        if context::args().get("_flaky") == Some("connect") {
            fail();
        }
        Ok(Acceptance::default())
    }
}

impl Open for Flaky {
    /// `_flaky=open`.
    fn open(_: &Call, args: Args) -> Result<Option<Args>> {
        if args.get("_flaky") == Some("open") {
            fail();
        }
        Ok(None)
    }
}

impl Prepare for Flaky {
    type Message = Json;

    /// `"do": "trap"` or `"reject"`; a body that ends with 3 or 7 traps here.
    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        match message["do"].as_str() {
            Some("trap") => fail(),
            Some("reject") => return reject("flaky", "Rejected on purpose."),
            _ if ends_with_one_of(&message, "37") => fail(),
            _ => {}
        }
        message["p"] = "flaky".into();
        Ok(Some(message))
    }
}

impl Modify for Flaky {
    type Message = Json;

    /// A body that ends with 1, 5 or 9 traps here, when `prepare` has done its part.
    fn modify(_: &Call, mut message: Json, _: &Stored) -> Result<Option<Json>> {
        if ends_with_one_of(&message, "159") {
            fail();
        }
        message["m"] = "flaky".into();
        Ok(Some(message))
    }
}

fn ends_with_one_of(message: &Json, digits: &str) -> bool {
    let body = message["body"].as_str().unwrap_or("");
    body.chars()
        .last()
        .is_some_and(|last| digits.contains(last))
}

/// Leaves a trace that must vanish with the call.
fn fail() -> ! {
    if let Err(error) = messaging::broadcast(json!({"_flaky": true}), Sender::Included) {
        log(Level::Warn, "flaky", error);
    }
    abort()
}
