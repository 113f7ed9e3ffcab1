//! Mails to people. Needs the grant `alerts`.
//!
//! ```no_run
//! # use hookcast_guest::{HostError, alerts, json};
//! # fn main() -> Result<(), HostError> {
//! alerts::send(json!({
//!     "to": "ada@example.org", "subject": "New message", "body": "Have a look.",
//! }))
//! # }
//! ```

use serde::Serialize;

use crate::HostError;
use crate::bindings::imports::hookcast::plugin::alerts;

/// Sends a mail once the call's message is committed; if that is not, there is no mail.
///
/// `mail` is an object: `to`, `cc`, `bcc`, `reply_to`, `subject`; `body`, `html` or
/// `markdown`; `service` where the server has several. Its texts are sent as they are.
///
/// # Errors
/// The host refuses, with the reason; or `mail` can't be written as JSON.
pub fn send(mail: impl Serialize) -> Result<(), HostError> {
    Ok(alerts::send(&serde_json::to_string(&mail)?)?)
}
