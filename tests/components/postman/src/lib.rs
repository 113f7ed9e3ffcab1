//! Sends the mails that messages ask for: the message type `mail` sends what it has under
//! `mail`, and is rejected after that if it has `reject`. What the host refuses is answered
//! with an error that has the host's code.

use hookcast_guest::{Call, Handler, HostError, Json, Rejection, Result, alerts, export, json};

struct Postman;

export!(Postman: handlers(Mail));

#[derive(serde::Deserialize)]
struct Mail {
    mail: Json,
    #[serde(default)]
    reject: bool,
}

impl Handler for Mail {
    const TYPE: &str = "mail";
    type Reply = Json;

    fn handle(self, _call: &Call) -> Result<Option<Json>> {
        alerts::send(&self.mail).map_err(show)?;
        if self.reject {
            return Err(Rejection::new("changed_its_mind", "No mail after all."));
        }
        Ok(Some(json!({"_type": "mail", "result": null})))
    }
}

/// By default a plugin's sender doesn't learn what the host refused: here it must.
fn show(error: HostError) -> Rejection {
    Rejection::new(error.code, error.message)
}
