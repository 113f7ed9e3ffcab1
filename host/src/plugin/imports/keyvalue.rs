//! `wasi:keyvalue`: the plugin's keys on the endpoint.
//!
//! A key's committed value is read through the connection's surroundings; what the
//! message's hooks have written so far lies over it (`crate::kv`). Each function checks
//! the grant, because drop-in scripts import everything.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::WasiView;

use super::messaging::invalid;
use crate::clock::now_micros;
use crate::kv::{BUCKET_BYTES, KEY_BYTES, Key, NoSum, Value, Write};
use crate::plugin::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::plugin::grant::Grant;
use crate::plugin::limits::Limit;
use crate::plugin::state::State;
use crate::plugin::surroundings::{HostError, KeyPage, Surroundings};

/// Keys in one page of `list-keys`.
const PAGE: u32 = 1_000;

/// A bucket that a guest has opened. Buckets are made by writing into them: this is just
/// the name.
pub struct Bucket {
    name: Arc<str>,
}

type Answer<T> = Result<T, store::Error>;

impl store::Host for State {
    fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        Ok(self.open_bucket(identifier)?)
    }
}

impl store::HostBucket for State {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let key = self.key(&bucket, key)?;
        Ok(self.seen(&key).await?.map(|value| value.bytes.to_vec()))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let key = self.key(&bucket, key)?;
        Ok(self.put(key, value, None).await?)
    }

    fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let key = self.key(&bucket, key)?;
        Ok(self.delete_key(key)?)
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let key = self.key(&bucket, key)?;
        Ok(self.seen(&key).await?.is_some())
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Answer<store::KeyResponse> {
        let page = self.page(&bucket, cursor.unwrap_or(0))?;
        let next = page.skip.saturating_add(u64::from(PAGE));
        let (around, plugin) = self.keyspace()?;
        let asked = around.kv_keys(plugin, page);
        let mut keys = self.tape.answered("kv.keys", asked).await?;
        let more = keys.len() > PAGE as usize;
        keys.truncate(PAGE as usize);
        let cursor = more.then_some(next);
        Ok(store::KeyResponse { keys, cursor })
    }

    fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.ctx().table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Answer<u64> {
        let key = self.key(&bucket, key)?;
        let seen = self.seen(&key).await?;
        self.room_for_number(&key).await?;
        let sum = self.keys.increment(key, seen, delta);
        Ok(sum.map_err(HostError::from)?)
    }
}

impl batch::Host for State {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let (mut pairs, mut bytes) = (Vec::new(), 0);
        for name in keys {
            let key = self.key(&bucket, name)?;
            let value = self.seen(&key).await?;
            bytes += value.as_ref().map_or(0, |value| value.bytes.len());
            let limit = self.settings.limits.effect_bytes;
            if bytes > limit {
                let message = format!("these keys hold more than {limit} bytes; get fewer");
                return Err(self.over(Limit::EffectBytes, message).into());
            }
            pairs.push(value.map(|value| (key.name, value.bytes.to_vec())));
        }
        Ok(pairs)
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        key_values: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        for (name, value) in key_values {
            let key = self.key(&bucket, name)?;
            self.put(key, value, None).await?;
        }
        Ok(())
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        for name in keys {
            let key = self.key(&bucket, name)?;
            self.delete_key(key)?;
        }
        Ok(())
    }
}

/// What both interfaces, this one and `hookcast:plugin/kv`, are made of.
impl State {
    fn open_bucket(&mut self, name: String) -> Result<Resource<Bucket>, HostError> {
        self.need(&Grant::Kv)?;
        if name.len() > BUCKET_BYTES {
            let message = format!(
                "the bucket's name has {} bytes; at most {BUCKET_BYTES} fit",
                name.len()
            );
            return Err(invalid(message));
        }
        let bucket = Bucket { name: name.into() };
        self.ctx().table.push(bucket).map_err(|_| {
            let message = "too many handles are open; open a bucket once and drop it after use";
            self.over(Limit::Handles, message)
        })
    }

    fn bucket(&mut self, bucket: &Resource<Bucket>) -> Result<Arc<str>, HostError> {
        self.need(&Grant::Kv)?;
        match self.ctx().table.get(bucket) {
            Ok(bucket) => Ok(Arc::clone(&bucket.name)),
            Err(_) => Err(invalid("the bucket is not open")),
        }
    }

    pub(super) fn key(
        &mut self,
        bucket: &Resource<Bucket>,
        name: String,
    ) -> Result<Key, HostError> {
        let bucket = self.bucket(bucket)?;
        if name.is_empty() || name.len() > KEY_BYTES {
            let message = format!(
                "the key has {} bytes; it must have 1 to {KEY_BYTES}",
                name.len()
            );
            return Err(invalid(message));
        }
        Ok(Key { bucket, name })
    }

