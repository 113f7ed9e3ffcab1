//! The plugin's settings, as the operator wrote them in the server's configuration.

use crate::HostError;
use crate::bindings::imports::wasi::config::store;

/// The value of a key; none when it is not set.
///
/// # Errors
/// When the host can't read its configuration.
pub fn get(key: &str) -> Result<Option<String>, HostError> {
    Ok(store::get(key)?)
}

/// All keys with their values.
///
/// # Errors
/// When the host can't read its configuration.
pub fn get_all() -> Result<Vec<(String, String)>, HostError> {
    Ok(store::get_all()?)
}
