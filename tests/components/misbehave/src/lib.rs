//! Does what no plugin should, on demand: `prepare` and the handler of the message type
//! `misbehave` when the message has a key `do`, `modify` when it has a key `do_modify`,
//! `describe` when its config has a key `describe`.
//! `deeds.rs` lists what they can be told to do.
//!
//! Written on the bindings, since the SDK has no way to return what is not JSON.

mod deeds;

use hookcast_guest::Call;
use hookcast_guest::bindings::describe::{self, Description, Handler};
use hookcast_guest::bindings::imports::hookcast::plugin::types::Rejection;
use hookcast_guest::bindings::{handlers, modify, prepare};

struct Misbehave;

describe::export!(Misbehave with_types_in describe);
prepare::export!(Misbehave with_types_in prepare);
modify::export!(Misbehave with_types_in modify);
handlers::export!(Misbehave with_types_in handlers);

impl describe::Guest for Misbehave {
    fn describe() -> Description {
        deeds::describe();
        let misbehave = Handler {
            message_type: "misbehave".to_owned(),
            schema: None,
        };
        Description {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hooks: ["prepare", "modify", "handlers"].map(str::to_owned).into(),
            handlers: vec![misbehave],
        }
    }
}

impl prepare::Guest for Misbehave {
    fn prepare(call: Call, message: String) -> Result<Option<String>, Rejection> {
        deeds::run("do", &call, &message)
    }
}

impl modify::Guest for Misbehave {
    fn modify(
        call: Call,
        message: String,
        _row: Option<String>,
        _old: Option<String>,
    ) -> Result<Option<String>, Rejection> {
        deeds::run("do_modify", &call, &message)
    }
}

impl handlers::Guest for Misbehave {
    fn handle(call: Call, _: String, message: String) -> Result<Option<String>, Rejection> {
        deeds::run("do", &call, &message)
    }
}
