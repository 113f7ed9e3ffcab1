//! An entry in the log: what happened, who may see it, what was sent.

use std::sync::Arc;

use bytes::Bytes;

use crate::id::ConnectionId;
use crate::row::{Row, RowWrite};

/// What a message does to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Post,
    Put,
    Delete,
}

impl Method {
    pub const NAMES: &[&str] = &["POST", "PUT", "DELETE"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Reads a method name in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Post, Self::Put, Self::Delete]
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(name))
    }
}

/// Whom an event is for, before filters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Audience {
    All,
    User(Arc<str>),
    Group(Arc<str>),
}

impl Audience {
    /// As the log stores it: `*`, `u:alice`, `g:room-1`.
    pub fn to_text(&self) -> String {
        match self {
            Self::All => "*".to_owned(),
            Self::User(user) => format!("u:{user}"),
            Self::Group(group) => format!("g:{group}"),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "*" => Some(Self::All),
            Some(("u", user)) => Some(Self::User(user.into())),
            Some(("g", group)) => Some(Self::Group(group.into())),
            _ => None,
        }
    }
}

/// One entry. Immutable from commit on; shared by ring, cursors and fan-out.
#[derive(Debug)]
pub struct Event {
    pub offset: u64,
    /// Commit time, microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// What happened to a row; none for a send by a plugin.
    pub method: Option<Method>,
    pub audience: Audience,
    /// The connection whose message caused it.
    pub origin: Option<ConnectionId>,
    pub origin_user: Option<Arc<str>>,
    /// The origin does not get it (a send that excludes its sender).
    pub exclude_origin: bool,
    /// What happened to the table; none for sends and on endpoints without one.
    pub change: Option<RowWrite>,
    /// What is broadcast: one JSON object as text.
    pub sent: Bytes,
    /// `name@digest` of each plugin generation that judged it, separated by blanks.
    pub judged_by: Arc<str>,
}

impl Event {
    /// Bytes this event is counted with against ring and retention limits.
    pub fn weight(&self) -> usize {
        // A row's cells repeat what `sent` holds, more or less.
        size_of::<Self>() + self.sent.len() * 2
    }

    /// The row as stored; none for DELETE and sends.
    pub fn row(&self) -> Option<&Row> {
        match self.change.as_ref()? {
            RowWrite::Insert { row } | RowWrite::Update { row, .. } => Some(row),
            RowWrite::Delete { .. } => None,
        }
    }

    /// The row as it was; for PUT and DELETE.
    pub fn old(&self) -> Option<&Row> {
        match self.change.as_ref()? {
            RowWrite::Insert { .. } => None,
            RowWrite::Update { old, .. } | RowWrite::Delete { old } => Some(old),
        }
    }
}
