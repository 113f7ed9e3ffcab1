//! Keys that a message reads and writes in key-value storage, buffered until its commit.
//!
//! Hooks see what is committed under what the message's hooks have written so far. The
//! version of each key that was read from the database is kept and compared at commit:
//! if it has changed, the message is judged anew. A key that only writes have touched is
//! not compared, so `add` never conflicts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod as_text;

/// Bytes the name of a bucket may have.
pub const BUCKET_BYTES: usize = 256;

/// Bytes a key may have.
pub const KEY_BYTES: usize = 1_024;

/// A key of one plugin on one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub bucket: Arc<str>,
    pub name: String,
}

impl Key {
    /// What it counts against `limits.kv_total`, its value aside.
    pub fn bytes(&self) -> usize {
        self.bucket.len() + self.name.len()
    }
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// In fixtures a text where they are one, else numbers.
    #[serde(with = "as_text")]
    pub bytes: Arc<[u8]>,
    /// When it ends to exist: microseconds since 1970-01-01 UTC.
    #[serde(default)]
    pub expires: Option<i64>,
}

/// Tells one state of a key from another. No two writes have the same, and a key that is
/// not there has [`ABSENT`].
pub type Version = i64;

pub const ABSENT: Version = 0;

/// A committed value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    #[serde(flatten)]
    pub value: Value,
    #[serde(default)]
    pub version: Version,
}

/// A buffered write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    Put(Value),
    Delete,
    /// To whatever number is there at commit.
    Add(i64),
}

/// Nothing can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSum {
    #[error("the key holds something else than a number")]
    NoNumber,
    #[error("the sum is out of range")]
    OutOfRange,
}

impl Value {
    fn lives(&self, now: i64) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl Write {
    /// Most digits of a number, with its sign.
    pub const NUMBER_BYTES: usize = 20;

    /// What the key holds after this write, given what it held before.
    pub fn apply(&self, before: Option<Value>) -> Result<Option<Value>, NoSum> {
        Ok(match self {
            Self::Put(value) => Some(value.clone()),
            Self::Delete => None,
            Self::Add(delta) => Some(sum(before, i128::from(*delta))?.1),
        })
    }

    /// Bytes it adds at most, the key's included.
    fn bytes(&self, key: &Key) -> usize {
        let value = match self {
            Self::Put(value) => value.bytes.len(),
            Self::Delete => return 0,
            Self::Add(_) => Self::NUMBER_BYTES,
        };
        key.bytes() + value
    }
}

/// Adds to a number, stored as decimal text. It keeps its expiry.
fn sum(before: Option<Value>, delta: i128) -> Result<(i64, Value), NoSum> {
    let number = match &before {
        None => 0,
        Some(value) => std::str::from_utf8(&value.bytes)
            .ok()
            .and_then(|text| text.parse::<i64>().ok())
            .ok_or(NoSum::NoNumber)?,
    };
    let sum = i64::try_from(i128::from(number) + delta).map_err(|_| NoSum::OutOfRange)?;
    let value = Value {
        bytes: sum.to_string().into_bytes().into(),
        expires: before.and_then(|value| value.expires),
    };
    Ok((sum, value))
}

/// What a message knows of one key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// The version that was read.
    pub read: Option<Version>,
    pub write: Option<Write>,
}

/// The keys of one plugin in one message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Space {
    /// `limits.kv_total` of the generation that stored last, in bytes.
    pub limit: u64,
    entries: BTreeMap<Key, Entry>,
}

impl Space {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// Keys in it, read or written.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// What the message itself has made of the key, as of `now`. None if that depends on
    /// what is committed, which must be [`read`](Self::read) then.
    pub fn own(&self, key: &Key, now: i64) -> Option<Option<Value>> {
        match self.entries.get(key)?.write.as_ref()? {
            Write::Put(value) => Some(Some(value.clone()).filter(|value| value.lives(now))),
            Write::Delete => Some(None),
            Write::Add(_) => None,
        }
    }

