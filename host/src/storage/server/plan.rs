//! What is written of messages, in their order: collected first, then written in as few
//! statements as there are kinds of it.

use std::sync::Arc;

use sea_query::Value;

use super::many;
use super::session::Session;
use crate::log::submission::{Draft, MessageId};
use crate::log::{Part, Source};
use crate::row::{Row, RowWrite, Table};

/// Rows of the tables that a transaction writes, keys of plugins aside.
#[derive(Default)]
pub struct Plan<'g> {
    changes: Vec<(&'g Arc<Table>, &'g RowWrite)>,
    log: Vec<Vec<Value>>,
    ids: Vec<Vec<Value>>,
    alerts: Vec<Vec<Value>>,
}

impl<'g> Plan<'g> {
    /// What happens to the users' tables.
    pub fn changes(&self) -> &[(&'g Arc<Table>, &'g RowWrite)] {
        &self.changes
    }

    /// What follows.
    pub fn append(&mut self, mut more: Self) {
        self.changes.append(&mut more.changes);
        self.log.append(&mut more.log);
        self.ids.append(&mut more.ids);
        self.alerts.append(&mut more.alerts);
    }

    /// What a message brings to one endpoint, whose log has this head. Returns its next one.
    pub fn part(&mut self, source: &Source, part: &'g Part, head: u64, time: i64) -> u64 {
        for alert in &part.alerts.alerts {
            self.alerts.push(vec![
                alert.id.to_string().into(),
                part.log.id.into(),
                alert.alert.to_string().into(),
                alert.channel.as_str().into(),
                alert.service.to_string().into(),
                alert.data.to_string().into(),
                time.into(),
                time.into(),
            ]);
        }
        let mut offset = head;
        for draft in part.drafts() {
            if let (Some(change), Some(table)) = (&draft.change, &part.table) {
                self.changes.push((table, change));
            }
            offset += 1;
            self.log.push(entry(source, part, draft, offset, time));
        }
        offset
    }

    /// That a message with this id was written.
    pub fn id(&mut self, log: i64, id: &MessageId, position: &str, rows: Option<u32>, time: i64) {
        self.ids.push(vec![
            log.into(),
            id.sender.as_bytes().to_vec().into(),
            id.id.as_bytes().to_vec().into(),
            id.body.to_vec().into(),
            position.into(),
            time.into(),
            rows.map(i64::from).into(),
        ]);
    }

    /// Writes everything but the changes of the users' tables.
    pub async fn write(self, session: &mut Session) -> sqlx::Result<()> {
        let log = "INSERT INTO hookcast_log (endpoint, \"offset\", time, method, audience, origin, \
                   origin_user, exclude_origin, \"row\", old, sent, judged_by) VALUES ";
        let marks = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        many::insert(session, log, marks, "", self.log).await?;
        let ids = "INSERT INTO hookcast_message_ids (endpoint, sender, id, body, position, time, \
                   changed) VALUES ";
        // One of more than 24 hours ago may be there still.
        let newest = session.flavor().or_update(
            "endpoint, sender, id",
            &["body", "position", "time", "changed"],
        );
        many::insert(session, ids, "(?, ?, ?, ?, ?, ?, ?)", &newest, self.ids).await?;
        let alerts = "INSERT INTO hookcast_outbox (id, endpoint, alert, channel, service, data, \
                      created, due) VALUES ";
        let marks = "(?, ?, ?, ?, ?, ?, ?, ?)";
        many::insert(session, alerts, marks, "", self.alerts).await
    }
}

/// A row of `hookcast_log`.
fn entry(source: &Source, part: &Part, draft: &Draft, offset: u64, time: i64) -> Vec<Value> {
    let table = part.table.as_deref();
    let text = |row: Option<&Row>| -> Option<String> {
        let object = row?.to_json(table?);
        Some(serde_json::Value::Object(object).to_string())
    };
    let (row, old) = match &draft.change {
        None => (None, None),
        Some(RowWrite::Insert { row }) => (Some(row), None),
        Some(RowWrite::Update { old, row }) => (Some(row), Some(old)),
        Some(RowWrite::Delete { old }) => (None, Some(old)),
    };
    vec![
        part.log.id.into(),
        (offset as i64).into(),
        time.into(),
        draft.method.map(|method| method.as_str().to_owned()).into(),
        draft.audience.to_text().into(),
        source.connection.to_string().into(),
        source.user.as_deref().map(str::to_owned).into(),
        draft.exclude_origin.into(),
        text(row).into(),
        text(old).into(),
        draft.sent.clone().into(),
        part.judged_by.to_string().into(),
    ]
}
