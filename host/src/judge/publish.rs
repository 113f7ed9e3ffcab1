//! Messages that plugins publish into endpoints because of another message.
//!
//! They are judged after it, by the plugins of the endpoint they go to, and written with
//! it: all or nothing. First come, first served; what publishes again queues behind the
//! others and is one deeper, so that plugins which answer each other come to an end.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Map;

use crate::connection::Connection;
use crate::deliver::Step;
use crate::effects::Publication;
use crate::log::Part;
use crate::log::submission::Item;
use crate::plugin::HostError;
use crate::rejection::{Rejection, code};

use super::{Judging, effect_items};

/// Messages that one message may lead to in all.
const MOST: usize = 100;

/// One that waits to be judged, and how many it is away from what a client sent.
pub(super) type Waiting = VecDeque<(Publication, u8)>;

/// Judges all that waits and what comes of it. What is meant for the sender's own
/// connection goes to `own`: the other endpoint does not know it.
///
/// # Errors
/// One of them is rejected, and so all are.
pub(super) async fn judge(
    connection: &Arc<Connection>,
    received_at: u64,
    mut waiting: Waiting,
    own: &mut Vec<Item>,
) -> Result<Vec<Part>, Rejection> {
    let mut parts = Vec::new();
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
        let chain = target.chain();
        let client = Arc::new(connection.client.visiting(Arc::clone(&target)));
        let mut call = client.call(publication.method.as_str(), received_at);
        call.depth = depth;
        let mut judging = Judging {
            endpoint: &target,
            chain: &chain,
            call,
            effects: Default::default(),
        };
        let mut message = Map::new();
        message.insert("_method".into(), publication.method.as_str().into());
        message.extend(publication.message);
        let draft = judging.change(publication.method, message).await?;
        let mut items = vec![Item::Event(draft)];
        for item in effect_items(&target, judging.effects, depth, &mut waiting) {
            if addressed_to(connection, &item) {
                own.push(item);
            } else {
                items.push(item);
            }
        }
        parts.push(Part {
            log: target.log.clone(),
            table: target.table.clone(),
            items,
            judged_by: chain.judged_by.clone(),
        });
    }
    Ok(parts)
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
