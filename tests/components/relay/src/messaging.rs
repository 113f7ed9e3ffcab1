//! Sends: each passes on the key `message`.

use hookcast_guest::Json;
use hookcast_guest::messaging::{self, Sender};

use crate::message;

/// From the key `exclude_sender`, which may be absent.
fn sender(exclude: Option<bool>) -> Sender {
    match exclude {
        Some(true) => Sender::Excluded,
        Some(false) | None => Sender::Included,
    }
}

message! {
    /// To the sender.
    Reply = "reply" { message: Json },
    |message, _call| messaging::reply(&message.message)
}

message! {
    /// To one connection.
    ToConnection = "to_connection" { connection: String, message: Json },
    |message, _call| messaging::to_connection(&message.connection, &message.message)
}

message! {
    /// To a user.
    ToUser = "to_user" { user: String, message: Json },
    |message, _call| messaging::to_user(&message.user, &message.message)
}

message! {
    /// To a group.
    ToGroup = "to_group" { group: String, message: Json, exclude_sender: Option<bool> },
    |message, _call| {
        messaging::to_group(&message.group, &message.message, sender(message.exclude_sender))
    }
}

message! {
    /// To all.
    Broadcast = "broadcast" { message: Json, exclude_sender: Option<bool> },
    |message, _call| messaging::broadcast(&message.message, sender(message.exclude_sender))
}

message! {
    /// Into an endpoint.
    Publish = "publish" { endpoint: String, method: Option<String>, message: Json },
    |message, _call| messaging::publish(
        &message.endpoint,
        message.method.as_deref().unwrap_or("POST"),
        &message.message,
    )
}

message! {
    /// Closes a connection, by default the sender's own with 1000.
    Close = "close" { connection: Option<String>, code: Option<u16>, reason: Option<String> },
    |message, call| messaging::close(
        message.connection.as_ref().unwrap_or(&call.connection),
        message.code.unwrap_or(1000),
        message.reason.as_deref().unwrap_or_default(),
    )
}
