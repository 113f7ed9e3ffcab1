//! Answers with everything that differs from call to call: the time, random numbers, the
//! order of a hash map, rows, the query string. Told to `trap`, it does so at a depth
//! that depends on all of them, and says them in its panic.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::hint::black_box;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hookcast_guest::{
    Args, Call, Json, Prepare, Result, context, export, groups, json, messaging, rows,
};

struct Fickle;

export!(Fickle: prepare);

impl Prepare for Fickle {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        let seen = see();
        if message["do"] == "trap" {
            let mut hasher = DefaultHasher::new();
            seen.to_string().hash(&mut hasher);
            descend(hasher.finish() % 20, &seen);
        }
        if message["do"] == "loop" {
            loop {
                black_box(());
            }
        }
        if message["do"] == "garble" {
            // The SDK can't return what is no JSON object; JSON that is none will do.
            return Ok(Some(json!([seen])));
        }
        messaging::reply(json!({"_seen": seen}))?;
        rows::insert(json!({"body": "from fickle"}))?;
        message["seen"] = seen.to_string().into();
        Ok(Some(message))
    }
}

fn see() -> Json {
    let started = Instant::now();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).expect("random numbers");
    let map: HashMap<u32, ()> = (0..8).map(|key| (key, ())).collect();
    let order: Vec<_> = map.keys().collect();
    let args: Vec<_> = context::args()
        .iter()
        .map(|(key, _)| key.to_owned())
        .collect();
    let rows: Vec<Json> = rows::select(&Args::default(), 3).unwrap_or_default();
    json!({
        "time": now.map_or(0, |now| now.as_nanos() as u64),
        "passed": started.elapsed().as_nanos() as u64,
        "random": u64::from_le_bytes(random).to_string(),
        "order": order,
        "args": args,
        "rows": rows.len(),
        "first": rows.first(),
        "members": groups::members("red").len(),
    })
}

#[inline(never)]
fn descend(depth: u64, seen: &Json) {
    if depth == 0 {
        panic!("saw {seen}");
    }
    descend(depth - 1, seen);
    black_box(depth);
}
