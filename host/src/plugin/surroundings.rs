//! What host functions may ask of the endpoint and of the connection behind a call.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::id::ConnectionId;
use crate::kv::{Key, Stored};
use crate::row::RowWrite;

/// The endpoint and the connection, as a hook sees them through `context`, `groups`,
/// `rows` and key-value storage.
///
/// Methods answer from what is committed: the effects of the current call are not
/// visible to it. The plain ones run on the guest's stack while its deadline ticks and
/// must not block; those that reach the database return a future.
pub trait Surroundings: Send + Sync {
    /// The query string in force: each key with its values, in order.
    fn args(&self) -> Vec<(String, Vec<String>)>;
    /// Parameters of the endpoint's path.
    fn path_parameters(&self) -> Vec<(String, String)>;
    /// Request headers of the handshake, names in lower case, without cookies and
    /// authorization.
    fn headers(&self) -> Vec<(String, String)>;
    /// The user as the text of a JSON object; none for anonymous connections.
    fn user(&self) -> Option<String>;
    /// The session as the text of a JSON object.
    fn session(&self) -> Option<String>;
    /// Groups the connection is in, sorted.
    fn groups(&self) -> Vec<String>;
    /// What `connect` kept with the connection, as JSON text.
    fn metadata(&self) -> Option<String>;

    /// Connections in a group, at most `limit`.
    fn members(&self, group: &str, limit: usize) -> Vec<ConnectionId>;
    /// Number of connections in a group.
    fn count(&self, group: &str) -> u32;

    /// Whether a message can be published into this endpoint.
    fn publishable(&self, endpoint: &str) -> Result<(), HostError>;

    /// The mail service that a mail goes by: the one of this name, or the only one.
    fn mail_service(&self, name: Option<&str>) -> Result<String, HostError>;

    /// Makes the typed row of a plugin's insert. The id is assigned here, so that the
    /// plugin knows it before the commit.
    fn insert(
        &self,
        row: Map<String, Value>,
    ) -> BoxFuture<'_, Result<(String, RowWrite), HostError>>;
    /// Reads the stored row with the `id` in `row` and makes the change of it.
    fn update(&self, row: Map<String, Value>) -> BoxFuture<'_, Result<RowWrite, HostError>>;
    /// Reads the stored row with this id and makes its deletion.
    fn delete(&self, id: String) -> BoxFuture<'_, Result<RowWrite, HostError>>;
    /// Committed rows that pass the filter, each as the text of a JSON object, at most
    /// `limit`.
    fn select(
        &self,
        filter: Vec<(String, Vec<String>)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, HostError>>;
    /// A write as fixtures show it: `{"insert": ROW}`, `{"update": ROW}` or
    /// `{"delete": ROW}`.
    fn written(&self, write: &RowWrite) -> Value;

    /// What one of the plugin's keys holds.
    fn kv_get(
        &self,
        plugin: Arc<str>,
        key: Key,
    ) -> BoxFuture<'_, Result<Option<Stored>, HostError>>;
    /// A page of the plugin's keys.
    fn kv_keys(
        &self,
        plugin: Arc<str>,
        page: KeyPage,
    ) -> BoxFuture<'_, Result<Vec<String>, HostError>>;
    /// Bytes that the plugin's keys take, those in `apart_from` not counted.
    fn kv_used(
        &self,
        plugin: Arc<str>,
        apart_from: Vec<Key>,
    ) -> BoxFuture<'_, Result<u64, HostError>>;
}

/// Keys of a bucket, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyPage {
    pub bucket: Arc<str>,
    /// Keys to add to the committed ones, and to leave out.
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Keys to skip, and the most to return.
    pub skip: u64,
    pub limit: u32,
}

/// A host function refused; the guest gets it as the WIT record `error`.
#[derive(Debug, Clone, PartialEq)]
pub struct HostError {
    /// `invalid`, `denied`, `limit`, `not_found` or `unavailable`.
    pub code: &'static str,
    /// What was wrong and what to do about it, for the plugin's author.
    pub message: String,
}

impl HostError {
    /// Every code.
    pub const CODES: &[&str] = &["invalid", "denied", "limit", "not_found", "unavailable"];

    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}
