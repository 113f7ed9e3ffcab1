//! Key-value storage: keys that the plugin has for itself on each endpoint. Needs the
//! grant `kv`.
//!
//! Writes commit with the message that the hook judges, or not at all. A hook sees what
//! is committed and what the message's hooks have written so far. If a key that was read
//! ([`Bucket::get`], [`Bucket::exists`], [`Bucket::increment`], [`Bucket::swap`], …) turns
//! out changed at commit, all hooks of the message run again: what they did is never based
//! on old values.
//!
//! ```
//! use std::time::Duration;
//!
//! use hookcast_guest::kv::Bucket;
//! use hookcast_guest::{Call, Json, Prepare, Result, export, reject};
//!
//! struct Polite;
//!
//! impl Prepare for Polite {
//!     type Message = Json;
//!
//!     fn prepare(call: &Call, mut message: Json) -> Result<Option<Json>> {
//!         let pauses = Bucket::open("pauses")?;
//!         if pauses.exists(&call.connection)? {
//!             return reject("too_fast", "One message a second, please.");
//!         }
//!         pauses.set_for(&call.connection, b"", Duration::from_secs(1))?;
//!         let counters = Bucket::open("counters")?;
//!         message["number"] = counters.increment("messages", 1)?.into();
//!         counters.add("bytes", message.to_string().len() as i64)?;
//!         Ok(Some(message))
//!     }
//! }
//!
//! export!(Polite: prepare);
//! ```
//!
//! Every function fails when the host refuses, with the reason: without the grant, on
//! ephemeral endpoints, past a limit.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::HostError;
use crate::bindings::imports::hookcast::plugin::kv;
use crate::bindings::imports::wasi::keyvalue::{atomics, batch, store};

/// Keys with their values. A key has 1 to 1,024 bytes.
#[derive(Debug)]
pub struct Bucket(store::Bucket);

impl Bucket {
    /// The bucket of this name, at most 256 bytes. It need not exist before.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn open(name: &str) -> Result<Self, HostError> {
        Ok(Self(store::open(name)?))
    }

    /// The value; none where there is no such key.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.0.get(key)?)
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// See the [module](self); and when the value is not a `T`.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, HostError> {
        let value = self.get(key)?;
        let value = value.map(|value| serde_json::from_slice(&value));
        Ok(value.transpose()?)
    }

    /// The values of several keys, in the order asked for; none where there is no such
    /// key. At most 4 MiB.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, HostError> {
        let found = batch::get_many(&self.0, &owned(keys))?.into_iter();
        Ok(found.map(|pair| pair.map(|(_, value)| value)).collect())
    }

    /// Whether the key is there.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn exists(&self, key: &str) -> Result<bool, HostError> {
        Ok(self.0.exists(key)?)
    }

    /// Stores a value in place of whatever the key held.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), HostError> {
        Ok(self.0.set(key, value)?)
    }

    /// Stores a value as JSON.
    ///
    /// # Errors
    /// See the [module](self); and when the value can't be written as JSON.
    pub fn set_json(&self, key: &str, value: impl Serialize) -> Result<(), HostError> {
        self.set(key, &serde_json::to_vec(&value)?)
    }

    /// Stores several values.
    ///
    /// # Errors
    /// See the [module](self). The values before the one refused are stored.
    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), HostError> {
        Ok(batch::set_many(&self.0, pairs)?)
    }

    /// Stores a value for some time, at least a millisecond; fractions of one are cut.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn set_for(&self, key: &str, value: &[u8], time: Duration) -> Result<(), HostError> {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Ok(kv::set_for(&self.0, key, value, milliseconds)?)
    }

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn delete(&self, key: &str) -> Result<(), HostError> {
        Ok(self.0.delete(key)?)
    }

    /// Removes several keys.
    ///
    /// # Errors
    /// See the [module](self). The keys before the one refused are removed.
    pub fn delete_many(&self, keys: &[&str]) -> Result<(), HostError> {
        Ok(batch::delete_many(&self.0, &owned(keys))?)
    }

    /// Adds to a number, stored as decimal text, and returns the sum. A key that is not
    /// there counts as 0. Two messages that do so at once are judged one after the other;
    /// [`add`](Self::add) spares them that.
    ///
    /// # Errors
    /// See the [module](self); and when the key holds no number, or the sum is none from 0
    /// to 2^63 - 1.
    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, HostError> {
        Ok(atomics::increment(&self.0, key, delta)?)
    }

    /// Adds to a number without reading it. A key that is not there counts as 0. If the
    /// key holds no number at commit, the message is refused.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn add(&self, key: &str, delta: i64) -> Result<(), HostError> {
        Ok(kv::add(&self.0, key, delta)?)
    }

    /// If the key holds `expected` (none: is not there), stores `new` (none: removes the
    /// key). Answers whether it did.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, HostError> {
        Ok(kv::compare_and_swap(&self.0, key, expected, new)?)
    }

    /// A page of keys, in order, and what gives the next page; none on the last one. Not
    /// checked at commit: keys that others add or remove between two pages may be missed
    /// or come twice.
    ///
    /// # Errors
    /// See the [module](self).
    pub fn keys(&self, cursor: Option<u64>) -> Result<(Vec<String>, Option<u64>), HostError> {
        let page = self.0.list_keys(cursor)?;
        Ok((page.keys, page.cursor))
    }
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}
