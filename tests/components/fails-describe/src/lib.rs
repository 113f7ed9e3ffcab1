//! Panics when it is asked what it is: must never replace a plugin that works. It has a
//! hook, so that it is asked.

use hookcast_guest::bindings::describe::{self, Description};
use hookcast_guest::bindings::imports::hookcast::plugin::types::Rejection;
use hookcast_guest::bindings::prepare;
use hookcast_guest::{Call, install_panic_hook};

struct FailsDescribe;

describe::export!(FailsDescribe with_types_in describe);
prepare::export!(FailsDescribe with_types_in prepare);

impl describe::Guest for FailsDescribe {
    fn describe() -> Description {
        install_panic_hook();
        panic!("describe fails on purpose");
    }
}

impl prepare::Guest for FailsDescribe {
    fn prepare(_: Call, _: String) -> Result<Option<String>, Rejection> {
        Ok(None)
    }
}
