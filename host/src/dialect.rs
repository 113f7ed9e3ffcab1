//! The language of a client on the wire. The core knows none of them; each is one file.

pub mod gramex;

use serde_json::{Map, Value};

use crate::log::submission::{Command, Receipt};
use crate::log::{Event, Method};
use crate::rejection::Rejection;

/// A decoded frame.
#[derive(Debug)]
pub struct Decoded {
    pub command: Command,
    /// The client's own id for the message.
    pub msg_id: Option<String>,
    /// The client's own name for itself, which makes `msg_id` unique when anonymous.
    pub client: Option<String>,
}

/// A token by which a client says who it is.
pub struct Credentials {
    pub token: String,
    /// The client's own id for the frame.
    pub msg_id: Option<String>,
}

/// A frame that can't be understood, with the message id if it could be read.
#[derive(Debug)]
pub struct Undecodable {
    pub rejection: Box<Rejection>,
    pub msg_id: Option<String>,
}

/// What a client is told apart from events.
#[derive(Debug, Clone)]
pub enum Notice<'a> {
    /// A message was committed.
    Ack {
        msg_id: Option<&'a str>,
        receipt: &'a Receipt,
    },
    /// The client's token was accepted: it is this user from here on.
    Authenticated {
        msg_id: Option<&'a str>,
        user: &'a str,
    },
    /// A message, or the subscription itself, was not accepted.
    Error {
        msg_id: Option<&'a str>,
        rejection: &'a Rejection,
    },
    /// The subscriber's position can't be continued; everything follows anew.
    Reset { reason: &'a str, position: &'a str },
    /// History is complete; live events follow.
    HistoryEnd { rows: usize, position: &'a str },
    /// History was longer than the endpoint sends; these are the rows there is room for.
    HistoryTruncated { rows: usize },
}

/// Decodes frames and encodes answers as JSON text.
pub trait Dialect: Send + Sync {
    /// Reads a text frame. `handlers` are the message types that plugins answer.
    fn decode(&self, text: &str, handlers: &[String]) -> Result<Decoded, Undecodable>;

    /// Reads a frame by which a client says who it is; none for every other frame. What
    /// this takes for one is never a message, even where it is good for nothing: whoever
    /// sends a token means nobody to read it.
    fn credentials(&self, text: &str) -> Option<Result<Credentials, Undecodable>>;

    /// Reads the body of an HTTP request, whose method is the message's.
    fn decode_request(
        &self,
        method: Method,
        text: &str,
        handlers: &[String],
    ) -> Result<Decoded, Undecodable>;

    /// Appends an event, with its position if the subscriber asked for positions. `sent`
    /// is what the subscriber is shown of what was sent: a JSON object.
    fn event(&self, event: &Event, sent: &[u8], position: Option<&str>, out: &mut Vec<u8>);

    /// Appends what a subscriber gets when a row leaves its filter. The key is what the row
    /// is told apart by: its column, and the value there.
    fn removal(&self, key: (&str, Value), position: Option<&str>, out: &mut Vec<u8>);

    /// The broadcast of a row that a plugin wrote.
    fn change(&self, method: Method, row: Map<String, Value>) -> String;

    /// A stored row.
    fn row(&self, row: Map<String, Value>) -> String;

    /// Always a JSON object.
    fn notice(&self, notice: Notice<'_>) -> String;
}
