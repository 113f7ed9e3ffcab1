//! Connections to a server of either kind, and statements on them.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use sea_query::Value;
use sea_query_sqlx::SqlxValues;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, MySql, Postgres, Transaction};

use super::Flavor;
use super::found::Found;

/// Reads that may run at once.
const READERS: u32 = 8;

/// How long a read waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a session with MySQL or MariaDB has to know: names in double quotes, and nothing
/// stored otherwise than it was given.
const MYSQL_MODE: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,\
                          PIPES_AS_CONCAT,ANSI_QUOTES,ERROR_FOR_DIVISION_BY_ZERO'";

/// Where a server is and who we are.
#[derive(Clone)]
pub enum Address {
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// Connections for reading.
#[derive(Clone)]
pub enum Pool {
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// A connection: one's own, or of a pool; there perhaps in a transaction, which is undone
/// if nobody commits it.
pub enum Session {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    PooledPostgres(PoolConnection<Postgres>),
    PooledMySql(PoolConnection<MySql>),
    PostgresTransaction(Transaction<'static, Postgres>),
    MySqlTransaction(Transaction<'static, MySql>),
}

impl Address {
    pub async fn connect(&self) -> sqlx::Result<Session> {
        let connected = async {
            Ok(match self {
                Self::Postgres(options) => Session::Postgres(options.connect().await?),
                Self::MySql(options) => {
                    let mut connection = options.connect().await?;
                    sqlx::raw_sql(MYSQL_MODE).execute(&mut connection).await?;
                    Session::MySql(connection)
                }
            })
        };
        let connected = tokio::time::timeout(PATIENCE, connected).await;
        connected.unwrap_or_else(|_| {
            let kind = std::io::ErrorKind::TimedOut;
            Err(std::io::Error::new(kind, "it does not answer").into())
        })
    }

    /// A pool, which connects when it is used.
    pub fn pool(&self) -> Pool {
        match self {
            Self::Postgres(options) => Pool::Postgres(
                PgPoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(PATIENCE)
                    .connect_lazy_with((**options).clone()),
            ),
            Self::MySql(options) => Pool::MySql(
                MySqlPoolOptions::new()
                    .max_connections(READERS)
                    .acquire_timeout(PATIENCE)
                    .after_connect(|connection, _| {
                        Box::pin(async move {
                            sqlx::raw_sql(MYSQL_MODE)
                                .execute(connection)
                                .await
                                .map(drop)
                        })
                    })
                    .connect_lazy_with((**options).clone()),
            ),
        }
    }
}

impl Pool {
    pub fn flavor(&self) -> Flavor {
        match self {
            Self::Postgres(_) => Flavor::Postgres,
            Self::MySql(_) => Flavor::MySql,
        }
    }

    pub async fn session(&self) -> sqlx::Result<Session> {
        Ok(match self {
            Self::Postgres(pool) => Session::PooledPostgres(pool.acquire().await?),
            Self::MySql(pool) => Session::PooledMySql(pool.acquire().await?),
        })
    }

    /// A transaction.
    pub async fn begin(&self) -> sqlx::Result<Session> {
        Ok(match self {
            Self::Postgres(pool) => Session::PostgresTransaction(pool.begin().await?),
            Self::MySql(pool) => Session::MySqlTransaction(pool.begin().await?),
        })
    }

    /// A transaction all of whose reads are of one moment.
    pub async fn snapshot(&self) -> sqlx::Result<Session> {
        Ok(match self {
            Self::Postgres(pool) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
                Session::PostgresTransaction(pool.begin_with(begin).await?)
            }
            Self::MySql(pool) => {
                let begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
                Session::MySqlTransaction(pool.begin_with(begin).await?)
            }
        })
    }

    pub async fn fetch(&self, sql: &str, values: Vec<Value>) -> sqlx::Result<Vec<Found>> {
        self.session().await?.fetch(sql, values).await
    }

    /// The first row.
    pub async fn first(&self, sql: &str, values: Vec<Value>) -> sqlx::Result<Option<Found>> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    pub async fn execute(&self, sql: &str, values: Vec<Value>) -> sqlx::Result<u64> {
        self.session().await?.execute(sql, values).await
    }

    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::MySql(pool) => pool.close().await,
        }
    }
}

/// Does the same with whichever connection there is; `$found` reads its rows.
macro_rules! on {
    ($session:expr, $connection:ident, $found:ident => $body:expr) => {
        match $session {
            Session::Postgres($connection) => {
                let $found = Found::of_postgres;
                $body
            }
            Session::PooledPostgres($connection) => {
                let ($connection, $found) = (&mut **$connection, Found::of_postgres);
                $body
            }
            Session::PostgresTransaction($connection) => {
                let ($connection, $found) = (&mut **$connection, Found::of_postgres);
                $body
            }
            Session::MySqlTransaction($connection) => {
                let ($connection, $found) = (&mut **$connection, Found::of_mysql);
                $body
            }
            Session::MySql($connection) => {
                let $found = Found::of_mysql;
                $body
            }
            Session::PooledMySql($connection) => {
                let ($connection, $found) = (&mut **$connection, Found::of_mysql);
                $body
            }
        }
    };
}

impl Session {
    pub fn flavor(&self) -> Flavor {
        match self {
            Self::Postgres(_) | Self::PooledPostgres(_) | Self::PostgresTransaction(_) => {
                Flavor::Postgres
            }
            Self::MySql(_) | Self::PooledMySql(_) | Self::MySqlTransaction(_) => Flavor::MySql,
        }
    }

