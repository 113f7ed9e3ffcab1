//! Coming and going: `connect`, `open` and `close`, told by the query string what to do.

use hookcast_guest::messaging::{self, Sender};
use hookcast_guest::{
    Acceptance, Args, Call, Cause, Close, Connect, Open, Refusal, Result, User, context, json,
};

use crate::Relay;

impl Connect for Relay {
    /// `refuse=STATUS` refuses, `_refuse_user=ID` this user only; `user`, `room` (also
    /// several) and `client` are what they say. The metadata is `{"rooms": […]}`.
    fn connect(call: &Call) -> Result<Acceptance, Refusal> {
        let args = context::args();
        if let Some(status) = args.get("refuse") {
            let status = status.parse().unwrap_or(400);
            return Err(Refusal::new(status, "Refused on purpose."));
        }
        if call.user.is_some() && call.user.as_deref() == args.get("_refuse_user") {
            return Err(Refusal::new(403, "Not you."));
        }
        let user = args.get("user").map(|id| User {
            id: id.to_owned(),
            claims: Some(json!({"name": format!("User {id}")})),
        });
        let rooms = args.all("room").to_vec();
        Ok(Acceptance {
            user,
            metadata: (!rooms.is_empty()).then(|| json!({"rooms": rooms})),
            groups: rooms,
            client_id: args.get("client").map(str::to_owned),
        })
    }
}

impl Open for Relay {
    /// `force_topic=X` becomes the filter `topic=X`, and nothing else is left.
    fn open(_: &Call, args: Args) -> Result<Option<Args>> {
        let topic = args.get("force_topic");
        Ok(topic.map(|topic| Args::from_iter([("topic", topic)])))
    }
}

impl Close for Relay {
    fn close(call: &Call, cause: &Cause) -> Result<()> {
        let left = json!({"_left": call.connection, "code": cause.code});
        Ok(messaging::broadcast(left, Sender::Excluded)?)
    }
}
