//! What the host knows of the connection, and the plugin's settings.

use std::collections::BTreeMap;

use hookcast_guest::{HostError, Json, config, context, json};

use crate::message;

message! {
    /// Whether the message has waited.
    Queued = "queued" {},
    |_message, call| Ok::<_, HostError>(call.queued)
}

message! {
    /// The query string in force.
    Args = "args" {},
    |_message, _call| {
        let args = context::args();
        Ok(args.iter().map(|(key, values)| (key.to_owned(), json!(values))).collect::<Json>())
    }
}

message! {
    /// Parameters of the path.
    Path = "path" {},
    |_message, _call| Ok(BTreeMap::from_iter(context::path_parameters()))
}

message! {
    /// Headers of the handshake.
    Headers = "headers" {},
    |_message, _call| Ok(BTreeMap::from_iter(context::headers()))
}

message! {
    /// The user with claims.
    User = "user" {},
    |_message, _call| context::user::<Json>().map_err(HostError::from)
}

message! {
    /// The session.
    Session = "session" {},
    |_message, _call| context::session::<Json>().map_err(HostError::from)
}

message! {
    /// Groups of the connection.
    Groups = "groups" {},
    |_message, _call| Ok(context::groups())
}

message! {
    /// What `connect` kept.
    Metadata = "metadata" {},
    |_message, _call| context::metadata::<Json>().map_err(HostError::from)
}

message! {
    /// One setting, or all of them without `key`.
    Config = "config" { key: Option<String> },
    |message, _call| match message.key {
        Some(key) => config::get(&key).map(|value| json!(value)),
        None => config::get_all().map(|all| json!(BTreeMap::from_iter(all))),
    }
}
