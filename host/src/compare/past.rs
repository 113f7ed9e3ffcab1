//! A comparison over logged messages: both judge each of them as if it came in now.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use serde_json::{Map, Value, json};
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use super::CompareError;
use super::tally::{Tally, Verdict, Who};
use crate::auth::User;
use crate::connection::Client;
use crate::endpoint::{Chain, Endpoint};
use crate::id::ConnectionId;
use crate::judge;
use crate::log::Event;
use crate::plugin::{CallContext, Generation, Rehearsal, Surroundings, shown_effects};

/// Events read at a time, and bytes of them.
const PAGE: (usize, usize) = (256, 1 << 20);

/// Compares over the newest `last` messages that changed rows. Messages are made of
/// what was stored and what was sent: what plugins took out of them is gone.
pub async fn run(
    endpoint: &Arc<Endpoint>,
    candidate: &Arc<Generation>,
    last: u64,
    wait: Duration,
) -> Result<Tally, CompareError> {
    let began = Instant::now();
    let broken = |problem: String| CompareError::Log(problem);
    let chain = endpoint.chain();
    let name = candidate.name();
    let number = chain.number_of(name);
    let number = number.ok_or_else(|| CompareError::Quarantined(name.to_string()))?;
    let current = chain.twin(None).map_err(CompareError::Endpoint)?;
    let tried = chain
        .twin(Some(candidate))
        .map_err(CompareError::Endpoint)?;
    let mut tally = Tally::default();
    let head = endpoint.log.ring.head();
    let (mut offset, mut skip) = beginning(endpoint, last).await.map_err(broken)?;
    while offset < head {
        let page = page(endpoint, offset).await.map_err(broken)?;
        for event in &page {
            offset = event.offset;
            if event.method.is_none() || event.offset > head {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if began.elapsed() > wait {
                tally.cut = true;
                return Ok(tally);
            }
            let one = judged(endpoint, &current, event, &mut tally, number, Who::Current);
            let one = one.with_subscriber(NoSubscriber::default()).await;
            let new = candidate.number();
            let other = judged(endpoint, &tried, event, &mut tally, new, Who::Candidate);
            let other = other.with_subscriber(NoSubscriber::default()).await;
            let what = || json!({"offset": event.offset, "message": message(endpoint, event)});
            tally.add(what, &one, &other);
            // Live messages go first.
            tokio::task::yield_now().await;
        }
        if page.is_empty() {
            break;
        }
    }
    Ok(tally)
}

/// The offset after which the messages begin, and how many there are too many.
async fn beginning(endpoint: &Endpoint, last: u64) -> Result<(u64, u64), String> {
    if let Some(storage) = &endpoint.reader.storage {
        let oldest = storage.oldest_change(endpoint.log.id, last).await;
        let oldest = oldest.map_err(|error| error.to_string())?;
        let head = endpoint.log.ring.head();
        return Ok((oldest.map_or(head, |oldest| oldest.saturating_sub(1)), 0));
    }
    // What is kept in memory only is counted first.
    let ring = &endpoint.log.ring;
    let first = ring.first().saturating_sub(1);
    let (mut offset, mut changes) = (first, 0);
    loop {
        let page = page(endpoint, offset).await?;
        let Some(newest) = page.last() else { break };
        offset = newest.offset;
        changes += page.iter().filter(|event| event.method.is_some()).count() as u64;
    }
    Ok((first, changes.saturating_sub(last)))
}

async fn page(endpoint: &Endpoint, offset: u64) -> Result<Vec<Arc<Event>>, String> {
    let (limit, bytes) = PAGE;
    let table = endpoint.table.as_deref();
    let page = endpoint.reader.after(offset, table, limit, bytes).await;
    page.map_err(|error| match error {
        Ok(_) => "it was cut while it was read".to_owned(),
        Err(error) => error.to_string(),
    })
}

/// How a chain judges an event's message now. The calls of generation `number` are those
/// whose time counts.
async fn judged(
    endpoint: &Arc<Endpoint>,
    chain: &Chain,
    event: &Event,
    tally: &mut Tally,
    number: u64,
    who: Who,
) -> Verdict {
    let method = event.method.unwrap_or(crate::log::Method::Post);
    let client = client(endpoint, event);
    let rehearsal = Arc::new(Rehearsal::at(event.time as u64));
    let call = CallContext {
        rehearsal: Some(Arc::clone(&rehearsal)),
        ..client.call(method.as_str(), event.time as u64)
    };
    let message = message(endpoint, event);
    let old = event.old().cloned();
    let (judged, effects) = judge::rehearse(endpoint, chain, call, method, message, old).await;
    for (generation, hook, took) in rehearsal.calls() {
        if generation == number {
            tally.took(hook, who, took);
        }
    }
    match (rehearsal.failure(), judged) {
        (Some(error), _) => Verdict::Failed(error),
        (None, Err(rejection)) => Verdict::Rejected(Value::Object(rejection.to_json())),
        (None, Ok(draft)) => {
            let sent: Value = serde_json::from_str(&draft.sent).unwrap_or(Value::Null);
            let row = draft.change.as_ref().map(|change| client.written(change));
            let mut effects = shown_effects(&effects, client.id, &*client);
            effects.iter_mut().for_each(forget_ids);
            Verdict::Accepted {
                output: json!({"row": row, "sent": sent}),
                effects,
            }
        }
    }
}

/// An inserted row has a new id and the time of its insertion, which no two runs share.
pub(super) fn forget_ids(effect: &mut Value) {
    if let Some(Value::Object(row)) = effect.get_mut("insert") {
        row.remove("id");
        row.remove("timestamp");
    }
}

/// The message that an event was, as far as that is known: what was sent, with what was
/// stored in place of what was changed for sending.
fn message(endpoint: &Endpoint, event: &Event) -> Map<String, Value> {
    let mut message: Map<String, Value> = serde_json::from_slice(&event.sent).unwrap_or_default();
    if let (Some(table), Some(row)) = (&endpoint.table, event.row()) {
        for (column, value) in row.to_json(table) {
            if !value.is_null() || message.contains_key(&column) {
                message.insert(column, value);
            }
        }
    }
    message
}

/// Whose message it was: the connection where it is still open, else its user without
/// what belongs to a connection.
fn client(endpoint: &Arc<Endpoint>, event: &Event) -> Arc<Client> {
    let open = event.origin.and_then(|origin| {
        let connections = endpoint.connections.read();
        connections
            .get(&origin)
            .map(|open| Arc::clone(&open.client))
    });
    open.unwrap_or_else(|| {
        let user = event.origin_user.as_deref();
        let user = user.map(|id| User::named(id, None).into());
        Arc::new(Client {
            id: event.origin.unwrap_or(ConnectionId::NONE),
            endpoint: Arc::clone(endpoint),
            args: RwLock::default(),
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            user: user.unwrap_or_default(),
            session: None,
            name: None,
            path_parameters: Vec::new(),
            headers: Vec::new(),
            metadata: RwLock::default(),
        })
    })
}
