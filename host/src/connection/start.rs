//! The beginning of a subscription: the `open` hook, then history or resume.

use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::clock::now_micros;
use crate::close_code;
use crate::config::History;
use crate::deliver::ClassKey;
use crate::deliver::socket::Ending;
use crate::dialect::Notice;
use crate::effects::Effects;
use crate::endpoint::Chain;
use crate::filter::{Args, View, reserved};
use crate::judge;
use crate::judge::Refused;
use crate::log::reader::Reset;
use crate::plugin::{Arg, Hook};
use crate::rejection::{Rejection, code};
use crate::row::Table;
use crate::storage::Reader;

use super::{Connection, open_args};

/// Runs the `open` hook and places the connection's cursor.
pub async fn start(connection: Arc<Connection>) {
    if connection.outbox.ending() != Ending::Open {
        // The `connect` hook has thought better of it.
        return;
    }
    if let Err(rejection) = open(&connection).await {
        refuse(&connection, &rejection);
        return;
    }
    match position(&connection) {
        Some(token) => match connection.endpoint.reader.resume(&token) {
            Ok(offset) => connection.outbox.set_lag(Some(offset + 1)),
            Err(why) => reset(&connection, why).await,
        },
        None => history(&connection).await,
    }
}

/// The position that the client has, if it has one. An event stream that comes back says
/// it in a header; its address still says where it began.
fn position(connection: &Connection) -> Option<String> {
    let client = &connection.client;
    let returned = connection.outbox.wire().has_ids();
    let mut headers = client.headers.iter().filter(|_| returned);
    let header = headers.find(|(name, _)| name == "last-event-id");
    let header = header.map(|(_, value)| value.clone());
    let asked = || reserved(&client.args.read(), "_after").map(str::to_owned);
    let token = header.filter(|token| !token.is_empty()).or_else(asked);
    token.filter(|token| !token.is_empty())
}

/// A hook does not let the connection begin: say why, and close it.
pub fn refuse(connection: &Connection, rejection: &Rejection) {
    connection.refuse(None, rejection);
    close(connection, rejection);
}

/// Closes a connection with the code that fits what it was told.
pub fn close(connection: &Connection, rejection: &Rejection) {
    let close = match &*rejection.code {
        code::BAD_FILTER | code::BAD_KEY => close_code::BAD_REQUEST.code,
        code::UNAUTHORIZED => close_code::UNAUTHORIZED.code,
        // Not the client's fault: it may come back.
        code::UNAVAILABLE | code::PLUGIN_FAILED | code::PLUGIN_TIMEOUT | code::CONFLICT => {
            close_code::UNAVAILABLE.code
        }
        _ => close_code::FORBIDDEN.code,
    };
    connection.outbox.close(close, &rejection.message);
}

/// The subscriber's position can't be continued: say so, then begin anew.
pub async fn reset(connection: &Connection, why: Reset) {
    metrics::counter!("hookcast_resets_total").increment(1);
    let head = connection.endpoint.log.ring.head();
    let position = connection.endpoint.log.position(head).to_string();
    connection.notify(Notice::Reset {
        reason: why.as_str(),
        position: &position,
    });
    history(connection).await;
}

async fn open(connection: &Arc<Connection>) -> Result<(), Rejection> {
    let asked = connection.client.args.read().clone();
    let hooks = |chain: Arc<Chain>| {
        let asked = &asked;
        async move { run_hooks(connection, &chain, asked).await }.boxed()
    };
    let key = judge::outside::commit(connection, hooks).await?;
    *connection.class.write() = Arc::new(key);
    Ok(())
}

/// What the connection subscribes to, and what the `open` hooks want done besides. Each
/// sees the args that those before it have set.
async fn run_hooks(
    connection: &Connection,
    chain: &Chain,
    asked: &Args,
) -> Result<(ClassKey, Effects), Refused> {
    let client = &connection.client;
    // What runs a second time begins as it did before.
    client.args.write().clone_from(asked);
    set_args(connection, asked)?;
    let mut effects = Effects::default();
    let call = client.call("", now_micros() as u64);
    for generation in chain.with(Hook::Open) {
        let args = client.args.read().clone();
        let args: Vec<_> = args
            .into_iter()
            .map(|(key, values)| Arg { key, values })
            .collect();
        let replaced = generation.open(&call, &args, &mut effects).await?;
        if let Some(args) = replaced {
            let args = args.into_iter().map(|arg| (arg.key, arg.values)).collect();
            *client.args.write() = args;
        }
    }
    Ok((subscription(connection)?, effects))
}

