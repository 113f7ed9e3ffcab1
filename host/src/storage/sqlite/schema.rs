//! The tables Hookcast keeps for itself, with their migrations, and the users' tables.

use anyhow::{Context as _, Result, bail};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::log::Incarnation;
use crate::log::position::Incarnations;
use crate::row::{Cell, Table};

use super::sql::{declared_type, quoted};

/// Forward migrations; entry N brings a database from version N to N + 1.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE hookcast_endpoints (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    );
    CREATE TABLE hookcast_incarnations (
        endpoint INTEGER NOT NULL,
        first_offset INTEGER NOT NULL,
        incarnation INTEGER NOT NULL,
        started INTEGER NOT NULL,
        PRIMARY KEY (endpoint, started, incarnation)
    );
    CREATE TABLE hookcast_log (
        endpoint INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        time INTEGER NOT NULL,
        method TEXT,
        audience TEXT NOT NULL,
        origin TEXT,
        origin_user TEXT,
        exclude_origin INTEGER NOT NULL,
        row TEXT,
        old TEXT,
        sent TEXT NOT NULL,
        judged_by TEXT NOT NULL,
        PRIMARY KEY (endpoint, offset)
    ) WITHOUT ROWID;
    CREATE TABLE hookcast_message_ids (
        endpoint INTEGER NOT NULL,
        sender TEXT NOT NULL,
        id TEXT NOT NULL,
        body BLOB NOT NULL,
        position TEXT NOT NULL,
        time INTEGER NOT NULL,
        PRIMARY KEY (endpoint, sender, id)
    ) WITHOUT ROWID;
    CREATE INDEX hookcast_message_ids_time ON hookcast_message_ids (time);
",
    "
    CREATE TABLE hookcast_kv (
        endpoint INTEGER NOT NULL,
        plugin TEXT NOT NULL,
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER,
        PRIMARY KEY (endpoint, plugin, bucket, key)
    ) WITHOUT ROWID;
    CREATE INDEX hookcast_kv_expires ON hookcast_kv (expires) WHERE expires IS NOT NULL;
    CREATE TABLE hookcast_kv_spaces (
        endpoint INTEGER NOT NULL,
        plugin TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (endpoint, plugin)
    ) WITHOUT ROWID;
    CREATE TRIGGER hookcast_kv_insert AFTER INSERT ON hookcast_kv BEGIN
        UPDATE hookcast_kv_spaces SET bytes = bytes
            + octet_length(new.bucket) + octet_length(new.key) + octet_length(new.value)
        WHERE endpoint = new.endpoint AND plugin = new.plugin;
    END;
    CREATE TRIGGER hookcast_kv_update AFTER UPDATE OF value ON hookcast_kv BEGIN
        UPDATE hookcast_kv_spaces SET bytes = bytes
            + octet_length(new.value) - octet_length(old.value)
        WHERE endpoint = new.endpoint AND plugin = new.plugin;
    END;
    CREATE TRIGGER hookcast_kv_delete AFTER DELETE ON hookcast_kv BEGIN
        UPDATE hookcast_kv_spaces SET bytes = bytes
            - octet_length(old.bucket) - octet_length(old.key) - octet_length(old.value)
        WHERE endpoint = old.endpoint AND plugin = old.plugin;
    END;
",
    // How many rows the message changed, for PUT and DELETE.
    "
    ALTER TABLE hookcast_message_ids ADD COLUMN rows INTEGER;
",
    "
    CREATE TABLE hookcast_outbox (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        endpoint INTEGER NOT NULL,
        alert TEXT NOT NULL,
        channel TEXT NOT NULL,
        service TEXT NOT NULL,
        data TEXT NOT NULL,
        created INTEGER NOT NULL,
        due INTEGER NOT NULL,
        leased INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        recipient TEXT,
        digest TEXT
    );
    CREATE INDEX hookcast_outbox_due ON hookcast_outbox (service, due) WHERE dead = 0;
    CREATE INDEX hookcast_outbox_recipient ON hookcast_outbox (recipient)
        WHERE recipient IS NOT NULL;
    CREATE TABLE hookcast_digests (
        endpoint INTEGER NOT NULL,
        alert TEXT NOT NULL,
        recipient TEXT NOT NULL,
        sent INTEGER NOT NULL,
        PRIMARY KEY (endpoint, alert, recipient)
    ) WITHOUT ROWID;
",
];

/// Brings Hookcast's own tables up to date.
///
/// # Errors
/// A database written by a newer Hookcast is refused, unchanged.
pub async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    let version: i64 = sqlx::query("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let known = MIGRATIONS.len() as i64;
    if version > known {
        bail!(
            "this database has schema version {version}, and this hookcast knows only up to \
             {known}: it was written by a newer one; start that one, or restore a backup"
        );
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(version.max(0) as usize) {
        let next = number + 1;
        let script = format!("BEGIN;{migration};PRAGMA user_version = {next};COMMIT;");
        sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&mut *connection)
            .await
            .with_context(|| format!("schema migration to version {next} failed"))?;
    }
    Ok(())
}

