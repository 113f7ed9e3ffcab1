//! From a URL to a connection, and what keeps one from the other.

use std::str::FromStr as _;

use anyhow::{Result, anyhow};
use sqlx::ConnectOptions as _;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::Flavor;
use super::session::Address;
use crate::config::ServerUrl;

impl Address {
    /// # Errors
    /// An option of the URL has a value that means nothing.
    pub fn of(url: &ServerUrl) -> Result<Self> {
        let unread = |error| anyhow!("{url}: {error}");
        Ok(match Flavor::of(url.kind) {
            Flavor::Postgres => {
                let options = PgConnectOptions::from_str(url.reveal()).map_err(unread)?;
                let options = options.application_name("hookcast");
                Self::Postgres(Box::new(options.disable_statement_logging()))
            }
            Flavor::MySql => {
                let options = MySqlConnectOptions::from_str(url.reveal()).map_err(unread)?;
                Self::MySql(Box::new(options.disable_statement_logging()))
            }
        })
    }
}

/// Why there is no connection, and what to do.
pub fn refused(url: &ServerUrl, error: &sqlx::Error) -> anyhow::Error {
    let (user, database) = (url.user(), url.database());
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.unwrap_or_default();
    let why = match (&*code, error) {
        // PostgreSQL; MySQL (1045, 1698).
        ("28P01" | "28000", _) => format!(
            "the server does not let the user `{user}` in ({error}): check the user and the \
             password in the url, and what the server allows from here"
        ),
        ("3D000", _) => format!(
            "the server has no database `{database}`: run CREATE DATABASE {database}, or name \
             another"
        ),
        ("42000", sqlx::Error::Database(inner)) => format!(
            "{}: run CREATE DATABASE {database}, and give the user `{user}` all rights on it",
            inner.message()
        ),
        (_, sqlx::Error::Database(inner)) => format!("the server refuses: {}", inner.message()),
        (_, sqlx::Error::Tls(inner)) => format!(
            "no encrypted connection: {inner}; see `sslmode` (PostgreSQL) or `ssl-mode` (MySQL) \
             in docs/storage.md"
        ),
        _ => format!(
            "the server can't be reached ({error}): check host and port, and that {} runs there",
            Flavor::of(url.kind).name()
        ),
    };
    anyhow!("{url}: {why}")
}
