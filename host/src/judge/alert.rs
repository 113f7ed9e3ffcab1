//! Whether a message alerts, and what of it is noted for that.
//!
//! Nothing is rendered here: that happens after the commit (`alert/worker.rs`). Whatever
//! goes wrong is the operator's to know; the message goes its way.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::alert::{Channel, Occasion, Posted};
use crate::args;
use crate::config::AlertConfig;
use crate::effects::{Effect, Effects};
use crate::endpoint::Endpoint;
use crate::expression::Scope;
use crate::log::Method;
use crate::row::{Row, RowWrite};

use super::object::Object;
use super::{Judging, scope};

impl Judging<'_> {
    /// Notes the alerts that a message causes, as its hooks have left it.
    pub(super) fn alert(&mut self, method: Method, message: &Object, change: Option<&RowWrite>) {
        let config = Arc::clone(&self.config);
        let told = config
            .alerts
            .iter()
            .filter(|alert| alert.methods.contains(&method));
        let mut told = told.peekable();
        if told.peek().is_none() || is_suppressed(&message.map) {
            return;
        }
        let occasion = self.occasion(method, message, change);
        // An occasion is JSON values, which always serialise.
        let data: Arc<str> = serde_json::to_string(&occasion).unwrap_or_default().into();
        let scope = scope::of(&self.call)
            .with("msg", Value::Object(occasion.message))
            .with("row", occasion.row)
            .with("old", occasion.old);
        let mut posted = Vec::new();
        for alert in told {
            if !holds(self.endpoint, alert, &scope) {
                continue;
            }
            if !self.endpoint.outbox.has_room() {
                left_out(
                    self.endpoint,
                    alert,
                    "full",
                    "as many wait as `alerts.limit` allows",
                );
                continue;
            }
            let mail = alert
                .mail
                .as_ref()
                .map(|mail| (Channel::Mail, Arc::clone(&mail.service)));
            let webhook = alert.webhook.as_ref();
            let webhook = webhook.map(|webhook| (Channel::Webhook, webhook.server()));
            for (channel, service) in mail.into_iter().chain(webhook) {
                posted.push(Posted {
                    id: Uuid::now_v7(),
                    alert: Arc::clone(&alert.name),
                    channel,
                    service,
                    data: Arc::clone(&data),
                });
            }
        }
        self.alerts.extend(posted);
    }

    fn occasion(&self, method: Method, message: &Object, change: Option<&RowWrite>) -> Occasion {
        let shown = |row: &Row| {
            let table = self.endpoint.table.as_deref();
            table.map_or(Value::Null, |table| Value::Object(row.to_json(table)))
        };
        let (row, old) = match change {
            None => (Value::Null, Value::Null),
            Some(RowWrite::Insert { row }) => (shown(row), Value::Null),
            Some(RowWrite::Update { old, row }) => (shown(row), shown(old)),
            Some(RowWrite::Delete { old }) => (Value::Null, shown(old)),
        };
        let around = &self.call.surroundings;
        let parsed = |text: Option<String>| {
            text.and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or(Value::Null)
        };
        Occasion {
            endpoint: self.endpoint.name.to_string(),
            method: method.as_str().to_owned(),
            message: message.map.clone(),
            row,
            old,
            sender: parsed(around.user()),
            session: parsed(around.session()),
            args: args::to_json(&around.args()),
            time: i64::try_from(self.call.received_at).unwrap_or(i64::MAX),
        }
    }
}

/// What plugins have sent, taken out of a message's effects.
pub(super) fn sent_by_plugins(effects: &mut Effects) -> Vec<Posted> {
    let mails = effects
        .list
        .extract_if(.., |effect| matches!(effect, Effect::Mail { .. }));
    let posted = mails.filter_map(|effect| match effect {
        Effect::Mail {
            plugin,
            service,
            mail,
        } => {
            Some(Posted {
                id: Uuid::now_v7(),
                alert: plugin,
                channel: Channel::Plugin,
                service: service.into(),
                // Read from JSON, it is JSON again.
                data: serde_json::to_string(&mail).unwrap_or_default().into(),
            })
        }
        _ => None,
    });
    posted.collect()
}

/// `_alert` that is false, in Python's sense of it.
fn is_suppressed(message: &Map<String, Value>) -> bool {
    match message.get("_alert") {
        None => false,
        Some(Value::Null) => true,
        Some(Value::Bool(alert)) => !alert,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(items)) => items.is_empty(),
    }
}

/// Whether the alert's condition holds. One that has no answer holds for nothing.
fn holds(endpoint: &Endpoint, alert: &AlertConfig, scope: &Scope<'_>) -> bool {
    let Some(condition) = &alert.condition else {
        return true;
    };
    match condition.holds(scope) {
        Ok(holds) => holds,
        Err(problem) => {
            let text = condition.text();
            let why = format!("its condition `{text}` has no answer: {problem}");
            left_out(endpoint, alert, "condition", &why);
            false
        }
    }
}

fn left_out(endpoint: &Endpoint, alert: &AlertConfig, kind: &'static str, why: &str) {
    let name = endpoint.name.clone();
    metrics::counter!("hookcast_alerts_left_out_total", "endpoint" => name, "reason" => kind)
        .increment(1);
    if let Some(others) = endpoint.alert_trouble.admit() {
        tracing::error!(
            endpoint = %endpoint.name, alert = %alert.name, others,
            "a message did not alert: {why}"
        );
    }
}
