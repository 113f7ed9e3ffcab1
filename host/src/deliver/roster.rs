//! Who is connected to an endpoint, and in which class.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use metrics::gauge;

use super::class::{Class, ClassKey};
use super::index::{ClassId, ClassIndex};
use super::socket::Outbox;
use crate::id::ConnectionId;

/// Owned by the fan-out task; nothing in it is locked.
pub struct Roster {
    endpoint: Arc<str>,
    pub connections: HashMap<ConnectionId, Connected>,
    pub users: HashMap<Arc<str>, Vec<ConnectionId>>,
    pub classes: HashMap<ClassId, Class>,
    ids: HashMap<Arc<ClassKey>, ClassId>,
    next_class: ClassId,
    pub index: ClassIndex,
    /// Subscribers that know more than has been delivered, by the first offset they want.
    early: BTreeMap<u64, Vec<(ConnectionId, ClassId)>>,
}

/// A connection as fan-out knows it.
pub struct Connected {
    pub outbox: Arc<Outbox>,
    pub user: Option<Arc<str>>,
    /// Class and place in it, while live.
    pub live: Option<(ClassId, usize)>,
}

impl Roster {
    pub fn new(endpoint: Arc<str>) -> Self {
        Self {
            endpoint,
            connections: HashMap::new(),
            users: HashMap::new(),
            classes: HashMap::new(),
            ids: HashMap::new(),
            next_class: 0,
            index: ClassIndex::default(),
            early: BTreeMap::new(),
        }
    }

    /// A connection exists; it is not live yet.
    pub fn enter(&mut self, connection: ConnectionId, outbox: Arc<Outbox>, user: Option<Arc<str>>) {
        if let Some(user) = &user {
            self.users.entry(user.clone()).or_default().push(connection);
        }
        let live = None;
        self.connections
            .insert(connection, Connected { outbox, user, live });
        gauge!("hookcast_connections", "endpoint" => self.endpoint.clone()).increment(1);
    }

    /// An anonymous connection is a user's from now on.
    pub fn identify(&mut self, connection: ConnectionId, user: Arc<str>) {
        let Some(connected) = self.connections.get_mut(&connection) else {
            return;
        };
        if connected.user.is_none() {
            connected.user = Some(user.clone());
            self.users.entry(user).or_default().push(connection);
        }
    }

    /// The connection becomes live with the event at `next`, which is still to come.
    pub fn expect(&mut self, connection: ConnectionId, class: ClassId, next: u64) {
        self.early
            .entry(next)
            .or_default()
            .push((connection, class));
    }

    /// True if anyone becomes live with the event at `offset` or before.
    pub fn is_expected(&self, offset: u64) -> bool {
        self.early
            .first_key_value()
            .is_some_and(|(next, _)| *next <= offset)
    }

    /// Those become live; returns who.
    pub fn join_expected(&mut self, offset: u64) -> Vec<ConnectionId> {
        let later = self.early.split_off(&(offset + 1));
        let due = std::mem::replace(&mut self.early, later);
        let mut joined = Vec::new();
        for (connection, class) in due.into_values().flatten() {
            self.join(connection, class);
            joined.push(connection);
        }
        joined
    }

    /// The connection gets no more events, neither now nor later.
    pub fn unsubscribe(&mut self, connection: ConnectionId) {
        self.leave(connection);
        let mut classes = Vec::new();
        for waiting in self.early.values_mut() {
            waiting.retain(|(known, class)| {
                let stays = *known != connection;
                if !stays {
                    classes.push(*class);
                }
                stays
            });
        }
        self.early.retain(|_, waiting| !waiting.is_empty());
        for class in classes {
            self.drop_if_empty(class);
        }
    }

    /// Removes a connection from everything.
    pub fn exit(&mut self, connection: ConnectionId) {
        self.unsubscribe(connection);
        let Some(connected) = self.connections.remove(&connection) else {
            return;
        };
        gauge!("hookcast_connections", "endpoint" => self.endpoint.clone()).decrement(1);
        if let Some(user) = connected.user
            && let Some(connections) = self.users.get_mut(&user)
        {
            connections.retain(|known| *known != connection);
            if connections.is_empty() {
                self.users.remove(&user);
            }
        }
    }

    /// The class with this key, made if there is none.
    pub fn class(&mut self, key: Arc<ClassKey>) -> ClassId {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = self.next_class;
        self.next_class = self.next_class.wrapping_add(1);
        self.index.insert(id, &key.filter);
        let class = Class {
            key: (*key).clone(),
            members: Vec::new(),
            selected: Vec::new(),
        };
        self.classes.insert(id, class);
        self.ids.insert(key, id);
        id
    }

    /// The connection is live from now on.
    pub fn join(&mut self, connection: ConnectionId, id: ClassId) {
        let (Some(connected), Some(class)) = (
            self.connections.get_mut(&connection),
            self.classes.get_mut(&id),
        ) else {
            self.drop_if_empty(id);
            return;
        };
        connected.live = Some((id, class.members.len()));
        class.members.push((connection, connected.outbox.clone()));
    }

    /// The connection reads the log from now on, or is gone.
    pub fn leave(&mut self, connection: ConnectionId) {
        let Some(connected) = self.connections.get_mut(&connection) else {
            return;
        };
        let Some((id, place)) = connected.live.take() else {
            return;
        };
        let Some(class) = self.classes.get_mut(&id) else {
            return;
        };
        class.members.swap_remove(place);
        if let Some((moved, _)) = class.members.get(place)
            && let Some(moved) = self.connections.get_mut(moved)
        {
            moved.live = Some((id, place));
        }
        self.drop_if_empty(id);
    }

    /// Forgets a class that nobody is in or waits for.
    pub fn drop_if_empty(&mut self, id: ClassId) {
        let awaited = self.early.values().flatten().any(|(_, class)| *class == id);
        if !awaited
            && self
                .classes
                .get(&id)
                .is_some_and(|class| class.members.is_empty())
            && let Some(class) = self.classes.remove(&id)
        {
            self.index.remove(id, &class.key.filter);
            self.ids.remove(&class.key);
        }
    }
}
