//! What an error of a server means for those who write.

use sqlx::mysql::MySqlDatabaseError;

use super::Flavor;

/// An error by what to do about it.
#[derive(Debug)]
pub enum Trouble {
    /// The message can't be written: the database refuses what it holds.
    Constraint(String),
    /// Others were in the way (a deadlock, a lock): the same may succeed now.
    Again(String),
    /// The connection is gone, or of no use any more.
    Lost(String),
    /// Something else: nothing can be written now.
    Storage(String),
}

impl Trouble {
    pub fn of(flavor: Flavor, error: &sqlx::Error) -> Self {
        let text = error.to_string();
        match error {
            sqlx::Error::Database(error) => {
                let text = error.message().to_owned();
                let code = error.code().unwrap_or_default().into_owned();
                let mysql = error.try_downcast_ref::<MySqlDatabaseError>();
                match (flavor, mysql) {
                    (Flavor::MySql, Some(error)) => Self::of_mysql(error.number(), &code, text),
                    _ => Self::of_postgres(&code, text),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::PoolClosed
            | sqlx::Error::PoolTimedOut => Self::Lost(text),
            _ => Self::Storage(text),
        }
    }

    /// By class of SQLSTATE.
    fn of_postgres(code: &str, text: String) -> Self {
        match (code.get(..2).unwrap_or_default(), code) {
            // Data, integrity, limits such as an index's, and RAISE in a function.
            ("22" | "23" | "54" | "P0", _) => Self::Constraint(text),
            ("40", _) | (_, "55P03") => Self::Again(text),
            // Connections, shutdowns, and what has become a standby.
            ("08" | "57", _) | (_, "25006") => Self::Lost(text),
            _ => Self::Storage(text),
        }
    }

    fn of_mysql(number: u16, code: &str, text: String) -> Self {
        match number {
            1205 | 1213 => Self::Again(text),
            // Shutdowns, killed sessions, read-only servers.
            1053 | 1077 | 1079 | 1152 | 1153 | 1158..=1161 | 1184 | 1290 | 1317 | 1836 | 1927 => {
                Self::Lost(text)
            }
            // Values that do not fit their columns, and those that lack one.
            1264 | 1265 | 1292 | 1364 | 1366 | 1406 | 1644 | 3819 | 4025 => Self::Constraint(text),
            _ if code.starts_with("22") || code.starts_with("23") => Self::Constraint(text),
            _ if code.starts_with("08") => Self::Lost(text),
            _ => Self::Storage(text),
        }
    }
}
