//! The tables Hookcast keeps for itself, with their migrations.

use anyhow::{Context as _, Result, bail};

use super::Flavor;
use super::session::Session;

/// Forward migrations; entry N brings a database from version N to N + 1. Words in braces
/// are those of the server (`worded`). Versions are those of servers, not of SQLite.
const MIGRATIONS: &[&[&str]] = &[&[
    "CREATE TABLE hookcast_endpoints (
        id {number},
        name {key} NOT NULL UNIQUE,
        head BIGINT NOT NULL DEFAULT 0
    ){table}",
    "CREATE TABLE hookcast_writers (
        id BIGINT PRIMARY KEY,
        started BIGINT NOT NULL,
        commits BIGINT NOT NULL
    ){table}",
    "CREATE TABLE hookcast_incarnations (
        number {number},
        endpoint BIGINT NOT NULL,
        first_offset BIGINT NOT NULL,
        incarnation BIGINT NOT NULL,
        started BIGINT NOT NULL
    ){table}",
    "CREATE INDEX hookcast_incarnations_endpoint ON hookcast_incarnations (endpoint, number)",
    "CREATE TABLE hookcast_log (
        endpoint BIGINT NOT NULL,
        \"offset\" BIGINT NOT NULL,
        time BIGINT NOT NULL,
        method VARCHAR(10),
        audience {text} NOT NULL,
        origin VARCHAR(40),
        origin_user {text},
        exclude_origin BOOLEAN NOT NULL,
        \"row\" {text},
        old {text},
        sent {text} NOT NULL,
        judged_by {text} NOT NULL,
        PRIMARY KEY (endpoint, \"offset\")
    ){table}",
    "CREATE INDEX hookcast_log_time ON hookcast_log (endpoint, time)",
    "CREATE TABLE hookcast_message_ids (
        endpoint BIGINT NOT NULL,
        sender {bytes_1024} NOT NULL,
        id {bytes_1024} NOT NULL,
        body {bytes_1024} NOT NULL,
        position VARCHAR(60) NOT NULL,
        time BIGINT NOT NULL,
        changed BIGINT,
        PRIMARY KEY (endpoint, sender, id)
    ){table}",
    "CREATE INDEX hookcast_message_ids_time ON hookcast_message_ids (time)",
    "CREATE TABLE hookcast_kv (
        endpoint BIGINT NOT NULL,
        plugin {key} NOT NULL,
        bucket {bytes_256} NOT NULL,
        name {bytes_1024} NOT NULL,
        value {bytes} NOT NULL,
        version BIGINT NOT NULL,
        expires BIGINT,
        PRIMARY KEY (endpoint, plugin, bucket, name)
    ){table}",
    "CREATE INDEX hookcast_kv_expires ON hookcast_kv (expires)",
    "CREATE TABLE hookcast_kv_spaces (
        endpoint BIGINT NOT NULL,
        plugin {key} NOT NULL,
        bytes BIGINT NOT NULL,
        version BIGINT NOT NULL,
        PRIMARY KEY (endpoint, plugin)
    ){table}",
    "CREATE TABLE hookcast_outbox (
        number {number},
        id VARCHAR(40) NOT NULL UNIQUE,
        endpoint BIGINT NOT NULL,
        alert {key} NOT NULL,
        channel VARCHAR(10) NOT NULL,
        service {key} NOT NULL,
        data {text} NOT NULL,
        created BIGINT NOT NULL,
        due BIGINT NOT NULL,
        leased BIGINT NOT NULL DEFAULT 0,
        attempts BIGINT NOT NULL DEFAULT 0,
        dead BOOLEAN NOT NULL DEFAULT FALSE,
        error {text},
        recipient {key},
        digest VARCHAR(40)
    ){table}",
    "CREATE INDEX hookcast_outbox_due ON hookcast_outbox (dead, service, due)",
    "CREATE INDEX hookcast_outbox_recipient ON hookcast_outbox (recipient)",
    "CREATE TABLE hookcast_digests (
        endpoint BIGINT NOT NULL,
        alert {key} NOT NULL,
        recipient {key} NOT NULL,
        sent BIGINT NOT NULL,
        PRIMARY KEY (endpoint, alert, recipient)
    ){table}",
]];

/// A table of one row.
const VERSION: &str = "CREATE TABLE IF NOT EXISTS hookcast_schema (version BIGINT NOT NULL)";

/// Brings Hookcast's own tables up to date. The lock must be held.
///
/// # Errors
/// A database written by a newer Hookcast is refused, unchanged; a user who may not create
/// tables.
pub async fn migrate(session: &mut Session) -> Result<()> {
    let created = session.raw(VERSION).await;
    created.context("tables can't be created; the user of the url needs the right to")?;
    let found = session.raw("SELECT version FROM hookcast_schema").await?;
    let found = found.into_iter().next().map(|mut found| found.integer());
    let version = match found.transpose()? {
        Some(version) => version,
        None => {
            let begun = "INSERT INTO hookcast_schema (version) VALUES (0)";
            session.raw(begun).await?;
            0
        }
    };
    let known = MIGRATIONS.len() as i64;
    if version > known {
        bail!(
            "this database has schema version {version}, and this hookcast knows only up to \
             {known}: it was written by a newer one; start that one, or restore a backup"
        );
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(version.max(0) as usize) {
        let next = number + 1;
        let migrated = run(session, migration, next).await;
        migrated.with_context(|| format!("schema migration to version {next} failed"))?;
    }
    Ok(())
}

/// In one transaction with PostgreSQL. MySQL commits after each statement that changes a
/// table: what an attempt that failed has left there is removed first.
async fn run(session: &mut Session, migration: &[&str], next: usize) -> sqlx::Result<()> {
    let flavor = session.flavor();
    session.raw("BEGIN").await?;
    for statement in migration {
        let table = statement.strip_prefix("CREATE TABLE ");
        if let (Flavor::MySql, Some(table)) = (flavor, table.and_then(|t| t.split(' ').next())) {
            session
                .raw(&format!("DROP TABLE IF EXISTS {table}"))
                .await?;
        }
        session.raw(&worded(statement, flavor)).await?;
    }
    let done = format!("UPDATE hookcast_schema SET version = {next}; COMMIT");
    session.raw(&done).await.map(drop)
}

/// A statement in the words of a server.
fn worded(statement: &str, flavor: Flavor) -> String {
    let words = match flavor {
        Flavor::Postgres => [
            (
                "{number}",
                "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            ),
            ("{key}", "TEXT"),
            ("{text}", "TEXT"),
            ("{bytes}", "BYTEA"),
            ("{bytes_256}", "BYTEA"),
            ("{bytes_1024}", "BYTEA"),
            ("{table}", ""),
        ],
        Flavor::MySql => [
            ("{number}", "BIGINT AUTO_INCREMENT PRIMARY KEY"),
            ("{key}", "VARCHAR(320)"),
            ("{text}", "LONGTEXT"),
            ("{bytes}", "LONGBLOB"),
            ("{bytes_256}", "VARBINARY(256)"),
            ("{bytes_1024}", "VARBINARY(1024)"),
            (
                "{table}",
                " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            ),
        ],
    };
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    words.iter().fold(statement.to_owned(), replace)
}
