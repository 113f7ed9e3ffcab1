//! `_wait`: an answer that waits until there is something to say.
//!
//! The request is live without a buffer: the first event that concerns it makes a cursor
//! of it again, which reads that event from the log. So fan-out wakes nobody in vain, and
//! the answer's position is that of a cursor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::config::duration;
use crate::connection::{Connection, cursor};
use crate::deliver::HubMessage;
use crate::deliver::socket::Ending;
use crate::endpoint::Work;
use crate::filter::{parse_query, reserved};
use crate::rejection::{Rejection, code};

use super::Answer;
use super::history::Page;

/// The longest wait. Proxies give up on a silent answer after a minute.
const LONGEST: Duration = Duration::from_secs(55);

/// How long a request may wait for its first event; not at all without `_wait`.
///
/// # Errors
/// `bad_key` for what is no duration.
pub fn wait(query: Option<&str>) -> Result<Duration, Rejection> {
    let args = parse_query(query.unwrap_or_default());
    let Some(text) = reserved(&args, "_wait") else {
        return Ok(Duration::ZERO);
    };
    let wait = duration(text).ok_or_else(|| {
        let text = "`_wait` must be a whole number and a unit, such as `25s` or `500ms`";
        Rejection::new(code::BAD_KEY, text)
    })?;
    Ok(wait.min(LONGEST))
}

/// Fills the page when there is something to fill it with, or leaves it empty at the end
/// of its time, when the connection is closed, or when the client has left.
pub async fn until(
    connection: &Arc<Connection>,
    page: &mut Page,
    end: Instant,
    answer: &mut Answer,
) {
    let outbox = &connection.outbox;
    while page.is_empty() && outbox.ending() == Ending::Open && Instant::now() < end {
        if let Some(next) = outbox.next_from_log() {
            // At the head: it becomes live, unless something has come meanwhile.
            let advance = cursor::advance(connection.clone(), next);
            Work::new(&connection.endpoint, advance).await;
        } else {
            tokio::select! {
                () = outbox.woken() => {}
                () = answer.closed() => return,
                () = tokio::time::sleep_until(end) => {}
            }
        }
        page.fill(connection).await;
    }
    settle(connection, page).await;
}

/// Ends being live: the position is how far fan-out has come, or the event that it had for
/// the request at the last moment.
async fn settle(connection: &Arc<Connection>, page: &mut Page) {
    if connection.outbox.next_from_log().is_some() {
        return;
    }
    let (answer, delivered) = oneshot::channel();
    connection.endpoint.log.hub.send(HubMessage::Unsubscribe {
        connection: connection.id,
        answer,
    });
    if let Ok(delivered) = delivered.await {
        page.next = page.next.max(delivered + 1);
    }
    page.fill(connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_duration_and_bounded() {
        let of = |query| wait(Some(query)).map_err(|rejection| rejection.code);
        assert_eq!(wait(None), Ok(Duration::ZERO));
        assert_eq!(of("_wait=25s&topic=a"), Ok(Duration::from_secs(25)));
        assert_eq!(of("_wait=0s"), Ok(Duration::ZERO));
        assert_eq!(of("_wait=1h"), Ok(LONGEST));
        for bad in ["_wait=", "_wait=25", "_wait=-1s"] {
            assert_eq!(of(bad), Err(code::BAD_KEY.into()), "{bad}");
        }
    }
}
