//! What PostgreSQL and MySQL (and MariaDB) have different words for.
//!
//! Names are quoted with `"` everywhere: sessions with MySQL are told to (`session.rs`).

use sea_query::{MysqlQueryBuilder, PostgresQueryBuilder, SelectStatement};
use sea_query_sqlx::{SqlxBinder as _, SqlxValues};

use crate::filter::Database;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    Postgres,
    /// And MariaDB.
    MySql,
}

impl Flavor {
    /// The kind of a database that is none of SQLite.
    pub fn of(kind: Database) -> Self {
        match kind {
            Database::Postgres => Self::Postgres,
            Database::MySql | Database::Sqlite => Self::MySql,
        }
    }

    pub fn database(self) -> Database {
        match self {
            Self::Postgres => Database::Postgres,
            Self::MySql => Database::MySql,
        }
    }

    /// As people know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL or MariaDB",
        }
    }

    /// SQL with a `?` for each value, as the server takes it.
    pub fn marked(self, sql: &str) -> String {
        if self == Self::MySql {
            return sql.to_owned();
        }
        let mut marked = String::with_capacity(sql.len() + 16);
        let mut number = 0;
        for part in sql.split_inclusive('?') {
            match part.strip_suffix('?') {
                Some(text) => {
                    number += 1;
                    marked.push_str(text);
                    marked.push_str(&format!("${number}"));
                }
                None => marked.push_str(part),
            }
        }
        marked
    }

    /// The operator that takes NULL for equal to NULL.
    pub fn same(self) -> &'static str {
        match self {
            Self::Postgres => "IS NOT DISTINCT FROM",
            Self::MySql => "<=>",
        }
    }

    /// What stands behind an INSERT that replaces `columns` of a row with the same key.
    pub fn or_update(self, key: &str, columns: &[&str]) -> String {
        let terms = columns.iter().map(|column| match self {
            Self::Postgres => format!("{column} = excluded.{column}"),
            Self::MySql => format!("{column} = VALUES({column})"),
        });
        let terms = terms.collect::<Vec<_>>().join(", ");
        match self {
            Self::Postgres => format!(" ON CONFLICT ({key}) DO UPDATE SET {terms}"),
            Self::MySql => format!(" ON DUPLICATE KEY UPDATE {terms}"),
        }
    }

    /// What stands behind an INSERT that leaves a row with the same key alone.
    pub fn or_leave(self, key: &str) -> String {
        match self {
            Self::Postgres => format!(" ON CONFLICT ({key}) DO NOTHING"),
            Self::MySql => format!(" ON DUPLICATE KEY UPDATE {key} = {key}"),
        }
    }

    pub fn built(self, statement: &SelectStatement) -> (String, SqlxValues) {
        match self {
            Self::Postgres => statement.build_sqlx(PostgresQueryBuilder),
            Self::MySql => statement.build_sqlx(MysqlQueryBuilder),
        }
    }

    /// The same with its values written out.
    pub fn text(self, statement: &SelectStatement) -> String {
        match self {
            Self::Postgres => statement.to_string(PostgresQueryBuilder),
            Self::MySql => statement.to_string(MysqlQueryBuilder),
        }
    }
}

/// A name as a quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_numbered_for_postgresql() {
        let sql = "INSERT INTO t VALUES (?, ?), (?, now())";
        let marked = "INSERT INTO t VALUES ($1, $2), ($3, now())";
        assert_eq!(Flavor::Postgres.marked(sql), marked);
        assert_eq!(Flavor::MySql.marked(sql), sql);
    }
}
