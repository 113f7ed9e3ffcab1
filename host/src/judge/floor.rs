//! Who may judge on an endpoint: usually everyone at once.
//!
//! A message that has been judged in vain, because others were faster each time, gets the
//! floor to itself for its last attempt: while it is judged and written, no other message
//! of the endpoint is. So messages that contend for a key or a row wait a little instead
//! of being refused, and the price is paid only where they do contend.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::log::submission::ATTEMPTS;

/// One endpoint's.
#[derive(Default)]
pub struct Floor(RwLock<()>);

/// Held from before the judging until the message is on its way; by whoever is alone,
/// until it is settled.
pub enum Hold<'a> {
    Shared(RwLockReadGuard<'a, ()>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Floor {
    /// `attempts` is how often the message has been judged in vain. Who is alone must
    /// still let pass what was judged before.
    pub async fn take(&self, attempts: u32) -> Hold<'_> {
        if attempts + 1 < ATTEMPTS {
            Hold::Shared(self.0.read().await)
        } else {
            Hold::Alone(self.0.write().await)
        }
    }
}
