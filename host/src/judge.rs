//! Judging: from a decoded message to what will be written, or a rejection.
//!
//! Runs on the sender's task, outside of any transaction, on one snapshot of the
//! endpoint's config and plugins. The stages in order: defaults and permission → prepare |
//! handler → the row as it will be stored → modify. Whatever hooks want done besides is buffered and becomes
//! part of the submission; a rejection anywhere leaves no trace of it.

mod alert;
pub mod defaults;
pub mod floor;
mod handlers;
mod modify;
mod object;
pub mod outside;
mod permission;
mod prepare;
pub mod publish;
mod refused;
pub mod scope;
mod target;

use std::sync::Arc;

use crate::alert::{Posted, Posting};
use crate::config::EndpointConfig;
use crate::connection::Connection;
use crate::deliver::Step;
use crate::effects::{Effect, Effects};
use crate::endpoint::{Chain, Endpoint};
use crate::log::submission::{Command, Draft, Item, Source};
use crate::log::{Audience, Method, Part, Submission};
use crate::plugin::{CallContext, HookError};
use crate::rejection::Rejection;
use crate::row::{Row, RowWrite, Table};

use object::Object;
use permission::Permission;
pub use refused::Refused;
use target::Target;
pub use target::is_selection;

/// What the stages share: one message on one snapshot.
struct Judging<'a> {
    endpoint: &'a Endpoint,
    chain: &'a Chain,
    config: Arc<EndpointConfig>,
    call: CallContext,
    effects: Effects,
    /// Alerts that the message causes.
    alerts: Vec<Posted>,
}

/// What a message of a connection has become.
struct Judged {
    own: Part,
    published: Vec<Part>,
    /// As of [`Submission::rows`].
    rows: Option<u32>,
}

/// Judges one message by these plugins. `epoch` is its lane's, from before the judging.
pub async fn judge(
    connection: &Arc<Connection>,
    mut chain: Arc<Chain>,
    source: Source,
    epoch: u32,
) -> Result<Submission, Rejection> {
    let judged = loop {
        match judge_by(&chain, connection, &source).await {
            Ok(judged) => break judged,
            Err(Refused::Rejected(rejection)) => return Err(rejection),
            Err(Refused::Failed(error)) => {
                let rejection = hook_failed(&error);
                // A generation on probation: nothing of what it did has taken effect, so
                // the one before judges the whole message.
                chain = chain.fallback_for(&source.command).ok_or(rejection)?;
                metrics::counter!("hookcast_judged_again_total").increment(1);
            }
        }
    };
    Ok(Submission {
        own: judged.own,
        published: judged.published,
        rows: judged.rows,
        lane: connection.lane.clone(),
        epoch,
        source,
    })
}

/// Takes a message through all stages with these plugins.
async fn judge_by(
    chain: &Chain,
    connection: &Arc<Connection>,
    source: &Source,
) -> Result<Judged, Refused> {
    let method = match &source.command {
        Command::Change { method, .. } => method.as_str(),
        Command::Handle { .. } => "",
    };
    let message_id = source.message_id.as_ref().map(|id| id.id.as_str().into());
    let mut judging = Judging {
        endpoint: &connection.endpoint,
        chain,
        config: connection.endpoint.settings(),
        call: CallContext {
            message_id,
            queued: source.queued,
            ..connection.client.call(method, source.received_at)
        },
        effects: Effects::default(),
        alerts: Vec::new(),
    };
    let mut rows = None;
    let items: Vec<_> = match &source.command {
        Command::Change { method, message } => {
            let drafts = judging.change(*method, message.clone()).await?;
            if *method != Method::Post {
                rows = u32::try_from(drafts.len()).ok();
            }
            drafts.into_iter().map(Item::Event).collect()
        }
        Command::Handle {
            message_type,
            message,
        } => {
            let answer = handlers::handle(&mut judging, message_type, message).await?;
            answer.into_iter().collect()
        }
    };
    let outcome = Outcome {
        items,
        effects: judging.effects,
        alerts: judging.alerts,
    };
    let (own, published) = parts(connection, chain, source.received_at, outcome).await?;
    Ok(Judged {
        own,
        published,
        rows,
    })
}