/// Creates an endpoint's table, or adds the columns it lacks. Nothing is ever changed or
/// removed.
///
/// # Errors
/// A column that can't be added (NOT NULL without a default), and a table with triggers,
/// which could store something else than what was judged.
pub async fn prepare_table(connection: &mut SqliteConnection, table: &Table) -> Result<()> {
    let existing = sqlx::query("SELECT name FROM pragma_table_info(?)")
        .bind(&table.name)
        .fetch_all(&mut *connection)
        .await?;
    let existing: Vec<String> = existing
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    if existing.is_empty() {
        let columns: Vec<_> = table.columns.iter().map(definition).collect();
        let create = format!(
            "CREATE TABLE {} ({})",
            quoted(&table.name),
            columns.join(", ")
        );
        sqlx::query(AssertSqlSafe(create))
            .execute(&mut *connection)
            .await?;
        return Ok(());
    }
    for column in &table.columns {
        if existing
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&column.name))
        {
            continue;
        }
        if !column.nullable && column.default == Cell::Null {
            bail!(
                "column `{}` can't be added to the existing table `{}`: it is NOT NULL and has \
                 no default; give it one, or allow NULL",
                column.name,
                table.name
            );
        }
        let table = quoted(&table.name);
        let alter = format!("ALTER TABLE {table} ADD COLUMN {}", definition(column));
        sqlx::query(AssertSqlSafe(alter))
            .execute(&mut *connection)
            .await?;
    }
    let triggers: i64 =
        sqlx::query("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
            .bind(&table.name)
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
    if triggers > 0 {
        bail!(
            "table `{}` has triggers: what they store would differ from what plugins and \
             subscribers were shown; drop them, or use another table",
            table.name
        );
    }
    Ok(())
}

fn definition(column: &crate::row::Column) -> String {
    let mut text = format!("{} {}", quoted(&column.name), declared_type(column.kind));
    if column.name == "id" {
        text.push_str(" PRIMARY KEY");
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    match &column.default {
        Cell::Null => {}
        Cell::Integer(n) => text.push_str(&format!(" DEFAULT {n}")),
        Cell::Real(n) => text.push_str(&format!(" DEFAULT {n:?}")),
        Cell::Text(value) => text.push_str(&format!(" DEFAULT '{}'", value.replace('\'', "''"))),
        Cell::Boolean(b) => text.push_str(&format!(" DEFAULT {}", i64::from(*b))),
    }
    text
}

/// An endpoint's log as found at start.
pub struct OpenedLog {
    pub id: i64,
    pub head: u64,
    pub incarnation: Incarnation,
    pub incarnations: Incarnations,
}

/// Finds or makes the log of an endpoint and opens a new incarnation in it.
pub async fn open_log(
    connection: &mut SqliteConnection,
    name: &str,
    now: i64,
) -> Result<OpenedLog> {
    sqlx::query("INSERT INTO hookcast_endpoints (name) VALUES (?) ON CONFLICT DO NOTHING")
        .bind(name)
        .execute(&mut *connection)
        .await?;
    let id: i64 = sqlx::query("SELECT id FROM hookcast_endpoints WHERE name = ?")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let newest: Option<i64> =
        sqlx::query("SELECT max(offset) FROM hookcast_log WHERE endpoint = ?")
            .bind(id)
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
    let head = newest.unwrap_or(0) as u64;
    let incarnation = Incarnation::random();
    sqlx::query(
        "INSERT INTO hookcast_incarnations (endpoint, first_offset, incarnation, started) \
         VALUES (?, ?, ?, ?)",
    )
    .bind(id)
    .bind(head as i64 + 1)
    .bind(incarnation.0 as i64)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    // `rowid` is the order of insertion even where the clock went backwards.
    let rows = sqlx::query(
        "SELECT incarnation, first_offset FROM hookcast_incarnations WHERE endpoint = ? ORDER BY rowid",
    )
    .bind(id)
    .fetch_all(&mut *connection)
    .await?;
    let incarnations = rows
        .iter()
        .map(|row| {
            let incarnation: i64 = row.try_get(0)?;
            let first: i64 = row.try_get(1)?;
            Ok((Incarnation(incarnation as u64), first as u64))
        })
        .collect::<sqlx::Result<Vec<_>>>()?;
    Ok(OpenedLog {
        id,
        head,
        incarnation,
        incarnations: Incarnations(incarnations),
    })
}
