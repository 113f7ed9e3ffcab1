//! An endpoint that is not there: what a call needs to know of one. The plugin that is measured
//! asks nothing of it.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use hookcast::id::ConnectionId;
use hookcast::kv::{Key, Stored};
use hookcast::plugin::{CallContext, HostError, KeyPage, Surroundings};
use hookcast::row::RowWrite;
use serde_json::{Map, Value};

pub struct Room;

impl Room {
    /// A message of a user, as the judge describes it to hooks.
    pub fn context() -> CallContext {
        let around = Arc::new(Self);
        let context = CallContext::new(ConnectionId::random(), "POST", "room".into(), around);
        CallContext {
            user: Some("alice".into()),
            received_at: 1,
            ..context
        }
    }
}

fn nothing<T: Send + 'static>() -> BoxFuture<'static, Result<T, HostError>> {
    async {
        let problem = "the bench has no database";
        Err(HostError::new("unavailable", problem))
    }
    .boxed()
}

impl Surroundings for Room {
    fn written(&self, _: &RowWrite) -> Value {
        Value::Null
    }

    fn args(&self) -> Vec<(String, Vec<String>)> {
        Vec::new()
    }

    fn path_parameters(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn headers(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn user(&self) -> Option<String> {
        None
    }

    fn session(&self) -> Option<String> {
        None
    }

    fn groups(&self) -> Vec<String> {
        Vec::new()
    }

    fn metadata(&self) -> Option<String> {
        None
    }

    fn members(&self, _: &str, _: usize) -> Vec<ConnectionId> {
        Vec::new()
    }

    fn count(&self, _: &str) -> u32 {
        0
    }

    fn publishable(&self, _: &str) -> Result<(), HostError> {
        Ok(())
    }

    fn mail_service(&self, _: Option<&str>) -> Result<String, HostError> {
        Err(HostError::new("unavailable", "the bench sends no mail"))
    }

    fn insert(
        &self,
        _: Map<String, Value>,
    ) -> BoxFuture<'_, Result<(String, RowWrite), HostError>> {
        nothing()
    }

    fn update(&self, _: Map<String, Value>) -> BoxFuture<'_, Result<RowWrite, HostError>> {
        nothing()
    }

    fn delete(&self, _: String) -> BoxFuture<'_, Result<RowWrite, HostError>> {
        nothing()
    }

    fn select(
        &self,
        _: Vec<(String, Vec<String>)>,
        _: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        nothing()
    }

    fn kv_get(&self, _: Arc<str>, _: Key) -> BoxFuture<'_, Result<Option<Stored>, HostError>> {
        nothing()
    }

    fn kv_keys(&self, _: Arc<str>, _: KeyPage) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        nothing()
    }

    fn kv_used(&self, _: Arc<str>, _: Vec<Key>) -> BoxFuture<'_, Result<u64, HostError>> {
        nothing()
    }
}
