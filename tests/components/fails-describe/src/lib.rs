//! Panics when it is asked what it is: must never replace a plugin that works.

use hookcast_guest::bindings::describe::{self, Description};
use hookcast_guest::install_panic_hook;

struct FailsDescribe;

describe::export!(FailsDescribe with_types_in describe);

impl describe::Guest for FailsDescribe {
    fn describe() -> Description {
        install_panic_hook();
        panic!("describe fails on purpose");
    }
}
