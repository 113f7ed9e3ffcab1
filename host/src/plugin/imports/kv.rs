//! `hookcast:plugin/kv`: what `wasi:keyvalue` lacks.

use wasmtime::component::Resource;

use super::Answer;
use super::keyvalue::Bucket;
use super::messaging::invalid;
use crate::clock::now_micros;
use crate::plugin::bindings::hookcast::plugin::kv;
use crate::plugin::state::State;
use crate::plugin::surroundings::HostError;

impl kv::Host for State {
    async fn set_for(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
        milliseconds: u64,
    ) -> Answer<()> {
        let key = self.key(&bucket, key)?;
        if milliseconds == 0 {
            return Err(invalid("a value must live for at least 1 ms").into());
        }
        let micros = i64::try_from(milliseconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let expires = now_micros().saturating_add(micros);
        Ok(self.put(key, value, Some(expires)).await?)
    }

    async fn compare_and_swap(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        expected: Option<Vec<u8>>,
        new: Option<Vec<u8>>,
    ) -> Answer<bool> {
        let key = self.key(&bucket, key)?;
        let seen = self.seen(&key).await?;
        if seen.as_ref().map(|value| &*value.bytes) != expected.as_deref() {
            return Ok(false);
        }
        match new {
            Some(value) => self.put(key, value, None).await?,
            None => self.delete_key(key)?,
        }
        Ok(true)
    }

    async fn add(&mut self, bucket: Resource<Bucket>, key: String, delta: i64) -> Answer<()> {
        let key = self.key(&bucket, key)?;
        self.room_for_number(&key).await?;
        let added = self.keys.add(key, delta, now_micros());
        Ok(added.map_err(HostError::from)?)
    }
}
