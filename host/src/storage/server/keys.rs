//! Key-value storage inside of a group's transaction.
//!
//! Everything that the group's messages have read or write is fetched at once, judged in
//! memory in their order, and written at once: the number of round trips does not grow
//! with the number of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_query::Value as SqlValue;

use super::keyvalue::bytes_of;
use super::many;
use super::session::Session;
use crate::kv::{ABSENT, Key, NoSum, Space, Value, Version, Write};
use crate::log::Submission;

/// Keys asked for in one statement.
const MOST: usize = 256;

/// A plugin on an endpoint.
type Owner = (i64, Arc<str>);

/// What is stored under a key, live or expired.
#[derive(Debug, Clone)]
struct State {
    value: Value,
    version: Version,
}

/// What a plugin has on an endpoint.
#[derive(Debug, Clone, Default)]
struct Room {
    bytes: i64,
    version: Version,
    changed: bool,
}

/// The keys that a group is about.
#[derive(Debug, Default)]
pub struct Keyspaces {
    /// Also those that are not there.
    keys: BTreeMap<(Owner, Key), Option<State>>,
    rooms: BTreeMap<Owner, Room>,
    changed: BTreeSet<(Owner, Key)>,
    time: i64,
}

/// Why keys can't be written.
pub enum Refusal {
    /// One that was read has changed.
    Changed,
    /// A limit, or an `add` to what is no number: why and what to do.
    Plugin(String),
    Storage(sqlx::Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error)
    }
}

/// How things were before a message, to go back to.
pub struct Before {
    keys: Vec<((Owner, Key), Option<State>)>,
    rooms: Vec<(Owner, Room)>,
}

impl Keyspaces {
    /// Locks what the group's plugins have, and fetches what it has read and writes.
    pub async fn load(
        session: &mut Session,
        group: &[Submission],
        time: i64,
    ) -> sqlx::Result<Self> {
        let mut spaces = Self {
            time,
            ..Self::default()
        };
        for part in group.iter().flat_map(Submission::parts) {
            for (plugin, space) in part.keys.iter() {
                let owner = (part.log.id, Arc::clone(plugin));
                spaces.rooms.entry(owner.clone()).or_default();
                for (key, _) in space.iter() {
                    spaces.keys.insert((owner.clone(), key.clone()), None);
                }
            }
        }
        if !spaces.rooms.is_empty() {
            spaces.lock(session).await?;
            spaces.fetch(session).await?;
        }
        Ok(spaces)
    }

    /// In the order of their names, so that writers don't wait for each other in a circle.
    async fn lock(&mut self, session: &mut Session) -> sqlx::Result<()> {
        let leave = match session.flavor() {
            super::Flavor::Postgres => session.flavor().or_leave("endpoint, plugin"),
            super::Flavor::MySql => session.flavor().or_leave("endpoint"),
        };
        for ((log, plugin), room) in &mut self.rooms {
            let owner = || -> Vec<SqlValue> { vec![(*log).into(), plugin.to_string().into()] };
            let lock = "SELECT bytes, version FROM hookcast_kv_spaces \
                        WHERE endpoint = ? AND plugin = ? FOR UPDATE";
            let mut found = session.fetch(lock, owner()).await?;
            if found.is_empty() {
                let insert = format!(
                    "INSERT INTO hookcast_kv_spaces (endpoint, plugin, bytes, version) \
                     VALUES (?, ?, 0, 0){leave}"
                );
                session.execute(&insert, owner()).await?;
                found = session.fetch(lock, owner()).await?;
            }
            let mut found = found.into_iter().next().unwrap_or_default();
            room.bytes = found.integer()?;
            room.version = found.integer()?;
        }
        Ok(())
    }

