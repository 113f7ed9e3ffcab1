//! The sample plugin `chat` as a user may have edited it: `modify` also adds `"v": 2`.

#[path = "../../../../plugins/chat/src/body.rs"]
mod body;
#[path = "../../../../plugins/chat/src/marks.rs"]
mod marks;
#[path = "../../../../plugins/chat/src/name.rs"]
mod name;
#[path = "../../../../plugins/chat/src/ping.rs"]
mod ping;

use hookcast_guest::{
    Args, Call, Json, Modify, Open, Prepare, Result, Stored, context, export, json, messaging,
};
use ping::Ping;

struct ChatNext;

export!(ChatNext: open, prepare, modify, handlers(Ping));

impl Open for ChatNext {
    fn open(call: &Call, _: Args) -> Result<Option<Args>> {
        let greeting = format!("Welcome to {}.", call.endpoint);
        messaging::reply(json!({"_greeting": greeting}))?;
        Ok(None)
    }
}

impl Prepare for ChatNext {
    type Message = Json;

    fn prepare(call: &Call, mut message: Json) -> Result<Option<Json>> {
        if call.method == "DELETE" {
            return Ok(None);
        }
        let new = call.method == "POST";
        body::clean(&mut message, new)?;
        if new || message.get("name").is_some() {
            let user: Option<Json> = context::user()?;
            message["name"] = name::display(user.as_ref(), &message).into();
        }
        Ok(Some(message))
    }
}

impl Modify for ChatNext {
    type Message = Json;

    fn modify(call: &Call, message: Json, _: &Stored) -> Result<Option<Json>> {
        let mut message = marks::mark(&call.method, message.clone()).unwrap_or(message);
        message["v"] = 2.into();
        Ok(Some(message))
    }
}
