//! The endpoint's table. Needs the grant `rows:read` ([`select`]) or `rows:write` (the
//! others).

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::imports::hookcast::plugin::rows;
use crate::{Args, HostError};

/// Committed rows that pass the filter: at most `limit`, and never more than 1,000.
///
/// They are not checked again at commit: invariants belong in UNIQUE constraints.
///
/// # Errors
/// When the host refuses, with the reason, and when a row is not a `T`.
pub fn select<T: DeserializeOwned>(filter: &Args, limit: u32) -> Result<Vec<T>, HostError> {
    let rows = rows::select(filter.as_wire(), limit)?;
    let rows = rows.iter().map(|row| Ok(serde_json::from_str(row)?));
    rows.collect()
}

/// Adds a row with the call's commit and returns its id. Subscribers see it as a POST.
///
/// # Errors
/// When the host refuses, with the reason.
pub fn insert(row: impl Serialize) -> Result<String, HostError> {
    Ok(rows::insert(&serde_json::to_string(&row)?)?)
}

/// Changes the given columns of the row with this `id`. Subscribers see a PUT.
///
/// # Errors
/// When the host refuses, with the reason.
pub fn update(row: impl Serialize) -> Result<(), HostError> {
    Ok(rows::update(&serde_json::to_string(&row)?)?)
}

/// Deletes the row with this id. Subscribers see a DELETE.
///
/// # Errors
/// When the host refuses, with the reason.
pub fn delete(id: &str) -> Result<(), HostError> {
    Ok(rows::delete(id)?)
}