/// Judges a message for a comparison, from the plugins' defaults on. It has its id and its
/// time; `old` is the row it changes. Gives what it would become and what hooks want
/// done, of which nothing is.
pub async fn rehearse(
    endpoint: &Endpoint,
    chain: &Chain,
    call: CallContext,
    method: Method,
    message: serde_json::Map<String, serde_json::Value>,
    old: Option<Row>,
) -> (Result<Draft, Rejection>, Effects) {
    let mut judging = Judging {
        endpoint,
        chain,
        config: endpoint.settings(),
        call,
        effects: Effects::default(),
        alerts: Vec::new(),
    };
    let judged = match defaults::hooks(&mut judging, method, message, old.as_ref()).await {
        Ok(message) => judging.filled(method, message, old).await,
        Err(refused) => Err(refused),
    };
    let judged = judged.map_err(|refused| match refused {
        Refused::Rejected(rejection) => rejection,
        Refused::Failed(error) => error.to_rejection(),
    });
    (judged, judging.effects)
}

/// What the hooks of a message have come to.
#[derive(Default)]
struct Outcome {
    items: Vec<Item>,
    effects: Effects,
    alerts: Vec<Posted>,
}

/// What a message brings to its own endpoint, and to those that plugins publish into.
async fn parts(
    connection: &Arc<Connection>,
    chain: &Chain,
    received_at: u64,
    outcome: Outcome,
) -> Result<(Part, Vec<Part>), Rejection> {
    let endpoint = &connection.endpoint;
    let mut waiting = publish::Waiting::new();
    let Outcome {
        mut items,
        mut effects,
        mut alerts,
    } = outcome;
    alerts.extend(alert::sent_by_plugins(&mut effects));
    items.extend(effect_items(endpoint, effects.list, 0, &mut waiting));
    let mut own = Part {
        log: endpoint.log.clone(),
        table: endpoint.table.clone(),
        items,
        keys: effects.keys,
        alerts: Posting::new(alerts, &endpoint.outbox),
        judged_by: chain.judged_by.clone(),
    };
    let published = if waiting.is_empty() {
        Vec::new()
    } else {
        Box::pin(publish::judge(connection, received_at, waiting, &mut own)).await?
    };
    Ok((own, published))
}

impl Judging<'_> {
    /// A message that changes the table, through all its stages: one event for each row
    /// that it is about.
    async fn change(
        &mut self,
        method: Method,
        message: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Vec<Draft>, Refused> {
        let permission = Permission::ask(self, method)?;
        let target = Target::of(self.endpoint, method, &message)?;
        let message = defaults::own(self, method, message)?;
        let rows = target.rows(self.endpoint).await?;
        let message = defaults::authored(self, method, message, rows.first());
        permission.check(self, &message, &rows).await?;
        if let Target::Selected(_) = target {
            return self.each(method, message, rows).await;
        }
        let old = rows.into_iter().next();
        let message = defaults::hooks(self, method, message, old.as_ref()).await?;
        Ok(vec![self.filled(method, message, old).await?])
    }

    /// A DELETE of several rows. Its hooks run once on the message, and `modify` for each
    /// row: what is told of a row is the message with the row's `id`.
    async fn each(
        &mut self,
        method: Method,
        message: serde_json::Map<String, serde_json::Value>,
        rows: Vec<Row>,
    ) -> Result<Vec<Draft>, Refused> {
        let message = defaults::hooks(self, method, message, None).await?;
        let message = prepare::prepare(self, method, message).await?;
        let mut drafts = Vec::with_capacity(rows.len());
        for row in rows {
            let mut message = message.clone();
            if let Some(table) = &self.endpoint.table {
                message.set("id", row.id(table).into());
            }
            drafts.push(self.draft(method, message, Some(row)).await?);
        }
        Ok(drafts)
    }

    /// A message that has its defaults, through the stages that follow.
    async fn filled(
        &mut self,
        method: Method,
        message: Object,
        old: Option<Row>,
    ) -> Result<Draft, Refused> {
        let message = prepare::prepare(self, method, message).await?;
        self.draft(method, message, old).await
    }

    /// The event of a message that is prepared.
    async fn draft(
        &mut self,
        method: Method,
        message: Object,
        old: Option<Row>,
    ) -> Result<Draft, Refused> {
        let change = self.row_change(method, &message, old)?;
        let message = modify::modify(self, message, change.as_ref()).await?;
        self.alert(method, &message, change.as_ref());
        Ok(Draft {
            method: Some(method),
            audience: Audience::All,
            exclude_origin: false,
            change,
            sent: message.text,
        })
    }

    /// The change of the table, every column as it will be stored.
    fn row_change(
        &self,
        method: Method,
        message: &Object,
        old: Option<Row>,
    ) -> Result<Option<RowWrite>, Rejection> {
        let Some(table) = &self.endpoint.table else {
            return Ok(None);
        };
        Ok(Some(match (method, old) {
            (Method::Put, Some(old)) => {
                let row = table.changed_row(&old, &message.map)?;
                RowWrite::Update { old, row }
            }
            (Method::Delete, Some(old)) => RowWrite::Delete { old },
            _ => RowWrite::Insert {
                row: table.new_row(&message.map)?,
            },
        }))
    }
}

