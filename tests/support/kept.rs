//! Where a server under test keeps its messages: what a test that is to hold for each kind of
//! database is told.

use serde_json::Value;
use sqlx::{AssertSqlSafe, MySqlPool, PgPool, Row as _};

use super::database::{self, Entry};
use super::databases::{self, Running};
use super::{Setup, TestServer};

pub enum Kept {
    Sqlite,
    Postgres(Running, PgPool),
    MariaDb(Running, MySqlPool),
}

/// For each kind of database a test of its own, which calls a function of the module above
/// with a [`Kept`].
#[macro_export]
macro_rules! on_each_database {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::support::kept::Kept::Sqlite).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                if let Some(kept) = $crate::support::kept::Kept::postgres(name).await {
                    super::$test(kept).await;
                }
            })*
        }
        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let name = concat!(module_path!(), "::", stringify!($test));
                if let Some(kept) = $crate::support::kept::Kept::mariadb(name).await {
                    super::$test(kept).await;
                }
            })*
        }
    };
}

impl Kept {
    pub async fn postgres(test: &str) -> Option<Self> {
        let (running, pool) = databases::postgres(test).await?;
        Some(Self::Postgres(running, pool))
    }

    pub async fn mariadb(test: &str) -> Option<Self> {
        let (running, pool) = databases::mariadb(test).await?;
        Some(Self::MariaDb(running, pool))
    }

    /// The setup of a server that keeps its messages here.
    pub fn of(&self, setup: Setup) -> Setup {
        match self.running() {
            None => setup,
            Some(running) => setup.storage(&running.url),
        }
    }

    fn running(&self) -> Option<&Running> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(running, _) | Self::MariaDb(running, _) => Some(running),
        }
    }

    /// The database server; none with SQLite.
    pub fn server(&mut self) -> Option<&mut Running> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(running, _) | Self::MariaDb(running, _) => Some(running),
        }
    }

    /// Runs statements from outside.
    pub async fn execute(&self, server: &TestServer, sql: &str) {
        let text = AssertSqlSafe(sql.to_owned());
        let done = match self {
            Self::Sqlite => {
                server.database().execute_batch(sql).expect(sql);
                return;
            }
            Self::Postgres(_, pool) => sqlx::raw_sql(text).execute(pool).await.map(drop),
            Self::MariaDb(_, pool) => sqlx::raw_sql(text).execute(pool).await.map(drop),
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// One whole number.
    pub async fn number(&self, server: &TestServer, sql: &str) -> i64 {
        let text = AssertSqlSafe(sql.to_owned());
        let found = match self {
            Self::Sqlite => return database::value(&server.database(), sql),
            Self::Postgres(_, pool) => sqlx::query_scalar(text).fetch_one(pool).await,
            Self::MariaDb(_, pool) => sqlx::query_scalar(text).fetch_one(pool).await,
        };
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// An endpoint's log, oldest first.
    pub async fn log(&self, server: &TestServer, endpoint: &str) -> Vec<Entry> {
        let sql = |quote: char| {
            AssertSqlSafe(format!(
                "SELECT {quote}offset{quote}, sent FROM hookcast_log JOIN hookcast_endpoints \
                 ON hookcast_endpoints.id = hookcast_log.endpoint WHERE name = '{endpoint}' \
                 ORDER BY 1"
            ))
        };
        let entry = |offset: i64, sent: String| Entry {
            offset: offset as u64,
            sent: serde_json::from_str::<Value>(&sent).expect("JSON"),
        };
        match self {
            Self::Sqlite => database::log(&server.database(), endpoint),
            Self::Postgres(_, pool) => {
                let rows = sqlx::query(sql('"')).fetch_all(pool).await;
                let rows = rows.expect("the log");
                rows.iter()
                    .map(|row| entry(row.get(0), row.get(1)))
                    .collect()
            }
            Self::MariaDb(_, pool) => {
                let rows = sqlx::query(sql('`')).fetch_all(pool).await;
                let rows = rows.expect("the log");
                rows.iter()
                    .map(|row| entry(row.get(0), row.get(1)))
                    .collect()
            }
        }
    }
}
