//! One connection: who it is, its way out, its messages' way in. Usually a WebSocket; a
//! request by plain HTTP is one for as long as it lasts (see `http.rs`).
//!
//! ```text
//! handshake ─▶ session: open hook ─▶ history or resume (cursor) ─▶ live
//!                 │ frames in, one after the other
//!                 └▶ message: decode ─▶ judge ─▶ sequencer
//! ```

pub mod cursor;
pub mod expiry;
mod first_frame;
pub mod goodbye;
pub mod handshake;
pub mod heartbeat;
pub mod inbox;
pub mod message;
mod open_args;
pub mod queue;
pub mod session;
pub mod start;
mod surroundings;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use parking_lot::RwLock;

use crate::auth::User;
use crate::deliver::{ClassKey, Outbox, Reply};
use crate::dialect::Notice;
use crate::endpoint::Endpoint;
use crate::filter::Args;
use crate::id::ConnectionId;
use crate::log::Lane;
use crate::plugin::CallContext;
use crate::rejection::Rejection;

/// Who is at the other end, and what they asked for. This is what hooks may see.
pub struct Client {
    pub id: ConnectionId,
    pub endpoint: Arc<Endpoint>,
    /// Query keys in force; `open` may replace them.
    pub args: RwLock<Args>,
    pub address: SocketAddr,
    /// Who it is: by a token or a proxy, or because the `connect` hook says so. Somebody who
    /// is nobody may become somebody by a first frame, and then stays who they are.
    pub user: OnceLock<User>,
    /// Id of the session cookie.
    pub session: Option<Arc<str>>,
    /// The client's own name for itself (`_client`), from the `connect` hook.
    pub name: Option<String>,
    pub path_parameters: Vec<(String, String)>,
    /// Without cookies and authorization.
    pub headers: Vec<(String, String)>,
    /// JSON text, from the `connect` hook.
    pub metadata: RwLock<Option<String>>,
}

impl Client {
    /// The same user at another endpoint, without what belongs to the connection: what a
    /// message that a plugin publishes there is judged with.
    pub fn visiting(&self, endpoint: Arc<Endpoint>) -> Self {
        Self {
            id: self.id,
            endpoint,
            args: RwLock::default(),
            address: self.address,
            user: self.user.clone(),
            session: self.session.clone(),
            name: self.name.clone(),
            path_parameters: Vec::new(),
            headers: Vec::new(),
            metadata: RwLock::default(),
        }
    }

    /// The same client as somebody: what `connect` hooks are asked about when an anonymous
    /// one says who it is.
    pub fn known_as(&self, user: User) -> Self {
        Self {
            id: self.id,
            endpoint: self.endpoint.clone(),
            args: RwLock::new(self.args.read().clone()),
            address: self.address,
            user: user.into(),
            session: self.session.clone(),
            name: self.name.clone(),
            path_parameters: self.path_parameters.clone(),
            headers: self.headers.clone(),
            metadata: RwLock::new(self.metadata.read().clone()),
        }
    }

    /// The context of a hook call caused by this client.
    pub fn call(self: &Arc<Self>, method: &'static str, received_at: u64) -> CallContext {
        CallContext {
            user: self.user.get().map(|user| user.id.clone()),
            received_at,
            ..CallContext::new(self.id, method, self.endpoint.name.clone(), self.clone())
        }
    }
}

pub struct Connection {
    pub id: ConnectionId,
    pub endpoint: Arc<Endpoint>,
    pub client: Arc<Client>,
    pub since: SystemTime,
    /// What it subscribes to; known once `open` has run.
    pub class: RwLock<Arc<ClassKey>>,
    pub outbox: Arc<Outbox>,
    pub lane: Arc<Lane>,
    /// Held while one of its messages is judged.
    pub judging: tokio::sync::Mutex<()>,
    /// The client has sent a frame: it is too late for a first one.
    pub spoken: AtomicBool,
}

impl Connection {
    pub fn user_id(&self) -> Option<&Arc<str>> {
        self.client.user.get().map(|user| &user.id)
    }

    /// Events it has not been sent, as far as it reads the log; 0 while live.
    pub fn lag(&self) -> u64 {
        let next = self.outbox.next_from_log();
        next.map_or(0, |next| {
            (self.endpoint.log.ring.head() + 1).saturating_sub(next)
        })
    }

    /// Tells the client something apart from events.
    pub fn notify(&self, notice: Notice<'_>) {
        let text = self.endpoint.dialect.notice(notice);
        let mut bytes = Vec::with_capacity(text.len() + 4);
        self.outbox.wire().text(text.as_bytes(), &mut bytes);
        self.outbox.push(bytes);
    }

    /// Tells the client what became of what it sent.
    pub fn answer(&self, reply: Reply) {
        if let Some(reply) = self.outbox.keep(reply) {
            self.notify(reply.notice());
        }
    }

    /// Tells the client that something was not accepted.
    pub fn refuse(&self, msg_id: Option<&str>, rejection: &Rejection) {
        metrics::counter!(
            "hookcast_rejections_total",
            "endpoint" => self.endpoint.name.clone(), "code" => rejection.code.to_string()
        )
        .increment(1);
        self.answer(Reply::Error {
            msg_id: msg_id.map(str::to_owned),
            rejection: rejection.clone(),
        });
    }
}
