//! Groups. Without `connection` the sender's own is meant.

use hookcast_guest::groups;

use crate::message;

message! {
    /// Adds a connection to a group.
    Join = "join" { group: String, connection: Option<String> },
    |message, call| {
        groups::join(message.connection.as_ref().unwrap_or(&call.connection), &message.group)
    }
}

message! {
    /// Takes a connection out of a group.
    Leave = "leave" { group: String, connection: Option<String> },
    |message, call| {
        groups::leave(message.connection.as_ref().unwrap_or(&call.connection), &message.group)
    }
}

message! {
    /// Leaves every group and joins this one.
    Move = "move" { group: String, connection: Option<String> },
    |message, call| {
        groups::move_to(message.connection.as_ref().unwrap_or(&call.connection), &message.group)
    }
}

message! {
    /// Who is in a group.
    Members = "members" { group: String },
    |message, _call| Ok(groups::members(&message.group))
}

message! {
    /// How many are in a group.
    Count = "count" { group: String },
    |message, _call| Ok(groups::count(&message.group))
}
