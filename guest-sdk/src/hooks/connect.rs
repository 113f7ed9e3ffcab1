//! Handshake: who may connect.

use super::Exports;
use crate::bindings::connect::{self as wire, Guest};
use crate::{Call, HostError, Json, Level, Rejection, install_panic_hook, log};

/// Handshake: who may connect. Runs before the WebSocket is accepted.
pub trait Connect {
    /// Accepts the connection or refuses it; the handshake is in [`context`](crate::context).
    ///
    /// # Errors
    /// To refuse.
    fn connect(call: &Call) -> Result<Acceptance, Refusal>;
}

/// The connection is accepted. Fields left empty keep what the host knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acceptance {
    /// Identity of the user from here on.
    pub user: Option<User>,
    /// Groups the connection joins before history is sent.
    pub groups: Vec<String>,
    /// Free data kept with the connection, read back with
    /// [`context::metadata`](crate::context::metadata).
    pub metadata: Option<Json>,
    /// Client-chosen name of the connection's owner (`_client`).
    pub client_id: Option<String>,
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// What messages carry as `user`.
    pub id: String,
    /// What else is known of the user: a JSON object.
    pub claims: Option<Json>,
}

/// The handshake is answered with an HTTP error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Sentence for the person at the other end.
    pub reason: String,
    /// What the operator should know and the client should not: goes to the log.
    pub cause: Option<String>,
}

impl Refusal {
    /// `Err(Refusal::new(403, "Members only."))`
    #[must_use]
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            cause: None,
        }
    }
}

/// What the client sent has not the shape that the plugin expects.
impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(400, format!("The request is not valid: {error}."))
    }
}

impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        let Rejection { message, cause, .. } = error.into();
        Self {
            cause,
            ..Self::new(500, message)
        }
    }
}

impl<P: Connect> Guest for Exports<P> {
    fn connect(call: Call) -> Result<wire::Acceptance, wire::Refusal> {
        install_panic_hook();
        match P::connect(&call) {
            Ok(acceptance) => Ok(accept(acceptance)),
            Err(refusal) => Err(refuse(refusal)),
        }
    }
}

fn accept(acceptance: Acceptance) -> wire::Acceptance {
    let user = acceptance.user.map(|user| wire::User {
        id: user.id,
        claims: user.claims.map(|claims| claims.to_string()),
    });
    wire::Acceptance {
        user,
        groups: acceptance.groups,
        metadata: acceptance.metadata.map(|metadata| metadata.to_string()),
        client_id: acceptance.client_id,
    }
}

fn refuse(refusal: Refusal) -> wire::Refusal {
    if let Some(cause) = refusal.cause {
        log(Level::Error, "connect", cause);
    }
    wire::Refusal {
        status: refusal.status,
        reason: refusal.reason,
    }
}
