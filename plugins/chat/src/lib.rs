//! Chat: cleans up messages, greets, and answers pings. README.md says what exactly.

mod body;
mod marks;
mod name;
mod ping;

use hookcast_guest::{
    Args, Call, Json, Modify, Open, Prepare, Result, Stored, context, export, json, messaging,
};
use ping::Ping;

struct Chat;

export!(Chat: open, prepare, modify, handlers(Ping));

impl Open for Chat {
    fn open(call: &Call, _: Args) -> Result<Option<Args>> {
        let greeting = format!("Welcome to {}.", call.endpoint);
        messaging::reply(json!({"_greeting": greeting}))?;
        Ok(None)
    }
}

impl Prepare for Chat {
    type Message = Json;

    fn prepare(call: &Call, mut message: Json) -> Result<Option<Json>> {
        if call.method == "DELETE" {
            return Ok(None);
        }
        let new = call.method == "POST";
        body::clean(&mut message, new)?;
        // An edit that names nobody keeps the name it was posted under.
        if new || message.get("name").is_some() {
            let user: Option<Json> = context::user()?;
            message["name"] = name::display(user.as_ref(), &message).into();
        }
        Ok(Some(message))
    }
}

impl Modify for Chat {
    type Message = Json;

    fn modify(call: &Call, message: Json, _: &Stored) -> Result<Option<Json>> {
        Ok(marks::mark(&call.method, message))
    }
}
