//! One thing done with a key.

use std::time::Duration;

use hookcast_guest::kv::Bucket;
use hookcast_guest::{HostError, Json, Result, json, messaging};
use serde::Deserialize;

/// `{"op": "get", "key": "k"}`, in the bucket `bucket` or the one called `main`. Values
/// are texts.
#[derive(Deserialize)]
pub struct Operation {
    #[serde(default = "main_bucket")]
    bucket: String,
    #[serde(flatten)]
    what: What,
}

fn main_bucket() -> String {
    "main".into()
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum What {
    Get {
        key: String,
    },
    Exists {
        key: String,
    },
    Set {
        key: String,
        value: String,
    },
    /// `size` bytes.
    Fill {
        key: String,
        size: usize,
    },
    SetFor {
        key: String,
        value: String,
        ms: u64,
    },
    Delete {
        key: String,
    },
    Increment {
        key: String,
        delta: u64,
    },
    Add {
        key: String,
        delta: i64,
    },
    Swap {
        key: String,
        expected: Option<String>,
        new: Option<String>,
    },
    Keys {
        cursor: Option<u64>,
    },
    GetMany {
        keys: Vec<String>,
    },
    SetMany {
        pairs: Vec<(String, String)>,
    },
    DeleteMany {
        keys: Vec<String>,
    },
    /// Publishes a message into an endpoint.
    Publish {
        endpoint: String,
        message: Json,
    },
    /// Sets `count` keys that begin with `prefix`.
    Sow {
        prefix: String,
        count: u32,
    },
}

/// Does them in order; gives what each answered.
pub fn run_all(operations: Vec<Operation>) -> Result<Vec<Json>> {
    let done = operations.into_iter().map(Operation::run);
    done.collect::<Result<_, _>>().map_err(crate::show)
}

impl Operation {
    fn run(self) -> Result<Json, HostError> {
        let bucket = Bucket::open(&self.bucket)?;
        let done = |()| Json::Null;
        match self.what {
            What::Get { key } => Ok(json!(bucket.get(&key)?.map(text))),
            What::Exists { key } => Ok(bucket.exists(&key)?.into()),
            What::Set { key, value } => bucket.set(&key, value.as_bytes()).map(done),
            What::Fill { key, size } => bucket.set(&key, &vec![b'x'; size]).map(done),
            What::SetFor { key, value, ms } => {
                let time = Duration::from_millis(ms);
                bucket.set_for(&key, value.as_bytes(), time).map(done)
            }
            What::Delete { key } => bucket.delete(&key).map(done),
            What::Increment { key, delta } => Ok(bucket.increment(&key, delta)?.into()),
            What::Add { key, delta } => bucket.add(&key, delta).map(done),
            What::Swap { key, expected, new } => {
                let expected = expected.as_deref().map(str::as_bytes);
                let new = new.as_deref().map(str::as_bytes);
                Ok(bucket.swap(&key, expected, new)?.into())
            }
            What::Keys { cursor } => {
                let (keys, next) = bucket.keys(cursor)?;
                Ok(json!({"keys": keys, "cursor": next}))
            }
            What::GetMany { keys } => {
                let found = bucket.get_many(&slices(&keys))?;
                let shown = keys.iter().zip(found);
                let shown = shown.map(|(key, value)| value.map(|value| json!([key, text(value)])));
                Ok(json!(shown.collect::<Vec<_>>()))
            }
            What::SetMany { pairs } => {
                let pairs = pairs.into_iter();
                let pairs: Vec<_> = pairs
                    .map(|(key, value)| (key, value.into_bytes()))
                    .collect();
                bucket.set_many(&pairs).map(done)
            }
            What::DeleteMany { keys } => bucket.delete_many(&slices(&keys)).map(done),
            What::Publish { endpoint, message } => {
                messaging::publish(&endpoint, "POST", message).map(done)
            }
            What::Sow { prefix, count } => {
                for n in 0..count {
                    bucket.set(&format!("{prefix}{n:04}"), b"")?;
                }
                Ok(Json::Null)
            }
        }
    }
}

fn slices(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8_lossy(&value).into_owned()
}
