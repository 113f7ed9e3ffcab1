//! Calls every host function on demand. Message types are named after the functions;
//! each is answered with `{"_type": …, "result": …}`, and what the host refuses with an
//! error that has the host's code.

mod context;
mod gate;
mod groups;
mod log;
mod messaging;
mod rows;

use hookcast_guest::export;

struct Relay;

export!(
    Relay: connect, open, close,
    handlers(
        context::Args, context::Queued, context::Path, context::Headers, context::User, context::Session,
        context::Groups, context::Metadata, context::Config,
        groups::Join, groups::Leave, groups::Move, groups::Members, groups::Count,
        messaging::Reply, messaging::ToConnection, messaging::ToUser, messaging::ToGroup,
        messaging::Broadcast, messaging::Publish, messaging::Close,
        rows::Select, rows::Insert, rows::Update, rows::Delete,
        log::Log,
    )
);

/// Defines a message type: its name, its fields, and what answers it.
macro_rules! message {
    (
        $(#[$doc:meta])*
        $name:ident = $type:literal { $($field:ident: $of:ty),* $(,)? },
        |$message:ident, $call:ident| $answer:expr
    ) => {
        $(#[$doc])*
        #[derive(serde::Deserialize)]
        pub struct $name { $($field: $of),* }

        impl hookcast_guest::Handler for $name {
            const TYPE: &str = $type;
            type Reply = hookcast_guest::Json;

            fn handle(
                self,
                $call: &hookcast_guest::Call,
            ) -> hookcast_guest::Result<Option<hookcast_guest::Json>> {
                let $message = self;
                let result = $answer.map_err(crate::show)?;
                Ok(Some(hookcast_guest::json!({"_type": $type, "result": result})))
            }
        }
    };
}
use message;

/// By default a plugin's sender doesn't learn what the host refused: here it must.
fn show(error: hookcast_guest::HostError) -> hookcast_guest::Rejection {
    hookcast_guest::Rejection::new(error.code, error.message)
}