    fn keyspace(&mut self) -> Result<(Arc<dyn Surroundings>, Arc<str>), HostError> {
        let plugin = Arc::clone(self.log.plugin());
        Ok((Arc::clone(&self.active()?.surroundings), plugin))
    }

    /// What the call sees under a key. Noted as read where it depends on what is
    /// committed.
    pub(super) async fn seen(&mut self, key: &Key) -> Result<Option<Value>, HostError> {
        if let Some(own) = self.keys.own(key, now_micros()) {
            return Ok(own);
        }
        let limit = self.settings.limits.kv_keys;
        if !self.keys.contains(key) && self.keys.len() >= limit {
            let message = format!("a message may read and write {limit} keys; use fewer");
            return Err(self.over(Limit::KvKeys, message));
        }
        self.meter.used(Limit::KvKeys, self.keys.len() as u64 + 1);
        let (around, plugin) = self.keyspace()?;
        let asked = around.kv_get(plugin, key.clone());
        let stored = self.tape.answered("kv.get", asked).await?;
        Ok(self.keys.read(key.clone(), stored)?)
    }

    /// Stores a value, if limits allow it.
    pub(super) async fn put(
        &mut self,
        key: Key,
        bytes: Vec<u8>,
        expires: Option<i64>,
    ) -> Result<(), HostError> {
        let limit = self.settings.limits.kv_value;
        if bytes.len() > limit {
            let message = format!(
                "the value has {} bytes; `limits.kv_value` is {limit}",
                bytes.len()
            );
            return Err(self.over(Limit::KvValue, message));
        }
        self.meter.used(Limit::KvValue, bytes.len() as u64);
        self.room_for(&key, bytes.len()).await?;
        self.keys.put(key, bytes, expires);
        Ok(())
    }

    pub(super) fn delete_key(&mut self, key: Key) -> Result<(), HostError> {
        self.charge(key.bytes())?;
        self.keys.delete(key);
        Ok(())
    }

    pub(super) async fn room_for_number(&mut self, key: &Key) -> Result<(), HostError> {
        self.room_for(key, Write::NUMBER_BYTES).await
    }

    /// Checks that a value of this size fits beside what there is. The writer checks
    /// again at commit, when it knows what others have written meanwhile.
    async fn room_for(&mut self, key: &Key, value: usize) -> Result<(), HostError> {
        let size = key.bytes() + value;
        self.charge(size)?;
        let limit = self.settings.limits.kv_total;
        self.keys.limit = limit;
        let added = self.keys.bytes_apart_from(key) + size as u64;
        let (around, plugin) = self.keyspace()?;
        let used = match self.active()?.kv_used {
            Some(used) => used,
            None => {
                let asked = around.kv_used(Arc::clone(&plugin), Vec::new());
                self.tape.answered("kv.used", asked).await?
            }
        };
        self.active()?.kv_used = Some(used);
        if used.saturating_add(added) <= limit {
            self.meter.used(Limit::KvTotal, used.saturating_add(added));
            return Ok(());
        }
        // Close to the limit it matters what is overwritten.
        let mut written: Vec<Key> = self.keys.writes().map(|(key, _)| key.clone()).collect();
        written.push(key.clone());
        let asked = around.kv_used(plugin, written);
        let used = self.tape.answered("kv.used", asked).await?;
        if used.saturating_add(added) <= limit {
            return Ok(());
        }
        let message = format!(
            "keys and values would have {} bytes; `limits.kv_total` is {limit}",
            used.saturating_add(added)
        );
        Err(self.over(Limit::KvTotal, message))
    }

    /// The page that begins after `skip` keys, with one key more than is shown.
    fn page(&mut self, bucket: &Resource<Bucket>, skip: u64) -> Result<KeyPage, HostError> {
        let bucket = self.bucket(bucket)?;
        let now = now_micros();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (key, _) in self.keys.writes().filter(|(key, _)| key.bucket == bucket) {
            let there = !matches!(self.keys.own(key, now), Some(None));
            let list = if there { &mut added } else { &mut removed };
            list.push(key.name.clone());
        }
        let limit = PAGE + 1;
        Ok(KeyPage {
            bucket,
            added,
            removed,
            skip,
            limit,
        })
    }
}

impl From<NoSum> for HostError {
    fn from(error: NoSum) -> Self {
        invalid(error.to_string())
    }
}

/// `wasi:keyvalue` has no codes: they begin the text.
impl From<HostError> for store::Error {
    fn from(error: HostError) -> Self {
        match error.code {
            "denied" => Self::AccessDenied,
            code => Self::Other(format!("{code}: {}", error.message)),
        }
    }
}
