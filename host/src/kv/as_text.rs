//! Bytes of a value in fixtures: a text where they are one, so that people can read it.

use std::sync::Arc;

use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Shown {
    Text(String),
    Bytes(Vec<u8>),
}

pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.serialize(to),
        Err(_) => bytes[..].serialize(to),
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u8]>, D::Error> {
    Ok(match Shown::deserialize(from)? {
        Shown::Text(text) => text.into_bytes().into(),
        Shown::Bytes(bytes) => bytes.into(),
    })
}
