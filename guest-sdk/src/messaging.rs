//! Sends. Nothing leaves before the hook has returned and its message is committed;
//! nothing at all when the call fails or is rejected.
//!
//! Every function fails when the host refuses, with the reason, and when the message
//! can't be written as JSON.

use serde::Serialize;

use crate::HostError;
use crate::bindings::imports::hookcast::plugin::messaging;

/// Whether the connection that caused the call gets what is sent to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// It gets the message like everyone else.
    Included,
    /// Only the others get it.
    Excluded,
}

/// To the connection that caused the call. Not logged, not replayed.
///
/// # Errors
/// See the [module](self).
pub fn reply(message: impl Serialize) -> Result<(), HostError> {
    Ok(messaging::reply(&text(message)?)?)
}

/// To one connection of this endpoint, by id. Not logged, not replayed.
///
/// # Errors
/// See the [module](self).
pub fn to_connection(connection: &str, message: impl Serialize) -> Result<(), HostError> {
    Ok(messaging::to_connection(connection, &text(message)?)?)
}

/// To every connection of a user on this endpoint.
///
/// # Errors
/// See the [module](self).
pub fn to_user(user: &str, message: impl Serialize) -> Result<(), HostError> {
    Ok(messaging::to_user(user, &text(message)?)?)
}

/// To every connection in a group. Logged: who resumes gets it.
///
/// # Errors
/// See the [module](self).
pub fn to_group(group: &str, message: impl Serialize, sender: Sender) -> Result<(), HostError> {
    let exclude = sender == Sender::Excluded;
    Ok(messaging::to_group(group, &text(message)?, exclude)?)
}

/// To every connection of this endpoint. Logged: who resumes gets it.
///
/// # Errors
/// See the [module](self).
pub fn broadcast(message: impl Serialize, sender: Sender) -> Result<(), HostError> {
    let exclude = sender == Sender::Excluded;
    Ok(messaging::broadcast(&text(message)?, exclude)?)
}

/// Posts a message into an endpoint, as if the user of this call had sent it there.
/// `method` is `POST`, `PUT` or `DELETE`; `message` is an object. The plugins there judge
/// it after this call's own message and it is written with it: if one of the two is
/// rejected, both are. Another endpoint than this one needs the grant `publish:ENDPOINT`.
///
/// # Errors
/// See the [module](self).
pub fn publish(endpoint: &str, method: &str, message: impl Serialize) -> Result<(), HostError> {
    Ok(messaging::publish(endpoint, method, &text(message)?)?)
}

/// Closes a connection of this endpoint after what is buffered for it. `code` is 1000
/// or 3000 to 4999, `reason` at most 123 bytes.
///
/// # Errors
/// See the [module](self).
pub fn close(connection: &str, code: u16, reason: &str) -> Result<(), HostError> {
    Ok(messaging::close(connection, code, reason)?)
}

fn text(message: impl Serialize) -> Result<String, HostError> {
    Ok(serde_json::to_string(&message)?)
}