    /// Notes that a key was read, and gives what the message sees under it.
    pub fn read(&mut self, key: Key, stored: Option<Stored>) -> Result<Option<Value>, NoSum> {
        let entry = self.entries.entry(key).or_default();
        let version = stored.as_ref().map_or(ABSENT, |stored| stored.version);
        // A second read that differs doesn't matter: the first will not pass.
        entry.read.get_or_insert(version);
        let value = stored.map(|stored| stored.value);
        match &entry.write {
            None => Ok(value),
            Some(write) => write.apply(value),
        }
    }

    pub fn put(&mut self, key: Key, bytes: Vec<u8>, expires: Option<i64>) {
        let bytes = bytes.into();
        self.write(key, Write::Put(Value { bytes, expires }));
    }

    pub fn delete(&mut self, key: Key) {
        self.write(key, Write::Delete);
    }

    /// Adds to a number without reading it.
    pub fn add(&mut self, key: Key, delta: i64, now: i64) -> Result<(), NoSum> {
        let entry = self.entries.entry(key).or_default();
        let before = match &entry.write {
            None => None,
            Some(Write::Add(before)) => {
                let both = before.checked_add(delta).ok_or(NoSum::OutOfRange)?;
                entry.write = Some(Write::Add(both));
                return Ok(());
            }
            Some(Write::Delete) => Some(None),
            Some(Write::Put(value)) => Some(Some(value.clone()).filter(|value| value.lives(now))),
        };
        entry.write = Some(match before {
            None => Write::Add(delta),
            Some(before) => Write::Put(sum(before, i128::from(delta))?.1),
        });
        Ok(())
    }

    /// Adds to the number the message sees, and gives the sum.
    pub fn increment(&mut self, key: Key, seen: Option<Value>, delta: u64) -> Result<u64, NoSum> {
        let (sum, value) = sum(seen, i128::from(delta))?;
        let unsigned = u64::try_from(sum).map_err(|_| NoSum::OutOfRange)?;
        self.write(key, Write::Put(value));
        Ok(unsigned)
    }

    /// Bytes that its writes add at most.
    pub fn bytes(&self) -> u64 {
        let bytes = self.writes().map(|(key, write)| write.bytes(key) as u64);
        bytes.sum()
    }

    /// The same without one key's.
    pub fn bytes_apart_from(&self, key: &Key) -> u64 {
        let write = self.entries.get(key).and_then(|entry| entry.write.as_ref());
        self.bytes() - write.map_or(0, |write| write.bytes(key) as u64)
    }

    /// Keys that are written, with what is done to them.
    pub fn writes(&self) -> impl Iterator<Item = (&Key, &Write)> {
        let entries = self.entries.iter();
        entries.filter_map(|(key, entry)| Some((key, entry.write.as_ref()?)))
    }

    fn write(&mut self, key: Key, write: Write) {
        self.entries.entry(key).or_default().write = Some(write);
    }
}

/// The keys of one message, plugin by plugin. Costs nothing where there are none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keys(Vec<(Arc<str>, Space)>);

impl Keys {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Space)> {
        self.0.iter().map(|(plugin, space)| (plugin, space))
    }

    /// A copy of what a plugin's earlier hooks have done, for its next one.
    pub fn of(&self, plugin: &str) -> Space {
        let known = self.0.iter().find(|(name, _)| **name == *plugin);
        known.map(|(_, space)| space.clone()).unwrap_or_default()
    }

    /// Takes over what a hook has made of its copy.
    pub fn set(&mut self, plugin: &Arc<str>, space: Space) {
        if space.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(name, _)| name == plugin) {
            Some((_, known)) => *known = space,
            None => self.0.push((Arc::clone(plugin), space)),
        }
    }

    /// Whether anything will be compared at commit.
    pub fn any_read(&self) -> bool {
        let mut entries = self.0.iter().flat_map(|(_, space)| space.entries.values());
        entries.any(|entry| entry.read.is_some())
    }

    /// Writes of all plugins.
    pub fn writes(&self) -> usize {
        self.0.iter().map(|(_, space)| space.writes().count()).sum()
    }

    /// Bytes that all writes add at most.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, space)| space.bytes()).sum()
    }
}

#[cfg(test)]
mod tests;