    /// Runs a statement with a `?` for each value. Returns how many rows it has written or
    /// found to be written already.
    pub async fn execute(&mut self, sql: &str, values: Vec<Value>) -> sqlx::Result<u64> {
        let sql = self.flavor().marked(sql);
        let values = SqlxValues(sea_query::Values(values));
        on!(self, connection, _found => {
            let query = sqlx::query_with(AssertSqlSafe(sql), values);
            Ok(query.execute(connection).await?.rows_affected())
        })
    }

    /// What a statement with a `?` for each value finds.
    pub async fn fetch(&mut self, sql: &str, values: Vec<Value>) -> sqlx::Result<Vec<Found>> {
        let sql = self.flavor().marked(sql);
        let mut all = Vec::new();
        let values = SqlxValues(sea_query::Values(values));
        self.each(sql, values, |found| {
            all.push(found);
            true
        })
        .await?;
        Ok(all)
    }

    /// Hands over row after row until there are no more or `take` says false. The statement
    /// has the server's own marks.
    pub async fn each(
        &mut self,
        sql: String,
        values: SqlxValues,
        mut take: impl FnMut(Found) -> bool,
    ) -> sqlx::Result<()> {
        on!(self, connection, found => {
            let query = sqlx::query_with(AssertSqlSafe(sql), values);
            let mut rows = query.fetch(connection);
            while let Some(row) = rows.try_next().await? {
                if !take(found(&row)?) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Several statements in one round trip, which must hold no values from outside.
    /// Returns the rows of all.
    pub async fn raw(&mut self, sql: &str) -> sqlx::Result<Vec<Found>> {
        let sql = AssertSqlSafe(sql.to_owned());
        on!(self, connection, found => {
            let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
            rows.iter().map(found).collect()
        })
    }

    /// Commits the transaction that it is.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::PostgresTransaction(transaction) => transaction.commit().await,
            Self::MySqlTransaction(transaction) => transaction.commit().await,
            _ => Ok(()),
        }
    }

    /// Ends it, in good order if the server listens.
    pub async fn close(self) {
        let closed = match self {
            Self::Postgres(connection) => connection.close().await,
            Self::MySql(connection) => connection.close().await,
            // The pool's.
            _ => Ok(()),
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "a connection to the database ended by itself");
        }
    }
}
