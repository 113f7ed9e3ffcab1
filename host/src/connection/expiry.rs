//! A connection ends with the token that it was made with, unless the config has it stay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::deliver::socket::Ending;
use crate::rejection::{Rejection, code};

use super::{Connection, start};

/// When to wake: at another time, or when the token expires if that is before.
pub fn alarm(connection: &Connection, other: Instant) -> Instant {
    match until(connection) {
        Some(until) if connection.outbox.ending() == Ending::Open => other.min(until),
        _ => other,
    }
}

/// As much of a time as the token lasts.
pub fn within(connection: &Connection, time: Duration) -> Duration {
    until(connection).map_or(time, |until| {
        time.min(until.saturating_duration_since(Instant::now()))
    })
}

/// Closes a connection whose token has expired, and says whether it has.
pub fn close(connection: &Arc<Connection>) -> bool {
    let is_over = until(connection).is_some_and(|until| until <= Instant::now());
    if !is_over || connection.outbox.ending() != Ending::Open {
        return false;
    }
    let text = "your token has expired; connect again with a new one";
    start::refuse(connection, &Rejection::new(code::UNAUTHORIZED, text));
    true
}

fn until(connection: &Connection) -> Option<Instant> {
    connection.client.user.get()?.until
}
