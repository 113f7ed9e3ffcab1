//! Marks messages with its generation, `a` or `b`. Two packages build this file; the
//! last letter of the package's name is the generation.
//!
//! A message with `"p": "a"` and `"m": "b"` was judged by two generations, which must
//! never happen.

use hookcast_guest::{Call, Json, Modify, Prepare, Result, Stored, export};

struct Versioned;

export!(Versioned: prepare, modify);

fn generation() -> Json {
    let (_, generation) = env!("CARGO_PKG_NAME").split_at("versioned-".len());
    generation.into()
}

impl Prepare for Versioned {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        message["p"] = generation();
        Ok(Some(message))
    }
}

impl Modify for Versioned {
    type Message = Json;

    fn modify(_: &Call, mut message: Json, _: &Stored) -> Result<Option<Json>> {
        message["m"] = generation();
        Ok(Some(message))
    }
}
