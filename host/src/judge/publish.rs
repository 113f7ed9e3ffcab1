//! Messages that plugins publish into endpoints because of another message.
//!
//! They are judged after it, by the plugins of the endpoint they go to, and written with
//! it: all or nothing. First come, first served; what publishes again queues behind the
//! others and is one deeper, so that plugins which answer each other come to an end.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Map;

use crate::alert::Posting;
use crate::connection::Connection;
use crate::deliver::Step;
use crate::effects::{Effects, Publication};
use crate::endpoint::Endpoint;
use crate::kv::Keys;
use crate::log::Part;
use crate::log::submission::Item;
use crate::plugin::HostError;
use crate::rejection::{Rejection, code};

use super::{Judging, Refused, alert, effect_items, hook_failed};

/// Messages that one message may lead to in all.
const MOST: usize = 100;

/// One that waits to be judged, and how many it is away from what a client sent.
pub(super) type Waiting = VecDeque<(Publication, u8)>;

/// Judges all that waits and what comes of it. What is meant for the sender's own
/// connection goes to `own`: the other endpoint does not know it. Hooks see the keys as
/// those before them have left them on the same endpoint.
///
/// # Errors
/// One of them is rejected, and so all are.
pub(super) async fn judge(
    connection: &Arc<Connection>,
    received_at: u64,
    mut waiting: Waiting,
    own: &mut Part,
) -> Result<Vec<Part>, Rejection> {
    let mut parts: Vec<Part> = Vec::new();
    while let Some((publication, depth)) = waiting.pop_front() {
        if parts.len() == MOST {
            tracing::error!(
                endpoint = %connection.endpoint.name,
                "plugins publish more than {MOST} messages because of one; it was refused"
            );
            let text = "this message leads to too many others; the server's operator finds \
                        more in its log";
            return Err(Rejection::new(code::PLUGIN_FAILED, text));
        }
        let target = connection.endpoint.directory.find(&publication.endpoint);
        let target = target.ok_or_else(|| gone(&publication.endpoint))?;
        let mut chain = target.chain_in_service()?;
        let client = Arc::new(connection.client.visiting(Arc::clone(&target)));
        let keys = keys_at(&target, own, &mut parts)
            .map(std::mem::take)
            .unwrap_or_default();
        let (drafts, mut effects, mut alerts) = loop {
            let mut call = client.call(publication.method.as_str(), received_at);
            call.depth = depth;
            let mut judging = Judging {
                endpoint: &target,
                chain: &chain,
                config: target.settings(),
                call,
                effects: Effects {
                    list: Vec::new(),
                    keys: keys.clone(),
                },
                alerts: Vec::new(),
            };
            let mut message = Map::new();
            message.insert("_method".into(), publication.method.as_str().into());
            message.extend(publication.message.clone());
            match judging.change(publication.method, message).await {
                Ok(drafts) => break (drafts, judging.effects, judging.alerts),
                Err(Refused::Rejected(rejection)) => return Err(rejection),
                // As for a message that a client sends.
                Err(Refused::Failed(error)) => {
                    let rejection = hook_failed(&error);
                    chain = chain.fallback().ok_or(rejection)?;
                }
            }
        };
        alerts.extend(alert::sent_by_plugins(&mut effects));
        let mut items: Vec<_> = drafts.into_iter().map(Item::Event).collect();
        let Effects { list, mut keys } = effects;
        for item in effect_items(&target, list, depth, &mut waiting) {
            if addressed_to(connection, &item) {
                own.items.push(item);
            } else {
                items.push(item);
            }
        }
        if let Some(known) = keys_at(&target, own, &mut parts) {
            *known = std::mem::take(&mut keys);
        }
        parts.push(Part {
            log: target.log.clone(),
            table: target.table.clone(),
            items,
            keys,
            alerts: Posting::new(alerts, &target.outbox),
            judged_by: chain.judged_by.clone(),
        });
    }
    Ok(parts)
}

/// The keys of an endpoint that the message has been to already: they are kept in its
/// first part.
fn keys_at<'a>(
    target: &Endpoint,
    own: &'a mut Part,
    parts: &'a mut [Part],
) -> Option<&'a mut Keys> {
    let mut known = std::iter::once(own).chain(parts);
    let part = known.find(|part| Arc::ptr_eq(&part.log, &target.log));
    part.map(|part| &mut part.keys)
}

fn addressed_to(connection: &Connection, item: &Item) -> bool {
    matches!(
        item,
        Item::Step(Step::Push { connection: to, .. } | Step::Close { connection: to, .. })
            if *to == connection.id
    )
}

/// The endpoint was taken out of the config after the plugin had published.
fn gone(endpoint: &str) -> Rejection {
    let text = format!("the endpoint `{endpoint}` is gone; send again");
    Rejection::new(code::UNAVAILABLE, text)
}

/// Whether what happens at one endpoint can be published into another.
pub fn check(connection: &crate::connection::Client, endpoint: &str) -> Result<(), HostError> {
    let own = &connection.endpoint;
    let Some(target) = own.directory.find(endpoint) else {
        let known = own.directory.names().join(", ");
        let text = format!("there is no endpoint `{endpoint}`; there are {known}");
        return Err(HostError::new("not_found", text));
    };
    // One transaction holds both, or neither needs one.
    if target.table.is_some() == own.table.is_some() {
        return Ok(());
    }
    let text = format!(
        "one of `{}` and `{endpoint}` is ephemeral: they can't be written together; give both \
         the same kind of `durability`",
        own.name
    );
    Err(HostError::new("unavailable", text))
}
