//! Describes the message type `twice` twice. The SDK doesn't compile such a plugin, so
//! this one is written on the bindings.

use hookcast_guest::Call;
use hookcast_guest::bindings::describe::{self, Description, Handler};
use hookcast_guest::bindings::handlers;
use hookcast_guest::bindings::imports::hookcast::plugin::types::Rejection;

struct DuplicateHandlers;

describe::export!(DuplicateHandlers with_types_in describe);
handlers::export!(DuplicateHandlers with_types_in handlers);

impl describe::Guest for DuplicateHandlers {
    fn describe() -> Description {
        let twice = Handler {
            message_type: "twice".to_owned(),
            schema: None,
        };
        Description {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hooks: vec!["handlers".to_owned()],
            handlers: vec![twice.clone(), twice],
        }
    }
}

impl handlers::Guest for DuplicateHandlers {
    fn handle(_: Call, _: String, _: String) -> Result<Option<String>, Rejection> {
        Ok(None)
    }
}
