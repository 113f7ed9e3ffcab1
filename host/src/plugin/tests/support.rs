//! Guests, an engine for all tests, and an endpoint that is not there.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::effects::Effects;
use crate::id::ConnectionId;
use crate::kv::{Key, Stored};
use crate::plugin::load::load;
use crate::plugin::source::Source;
use crate::plugin::{
    CallContext, CompileCache, Compiler, Engine, EngineSettings, Generation, Grant, HostError,
    KeyPage, Limits, LoadError, PluginSettings, Surroundings,
};
use crate::row::{Cell, Row, RowWrite};

/// One engine for all tests: each reserves a good part of the address space.
pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let settings = EngineSettings {
        instances: 200,
        ..EngineSettings::default()
    };
    Engine::new(settings, Compiler::in_this_process()).expect("an engine with 200 instances")
});

/// Compiled guests, kept from run to run beside the guests themselves.
static CACHE: LazyLock<Arc<CompileCache>> = LazyLock::new(|| {
    let cache = CompileCache::open(target().join("plugin-test-cache"));
    Arc::new(cache.expect("a folder in cargo's target directory"))
});

/// The bytes of a guest by its package's name.
pub fn guest(name: &str) -> Vec<u8> {
    let path = guests().join(format!("{}.wasm", name.replace('-', "_")));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; build the guests with `cargo xtask guests`",
            path.display()
        )
    })
}

/// Where xtask puts guests: `HOOKCAST_GUESTS`, or their place in cargo's target directory.
fn guests() -> PathBuf {
    if let Some(folder) = std::env::var_os("HOOKCAST_GUESTS") {
        return folder.into();
    }
    target().join("guests").join("wasm")
}

/// Cargo's target directory: target/PROFILE/deps/hookcast-HASH is what runs this.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    let target = test
        .ancestors()
        .nth(3)
        .expect("cargo runs tests in its target directory");
    target.to_owned()
}

/// Loads a guest under its own name as generation 1.
pub async fn generation(name: &str, settings: PluginSettings) -> Generation {
    let loaded = try_load(name, guest(name), settings).await;
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

/// Loads bytes as generation 1.
pub async fn try_load(
    name: &str,
    bytes: Vec<u8>,
    settings: PluginSettings,
) -> Result<Generation, LoadError> {
    let cache = Some(Arc::clone(&CACHE));
    let source = Source::uploaded(Path::new(""), name, bytes);
    load(&ENGINE, cache, 1, name, source, Arc::new(settings)).await
}

/// The usual settings with everything granted: `relay` and `misbehave` import `rows`.
pub fn granted() -> PluginSettings {
    PluginSettings {
        grants: vec![Grant::RowsRead, Grant::RowsWrite],
        ..PluginSettings::default()
    }
}

/// The same with these limits.
pub fn limited(limits: Limits) -> PluginSettings {
    PluginSettings {
        limits,
        ..granted()
    }
}

/// A call by a connection of a made-up endpoint.
pub fn context(surroundings: Room) -> CallContext {
    let around = Arc::new(surroundings);
    CallContext {
        user: Some("alice".into()),
        received_at: 1_700_000_000_000_000,
        ..CallContext::new(around.connection, "POST", "room".into(), around)
    }
}

/// The text of a JSON value, and back.
pub fn json(value: &Value) -> String {
    value.to_string()
}

pub fn parse(text: Option<String>) -> Value {
    serde_json::from_str(&text.expect("the hook returned something")).expect("JSON")
}

/// The fake endpoint. Its table has one column, its key-value storage no keys.
pub struct Room {
    pub connection: ConnectionId,
    pub args: Vec<(String, Vec<String>)>,
    pub members: Vec<ConnectionId>,
    pub rows: Vec<String>,
    /// `select` never answers.
    pub stuck: bool,
}

impl Default for Room {
    fn default() -> Self {
        let connection = ConnectionId::random();
        Self {
            connection,
            args: Vec::new(),
            members: vec![connection],
            rows: Vec::new(),
            stuck: false,
        }
    }
}

pub fn row(text: &str) -> Row {
    Row(vec![Cell::Text(text.to_owned())])
}

impl Surroundings for Room {
    fn args(&self) -> Vec<(String, Vec<String>)> {
        self.args.clone()
    }

    fn path_parameters(&self) -> Vec<(String, String)> {
        vec![("room".into(), "lobby".into())]
    }

    fn headers(&self) -> Vec<(String, String)> {
        vec![("origin".into(), "http://localhost".into())]
    }

    fn user(&self) -> Option<String> {
        Some(r#"{"id":"alice"}"#.into())
    }

    fn session(&self) -> Option<String> {
        None
    }

    fn groups(&self) -> Vec<String> {
        vec!["red".into()]
    }

    fn metadata(&self) -> Option<String> {
        Some(r#"{"colour":"red"}"#.into())
    }

    fn members(&self, _: &str, limit: usize) -> Vec<ConnectionId> {
        self.members.iter().copied().take(limit).collect()
    }

    fn count(&self, _: &str) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    fn publishable(&self, _: &str) -> Result<(), HostError> {
        Ok(())
    }

    fn mail_service(&self, name: Option<&str>) -> Result<String, HostError> {
        Ok(name.unwrap_or("post").to_owned())
    }

    fn insert(
        &self,
        message: Map<String, Value>,
    ) -> BoxFuture<'_, Result<(String, RowWrite), HostError>> {
        let row = row(message["body"].as_str().unwrap_or("-"));
        async { Ok(("new-id".to_owned(), RowWrite::Insert { row })) }.boxed()
    }

    fn update(&self, _: Map<String, Value>) -> BoxFuture<'_, Result<RowWrite, HostError>> {
        async { Err(HostError::new("not_found", "no such row")) }.boxed()
    }

    fn delete(&self, id: String) -> BoxFuture<'_, Result<RowWrite, HostError>> {
        async move { Ok(RowWrite::Delete { old: row(&id) }) }.boxed()
    }

    fn select(
        &self,
        _: Vec<(String, Vec<String>)>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        if self.stuck {
            return futures_util::future::pending().boxed();
        }
        async move { Ok(self.rows.iter().take(limit).cloned().collect()) }.boxed()
    }

    fn written(&self, write: &RowWrite) -> Value {
        match write {
            RowWrite::Insert { row } => {
                serde_json::json!({"insert": {"id": "new-id", "body": row.0[0].to_json()}})
            }
            RowWrite::Update { row, .. } => {
                serde_json::json!({"update": {"body": row.0[0].to_json()}})
            }
            RowWrite::Delete { old } => serde_json::json!({"delete": {"body": old.0[0].to_json()}}),
        }
    }

    fn kv_get(&self, _: Arc<str>, _: Key) -> BoxFuture<'_, Result<Option<Stored>, HostError>> {
        async { Ok(None) }.boxed()
    }

    fn kv_keys(&self, _: Arc<str>, page: KeyPage) -> BoxFuture<'_, Result<Vec<String>, HostError>> {
        async move { Ok(page.added) }.boxed()
    }

    fn kv_used(&self, _: Arc<str>, _: Vec<Key>) -> BoxFuture<'_, Result<u64, HostError>> {
        async { Ok(0) }.boxed()
    }
}

/// Effects of a message that had none so far.
pub fn none() -> Effects {
    Effects::default()
}