/// Puts in force what `open` of the config makes of the args that a client has asked for.
///
/// # Errors
/// `expression_failed`, where it makes nothing of them.
pub fn set_args(connection: &Connection, asked: &Args) -> Result<(), Rejection> {
    let call = connection.client.call("", now_micros() as u64);
    let endpoint = &connection.endpoint;
    let (open, table) = (&endpoint.settings().open, endpoint.table.as_deref());
    let args = open_args::applied(open, table, &call, asked)?;
    *connection.client.args.write() = args;
    Ok(())
}

/// What the args in force select.
fn subscription(connection: &Connection) -> Result<ClassKey, Rejection> {
    let View {
        filter, projection, ..
    } = view(connection)?;
    Ok(ClassKey {
        wire: connection.outbox.wire(),
        positions: reserved(&connection.client.args.read(), "_after").is_some(),
        filter,
        projection,
    })
}

/// What the args in force ask for, of history and of the live stream.
fn view(connection: &Connection) -> Result<View, Rejection> {
    let endpoint = &connection.endpoint;
    let view = View::parse(&connection.client.args.read(), endpoint.table.as_deref())?;
    if endpoint.history() == History::Log && !view.shaping.is_none() {
        let text = "`_sort`, `_limit`, `_offset` and `_by` shape rows, but the history of this \
                    endpoint is its log: leave them out";
        return Err(Rejection::new(code::BAD_FILTER, text));
    }
    Ok(view)
}

async fn history(connection: &Connection) {
    let endpoint = &connection.endpoint;
    let sent = match (&endpoint.reader.storage, &endpoint.table) {
        (Some(storage), Some(table)) if endpoint.history() == History::Table => {
            // It was valid when the subscription began.
            let view = match view(connection) {
                Ok(view) => view,
                Err(rejection) => return refuse(connection, &rejection),
            };
            rows(connection, storage, table, &view).await
        }
        (Some(storage), _) => {
            let count = endpoint.history_limits().rows;
            let oldest = storage.oldest(endpoint.log.id, count).await;
            oldest.map(|oldest| replay(connection, oldest.unwrap_or(endpoint.first_head + 1)))
        }
        (None, _) => {
            replay(connection, endpoint.log.ring.first());
            Ok(())
        }
    };
    if let Err(error) = sent {
        tracing::error!(endpoint = %endpoint.name, %error, "history can't be read");
        let rejection = Rejection::new(code::UNAVAILABLE, "history can't be read now; reconnect");
        connection.refuse(None, &rejection);
        connection
            .outbox
            .close(close_code::UNAVAILABLE.code, "history can't be read now");
    }
}

/// Lets the cursor send the log from an offset on, as it was broadcast.
fn replay(connection: &Connection, first: u64) {
    let end = end_of_history(connection, 0, first - 1);
    connection.outbox.push_caught_up(end, first);
}

/// Sends what the view shows of the stored rows; live begins right behind them.
async fn rows(
    connection: &Connection,
    storage: &Reader,
    table: &Table,
    view: &View,
) -> sqlx::Result<()> {
    let endpoint = &connection.endpoint;
    let history = storage
        .history(
            endpoint.log.id,
            endpoint.first_head,
            table,
            view,
            endpoint.history_limits(),
        )
        .await?;
    let wire = connection.outbox.wire();
    let (mut bytes, count) = (Vec::new(), history.rows.len());
    for row in history.rows {
        wire.text(endpoint.dialect.row(row).as_bytes(), &mut bytes);
    }
    if history.truncated {
        let notice = Notice::HistoryTruncated { rows: count };
        wire.text(endpoint.dialect.notice(notice).as_bytes(), &mut bytes);
    }
    bytes.extend(end_of_history(connection, count, history.head));
    connection.outbox.push_caught_up(bytes, history.head + 1);
    Ok(())
}

/// The text that ends history, for those who asked for positions.
fn end_of_history(connection: &Connection, rows: usize, head: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let class = connection.class.read();
    if class.positions || class.wire.has_ids() {
        let position = connection.endpoint.log.position(head).to_string();
        class.wire.id(&position, &mut bytes);
        if class.positions {
            let text = connection.endpoint.dialect.notice(Notice::HistoryEnd {
                rows,
                position: &position,
            });
            class.wire.text(text.as_bytes(), &mut bytes);
        } else {
            class.wire.no_text(&mut bytes);
        }
    }
    bytes
}