/// Logs a failed hook for the operator and gives what its sender hears. The span says
/// which connection it was.
pub fn hook_failed(error: &HookError) -> Rejection {
    if let HookError::Rejected(rejection) = error {
        return rejection.clone();
    }
    let replay = error.replay().map(tracing::field::display);
    // The command first: an error has several lines.
    tracing::error!(replay, %error, "a hook failed");
    error.to_rejection()
}

/// The effects of hooks at one endpoint, in order. What is published waits to be judged;
/// `depth` is that of the message whose hooks these were.
fn effect_items(
    endpoint: &Endpoint,
    effects: Vec<Effect>,
    depth: u8,
    waiting: &mut publish::Waiting,
) -> Vec<Item> {
    let mut items = Vec::with_capacity(effects.len());
    for effect in effects {
        match effect {
            Effect::Publish(publication) => waiting.push_back((publication, depth + 1)),
            effect => items.extend(effect_item(endpoint, effect)),
        }
    }
    items
}

fn effect_item(endpoint: &Endpoint, effect: Effect) -> Option<Item> {
    let send = |audience, sent, exclude_origin| {
        Item::Event(Draft {
            method: None,
            audience,
            exclude_origin,
            change: None,
            sent,
        })
    };
    Some(match effect {
        // Taken out before, each to where it goes.
        Effect::Publish(_) | Effect::Mail { .. } => return None,
        Effect::ToConnection { connection, json } => Item::Step(Step::Push { connection, json }),
        Effect::ToUser { user, json } => send(Audience::User(user.into()), json, false),
        Effect::ToGroup {
            group,
            json,
            exclude_sender,
        } => send(Audience::Group(group.into()), json, exclude_sender),
        Effect::Broadcast {
            json,
            exclude_sender,
        } => send(Audience::All, json, exclude_sender),
        Effect::Close {
            connection,
            code,
            reason,
        } => Item::Step(Step::Close {
            connection,
            code,
            reason,
        }),
        Effect::Group(change) => Item::Step(Step::Group(change)),
        Effect::Write(change) => written(endpoint, change),
    })
}

/// A row written by a plugin, told to subscribers as any other.
fn written(endpoint: &Endpoint, change: RowWrite) -> Item {
    let table = endpoint.table.as_deref();
    let json = |row: &Row| {
        table
            .map(|table: &Table| row.to_json(table))
            .unwrap_or_default()
    };
    let (method, object) = match &change {
        RowWrite::Insert { row } => (Method::Post, json(row)),
        RowWrite::Update { row, .. } => (Method::Put, json(row)),
        RowWrite::Delete { old } => {
            let mut key = json(old);
            key.retain(|name, _| name == "id");
            (Method::Delete, key)
        }
    };
    let sent = endpoint.dialect.change(method, object);
    Item::Event(Draft {
        method: Some(method),
        audience: Audience::All,
        exclude_origin: false,
        change: Some(change),
        sent,
    })
}