    async fn fetch(&mut self, session: &mut Session) -> sqlx::Result<()> {
        let wanted: Vec<_> = self.keys.keys().cloned().collect();
        let owners: BTreeMap<_, _> = self.rooms.keys().map(|owner| (owner.clone(), ())).collect();
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let (lot, later) = rest.split_at(many::largest_power(rest.len().min(MOST)));
            rest = later;
            let one = "(endpoint = ? AND plugin = ? AND bucket = ? AND name = ?)";
            let sql = format!(
                "SELECT endpoint, plugin, bucket, name, version, expires, value FROM hookcast_kv \
                 WHERE {}",
                vec![one; lot.len()].join(" OR ")
            );
            let values = lot.iter().flat_map(address).collect();
            for mut found in session.fetch(&sql, values).await? {
                let owner = (found.integer()?, Arc::from(found.text()?));
                let key = Key {
                    bucket: found.text()?.into(),
                    name: found.text()?,
                };
                let state = State {
                    version: found.integer()?,
                    value: Value {
                        expires: found.number()?,
                        bytes: found.bytes()?.into(),
                    },
                };
                if owners.contains_key(&owner) {
                    self.keys.insert((owner, key), Some(state));
                }
            }
        }
        Ok(())
    }

    /// Checks what a message has read and does what it writes. Gives what there was before,
    /// also when it is refused.
    pub async fn apply(
        &mut self,
        session: &mut Session,
        log: i64,
        plugin: &Arc<str>,
        space: &Space,
        before: &mut Before,
    ) -> Result<(), Refusal> {
        let owner = (log, Arc::clone(plugin));
        for (key, entry) in space.iter() {
            if let Some(read) = entry.read
                && self.live(&owner, key).map_or(ABSENT, |state| state.version) != read
            {
                return Err(Refusal::Changed);
            }
        }
        if space.writes().next().is_none() {
            return Ok(());
        }
        let room = self.rooms.entry(owner.clone()).or_default();
        before.rooms.push((owner.clone(), room.clone()));
        room.version += 1;
        room.changed = true;
        let version = room.version;
        for (key, write) in space.writes() {
            let found = match write {
                Write::Add(_) => self.live(&owner, key).map(|state| state.value.clone()),
                Write::Put(_) | Write::Delete => None,
            };
            let after = write
                .apply(found)
                .map_err(|why| Refusal::Plugin(no_sum(plugin, key, why)))?;
            let after = after.map(|value| State { value, version });
            self.set(&owner, key, after, before);
        }
        let deletes = |(_, write): (_, &Write)| matches!(write, Write::Delete);
        if space.writes().all(deletes) || self.fits(&owner, space.limit) {
            // Deletes also past a limit that was lowered.
            return Ok(());
        }
        // What has expired takes no room, even if it is still there.
        self.forget_expired(session, &owner).await?;
        if self.fits(&owner, space.limit) {
            return Ok(());
        }
        let bytes = self.rooms.get(&owner).map_or(0, |room| room.bytes);
        Err(Refusal::Plugin(format!(
            "keys and values of plugin `{plugin}` would have {bytes} bytes; `limits.kv_total` is {}",
            space.limit
        )))
    }

    /// Undoes what a message has done.
    pub fn go_back(&mut self, before: Before) {
        for (key, state) in before.keys.into_iter().rev() {
            self.keys.insert(key, state);
        }
        for (owner, room) in before.rooms.into_iter().rev() {
            self.rooms.insert(owner, room);
        }
    }

    /// Writes what has changed.
    pub async fn store(&mut self, session: &mut Session) -> sqlx::Result<()> {
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for key in std::mem::take(&mut self.changed) {
            match self.keys.get(&key).cloned().flatten() {
                Some(state) => {
                    let mut values = address(&key).to_vec();
                    values.extend([
                        state.value.bytes.to_vec().into(),
                        state.version.into(),
                        state.value.expires.into(),
                    ]);
                    puts.push(values);
                }
                None => deletes.extend(address(&key)),
            }
        }
        let flavor = session.flavor();
        let insert = "INSERT INTO hookcast_kv (endpoint, plugin, bucket, name, value, version, \
                      expires) VALUES ";
        let update = flavor.or_update(
            "endpoint, plugin, bucket, name",
            &["value", "version", "expires"],
        );
        many::insert(session, insert, "(?, ?, ?, ?, ?, ?, ?)", &update, puts).await?;
        for key in deletes.chunks(4) {
            let delete = "DELETE FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND \
                          bucket = ? AND name = ?";
            session.execute(delete, key.to_vec()).await?;
        }
        for ((log, plugin), room) in &mut self.rooms {
            if std::mem::take(&mut room.changed) {
                let values = vec![
                    room.bytes.into(),
                    room.version.into(),
                    (*log).into(),
                    plugin.to_string().into(),
                ];
                let update = "UPDATE hookcast_kv_spaces SET bytes = ?, version = ? \
                              WHERE endpoint = ? AND plugin = ?";
                session.execute(update, values).await?;
            }
        }
        Ok(())
    }

    fn live(&self, owner: &Owner, key: &Key) -> Option<&State> {
        let state = self.keys.get(&(owner.clone(), key.clone()))?.as_ref()?;
        let expired = state.value.expires.is_some_and(|at| at <= self.time);
        (!expired).then_some(state)
    }

    fn set(&mut self, owner: &Owner, key: &Key, state: Option<State>, before: &mut Before) {
        let size = |state: &Option<State>| match state {
            Some(state) => (key.bytes() + state.value.bytes.len()) as i64,
            None => 0,
        };
        let full = (owner.clone(), key.clone());
        let after = size(&state);
        let old = self.keys.insert(full.clone(), state).flatten();
        if let Some(room) = self.rooms.get_mut(owner) {
            room.bytes += after - size(&old);
        }
        self.changed.insert(full.clone());
        before.keys.push((full, old));
    }

    fn fits(&self, owner: &Owner, limit: u64) -> bool {
        let bytes = self.rooms.get(owner).map_or(0, |room| room.bytes);
        u64::try_from(bytes).unwrap_or(0) <= limit
    }

    /// Removes what of a plugin's keys has expired and is none of the group's.
    async fn forget_expired(&mut self, session: &mut Session, owner: &Owner) -> sqlx::Result<()> {
        let (log, plugin) = owner;
        let sql = "SELECT bucket, name, octet_length(value) FROM hookcast_kv WHERE endpoint = ? \
                   AND plugin = ? AND expires <= ?";
        let values = vec![(*log).into(), plugin.to_string().into(), self.time.into()];
        for mut found in session.fetch(sql, values).await? {
            let key = Key {
                bucket: found.text()?.into(),
                name: found.text()?,
            };
            let freed = key.bytes() as i64 + found.integer()?;
            let full = (owner.clone(), key);
            if self.keys.contains_key(&full) {
                continue;
            }
            let delete = "DELETE FROM hookcast_kv WHERE endpoint = ? AND plugin = ? AND \
                          bucket = ? AND name = ?";
            session.execute(delete, address(&full).to_vec()).await?;
            if let Some(room) = self.rooms.get_mut(owner) {
                room.bytes -= freed;
                room.changed = true;
            }
        }
        Ok(())
    }
}

impl Before {
    pub fn new() -> Self {
        Self {
            keys: Vec::new(),
            rooms: Vec::new(),
        }
    }
}

/// The primary key of a key's row.
fn address(((log, plugin), key): &(Owner, Key)) -> [SqlValue; 4] {
    let [bucket, name] = bytes_of(key);
    [(*log).into(), plugin.to_string().into(), bucket, name]
}

fn no_sum(plugin: &str, key: &Key, why: NoSum) -> String {
    format!(
        "plugin `{plugin}` adds to the key `{}` of bucket `{}`, and {why}",
        key.name, key.bucket
    )
}
