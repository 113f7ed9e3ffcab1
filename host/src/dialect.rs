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
        msg_id: &'a str,
        receipt: &'a Receipt,
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

    /// Appends an event, with its position if the subscriber asked for positions. `sent`
    /// is what the subscriber is shown of what was sent: a JSON object.
    fn event(&self, event: &Event, sent: &[u8], position: Option<&str>, out: &mut Vec<u8>);

    /// Appends what a subscriber gets when a row leaves its filter.
    fn removal(&self, id: &str, position: Option<&str>, out: &mut Vec<u8>);

    /// The broadcast of a row that a plugin wrote.
    fn change(&self, method: Method, row: Map<String, Value>) -> String;

    /// A stored row.
    fn row(&self, row: Map<String, Value>) -> String;

    fn notice(&self, notice: Notice<'_>) -> String;
}
