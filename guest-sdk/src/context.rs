//! The connection behind the current call.

use serde::de::DeserializeOwned;

use crate::Args;
use crate::bindings::imports::hookcast::plugin::context::{self, Pair};

/// The query string in force: the client's, or what the hook `open` put in its place.
#[must_use]
pub fn args() -> Args {
    Args::from_wire(context::args())
}

/// One parameter of the endpoint's path: `room` of `path = "/ws/{room}"`.
#[must_use]
pub fn path_parameter(name: &str) -> Option<String> {
    find(context::path_parameters(), name)
}

/// All parameters of the endpoint's path, with their names.
#[must_use]
pub fn path_parameters() -> Vec<(String, String)> {
    pairs(context::path_parameters())
}

/// First request header of this name, which must be in lower case. Cookies and
/// authorization are never there.
#[must_use]
pub fn header(name: &str) -> Option<String> {
    find(context::headers(), name)
}

/// Request headers of the handshake, their names in lower case.
#[must_use]
pub fn headers() -> Vec<(String, String)> {
    pairs(context::headers())
}

/// The user, an object with at least `id`; none for anonymous connections.
///
/// # Errors
/// When it is not a `T`.
pub fn user<T: DeserializeOwned>() -> serde_json::Result<Option<T>> {
    read(context::user())
}

/// The session, an object with at least `id`; none without one.
///
/// # Errors
/// When it is not a `T`.
pub fn session<T: DeserializeOwned>() -> serde_json::Result<Option<T>> {
    read(context::session())
}

/// Groups the connection is in, sorted.
#[must_use]
pub fn groups() -> Vec<String> {
    context::groups()
}

/// What the hook `connect` kept with the connection.
///
/// # Errors
/// When it is not a `T`.
pub fn metadata<T: DeserializeOwned>() -> serde_json::Result<Option<T>> {
    read(context::metadata())
}

fn read<T: DeserializeOwned>(text: Option<String>) -> serde_json::Result<Option<T>> {
    text.map(|text| serde_json::from_str(&text)).transpose()
}

fn find(pairs: Vec<Pair>, name: &str) -> Option<String> {
    let pair = pairs.into_iter().find(|pair| pair.name == name);
    pair.map(|pair| pair.value)
}

fn pairs(pairs: Vec<Pair>) -> Vec<(String, String)> {
    let pairs = pairs.into_iter();
    pairs.map(|pair| (pair.name, pair.value)).collect()
}
