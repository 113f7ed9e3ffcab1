//! Durations and sizes as operators write them: `"50ms"`, `"32 MiB"`.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Reads `"50ms"`, `"2s"` or `"1m"`.
pub fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let (number, unit) = split(&text);
    let of = |millis: u64| number?.checked_mul(millis).map(Duration::from_millis);
    match unit {
        "ms" => of(1),
        "s" => of(1_000),
        "m" => of(60_000),
        _ => None,
    }
    .filter(|duration| !duration.is_zero())
    .ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no duration; write \"50ms\", \"2s\" or \"1m\""
        ))
    })
}

/// Reads a number of bytes: `1000`, `"64 KiB"`, `"32 MiB"` or `"1 GiB"`.
pub fn size<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Size {
        Bytes(u64),
        Text(String),
    }
    let (number, unit, text) = match Size::deserialize(from)? {
        Size::Bytes(bytes) => (Some(bytes), String::new(), bytes.to_string()),
        Size::Text(text) => {
            let (number, unit) = split(&text);
            (number, unit.to_owned(), text)
        }
    };
    let of = |bytes: u64| usize::try_from(number?.checked_mul(bytes)?).ok();
    match unit.as_str() {
        "" | "B" => of(1),
        "KiB" => of(1 << 10),
        "MiB" => of(1 << 20),
        "GiB" => of(1 << 30),
        _ => None,
    }
    .filter(|size| *size > 0)
    .ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is no size; write \"64 KiB\", \"32 MiB\" or bytes"
        ))
    })
}

fn split(text: &str) -> (Option<u64>, &str) {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..digits].parse().ok(), text[digits..].trim())
}
