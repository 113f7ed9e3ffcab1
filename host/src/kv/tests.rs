//! The buffered keys of a message against a map that is simply changed.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A clock that stands still; `LATER` is after it, `PAST` before.
const NOW: i64 = 1_000;
const LATER: i64 = 2_000;
const PAST: i64 = 999;

#[derive(Debug, Clone)]
enum Operation {
    Get,
    Put(&'static str, Option<i64>),
    Delete,
    Add(i64),
    Increment(u64),
}

fn operations() -> impl Strategy<Value = Operation> {
    let texts = proptest::sample::select(vec!["", "x", "0", "-3", "41", "9223372036854775807"]);
    let expires = proptest::sample::select(vec![None, Some(LATER), Some(PAST)]);
    prop_oneof![
        Just(Operation::Get),
        (texts, expires).prop_map(|(text, expires)| Operation::Put(text, expires)),
        Just(Operation::Delete),
        prop_oneof![-50_i64..50, Just(i64::MAX)].prop_map(Operation::Add),
        (0_u64..50).prop_map(Operation::Increment),
    ]
}

fn key(n: u8) -> Key {
    Key {
        bucket: "bucket".into(),
        name: format!("key {n}"),
    }
}

fn value(text: &str, expires: Option<i64>) -> Value {
    Value {
        bytes: text.as_bytes().into(),
        expires,
    }
}

type Map = BTreeMap<Key, Value>;

/// What an operation answers; both sides must agree.
#[derive(Debug, PartialEq)]
enum Answer {
    Value(Option<Value>),
    Sum(Result<u64, NoSum>),
    Added(Result<(), NoSum>),
    Done,
}

/// The model: everything is applied at once.
fn expected(map: &mut Map, key: Key, operation: &Operation) -> Answer {
    map.retain(|_, value| value.lives(NOW));
    let before = map.get(&key).cloned();
    let mut set = |value: Option<Value>| match value {
        Some(value) => map.insert(key.clone(), value),
        None => map.remove(&key),
    };
    match operation {
        Operation::Get => return Answer::Value(before),
        Operation::Put(text, expires) => drop(set(Some(value(text, *expires)))),
        Operation::Delete => drop(set(None)),
        Operation::Add(delta) => {
            let sum = sum(before, i128::from(*delta));
            return Answer::Added(sum.map(|(_, value)| drop(set(Some(value)))));
        }
        Operation::Increment(delta) => {
            let added = sum(before, i128::from(*delta)).and_then(|(sum, value)| {
                let sum = u64::try_from(sum).map_err(|_| NoSum::OutOfRange)?;
                set(Some(value));
                Ok(sum)
            });
            return Answer::Sum(added);
        }
    }
    Answer::Done
}

/// The same through the buffer, as host functions do it.
fn actual(space: &mut Space, committed: &Map, key: Key, operation: &Operation) -> Answer {
    let seen = |space: &mut Space| match space.own(&key, NOW) {
        Some(own) => Ok(own),
        None => {
            let stored = committed.get(&key).cloned();
            let stored = stored.map(|value| Stored { value, version: 7 });
            space.read(key.clone(), stored)
        }
    };
    match operation {
        Operation::Get => match seen(space) {
            Ok(value) => return Answer::Value(value),
            Err(error) => return Answer::Added(Err(error)),
        },
        Operation::Put(text, expires) => space.put(key, text.as_bytes().to_vec(), *expires),
        Operation::Delete => space.delete(key),
        Operation::Add(delta) => return Answer::Added(space.add(key, *delta, NOW)),
        Operation::Increment(delta) => {
            let sum = seen(space).and_then(|seen| space.increment(key, seen, *delta));
            return Answer::Sum(sum);
        }
    }
    Answer::Done
}

proptest! {
    /// Until the first error, which ends a message or is passed over by the plugin: each
    /// operation answers as the model does, and the commit leaves what the model has.
    /// `add` to what is committed can fail at commit only: then the model fails, too.
    #[test]
    fn the_buffer_behaves_as_if_everything_were_done_at_once(
        start in proptest::collection::btree_map(0_u8..3, proptest::sample::select(vec!["x", "5"]), 0..3),
        messages in proptest::collection::vec(
            (proptest::collection::vec((0_u8..3, operations()), 0..12), any::<bool>()), 1..4,
        ),
    ) {
        let committed: Map = start.iter().map(|(n, text)| (key(*n), value(text, None))).collect();
        let mut model = committed.clone();
        let mut keys = Keys::default();
        let plugin: Arc<str> = "plugin".into();
        for (operations, fails) in messages {
            // A hook works on a copy; if it fails, the copy is dropped.
            let mut space = keys.of(&plugin);
            let mut of_hook = model.clone();
            for (n, operation) in operations {
                let before = of_hook.clone();
                let wanted = expected(&mut of_hook, key(n), &operation);
                if matches!(wanted, Answer::Added(Err(_)) | Answer::Sum(Err(_))) {
                    // Nothing was done; where the buffer can't know, it goes on.
                    of_hook = before;
                    continue;
                }
                let got = actual(&mut space, &committed, key(n), &operation);
                prop_assert_eq!(got, wanted, "{:?} of key {}", operation, n);
            }
            if !fails {
                keys.set(&plugin, space);
                model = of_hook;
            }
        }
        let mut left = committed;
        let space = keys.of(&plugin);
        for (key, write) in space.writes() {
            let after = write.apply(left.remove(key)).expect("what the model could do");
            left.extend(after.map(|value| (key.clone(), value)));
        }
        model.retain(|_, value| value.lives(NOW));
        left.retain(|_, value| value.lives(NOW));
        prop_assert_eq!(left, model);
    }
}

#[test]
fn only_what_depends_on_the_database_is_checked() {
    let mut space = Space::default();
    space.put(key(0), b"1".to_vec(), None);
    space.add(key(1), 5, NOW).expect("a sum");
    assert_eq!(space.own(&key(0), NOW), Some(Some(value("1", None))));
    assert!(space.iter().all(|(_, entry)| entry.read.is_none()));
    // Two reads that differ: the first counts, so the message will not pass.
    let stored = |version| Stored {
        value: value("2", None),
        version,
    };
    assert_eq!(
        space.read(key(1), Some(stored(3))),
        Ok(Some(value("7", None)))
    );
    assert_eq!(space.read(key(1), None), Ok(Some(value("5", None))));
    let read: Vec<_> = space.iter().map(|(_, entry)| entry.read).collect();
    assert_eq!(read, [None, Some(3)]);
}

#[test]
fn room_is_counted_with_what_a_key_has_already() {
    let mut space = Space::default();
    space.put(key(0), vec![0; 100], None);
    space.delete(key(1));
    let of_key = key(0).bytes() as u64;
    assert_eq!(space.bytes(), of_key + 100);
    assert_eq!(space.bytes_apart_from(&key(0)), 0);
    assert_eq!(space.bytes_apart_from(&key(1)), of_key + 100);
}

#[test]
fn bad_numbers_are_refused() {
    for (text, delta, error) in [
        ("x", 1, NoSum::NoNumber),
        ("", 1, NoSum::NoNumber),
        ("9223372036854775807", 1, NoSum::OutOfRange),
        ("-5", 1, NoSum::OutOfRange),
    ] {
        let mut space = Space::default();
        let seen = Some(value(text, None));
        assert_eq!(space.increment(key(0), seen, delta), Err(error), "{text}");
        assert!(space.is_empty(), "nothing was done");
    }
}

#[test]
fn fixtures_show_texts_and_keep_all_bytes() {
    for (bytes, shown) in [
        (&b"text"[..], json!("text")),
        (&[0xff, 0x00][..], json!([255, 0])),
    ] {
        let stored = Stored {
            value: Value {
                bytes: bytes.into(),
                expires: Some(7),
            },
            version: 3,
        };
        let json = serde_json::to_value(&stored).expect("JSON");
        assert_eq!(json, json!({"bytes": shown, "expires": 7, "version": 3}));
        let read: Stored = serde_json::from_value(json).expect("what was written");
        assert_eq!(read, stored);
    }
}
