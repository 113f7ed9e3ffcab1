//! Groups of connections within the endpoint. Changes take effect with the message's
//! commit; reads see what is committed.

use crate::HostError;
use crate::bindings::imports::hookcast::plugin::groups;

/// Adds a connection to a group.
///
/// # Errors
/// When the host refuses, with the reason.
pub fn join(connection: &str, group: &str) -> Result<(), HostError> {
    Ok(groups::join(connection, group)?)
}

/// Takes a connection out of a group.
///
/// # Errors
/// When the host refuses, with the reason.
pub fn leave(connection: &str, group: &str) -> Result<(), HostError> {
    Ok(groups::leave(connection, group)?)
}

/// Takes a connection out of every group and adds it to this one: WIT's `move`, which
/// is a keyword here.
///
/// # Errors
/// When the host refuses, with the reason.
pub fn move_to(connection: &str, group: &str) -> Result<(), HostError> {
    Ok(groups::move_(connection, group)?)
}

/// Ids of the connections in a group; at most 10,000.
#[must_use]
pub fn members(group: &str) -> Vec<String> {
    groups::members(group)
}

/// How many connections are in a group.
#[must_use]
pub fn count(group: &str) -> u32 {
    groups::count(group)
}
