//! The endpoint's table.

use std::collections::BTreeMap;

use hookcast_guest::{Args, Json, rows};

use crate::message;

message! {
    /// Rows that pass `filter`: `{"topic": ["Help"]}`.
    Select = "select" { filter: Option<BTreeMap<String, Vec<String>>>, limit: Option<u32> },
    |message, _call| {
        let mut filter = Args::new();
        for (key, values) in message.filter.unwrap_or_default() {
            filter.set(&key, values);
        }
        rows::select::<Json>(&filter, message.limit.unwrap_or(1_000))
    }
}

message! {
    /// Adds `row`; the result is its id.
    Insert = "insert" { row: Json },
    |message, _call| rows::insert(&message.row)
}

message! {
    /// Changes `row`, which has an `id`.
    Update = "update" { row: Json },
    |message, _call| rows::update(&message.row)
}

message! {
    /// Deletes the row with this `id`.
    Delete = "delete" { id: String },
    |message, _call| rows::delete(&message.id)
}
