//! SQL types: what a column of one holds, and in which form a database gives it back.
//!
//! A row is judged, logged and sent before anybody reads it from the table, so the server
//! must know what the database will make of each value. SQLite stores what it is given.
//! Servers store times, UUIDs and decimals in a form of their own; values are brought into
//! that form before they are judged, and what has none is refused.

use uuid::Uuid;

use super::{Cell, ColumnType};
use crate::date::start_of;

/// How a database holds a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the server has them.
    Plain,
    /// VARCHAR(n) and CHAR(n): text of so many letters at most. CHAR takes blanks at the
    /// end for none.
    Limited {
        letters: u32,
        padded: bool,
    },
    Uuid,
    /// JSON; as JSONB in the database's own order of keys.
    Json {
        binary: bool,
    },
    /// NUMERIC and DECIMAL: so many digits in all, so many of them behind the point. None:
    /// as many as a number of JSON has.
    Decimal(Option<(u32, u32)>),
    Date,
    /// With microseconds, in UTC.
    Timestamp {
        zone: bool,
    },
}

/// A SQL type of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    pub kind: ColumnType,
    pub form: Form,
}

impl Type {
    /// SQL type names that are understood, for error messages.
    pub const NAMES: &[&str] = &[
        "TEXT",
        "VARCHAR(n)",
        "CHAR(n)",
        "DATE",
        "DATETIME",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "INTEGER",
        "INT",
        "SMALLINT",
        "BIGINT",
        "REAL",
        "FLOAT",
        "DOUBLE",
        "NUMERIC(p, s)",
        "DECIMAL(p, s)",
        "BOOLEAN",
        "UUID",
        "JSON",
    ];

    /// Reads a SQL type name in any case; `forms`: for a database that has forms of its own.
    pub fn parse(name: &str, forms: bool) -> Option<Self> {
        let upper = name.trim().to_ascii_uppercase();
        let (base, numbers) = match upper.split_once('(') {
            None => (upper.as_str(), Vec::new()),
            Some((base, rest)) => {
                let numbers = rest.trim().strip_suffix(')')?.split(',');
                let numbers = numbers.map(|number| number.trim().parse::<u32>().ok());
                (base, numbers.collect::<Option<Vec<_>>>()?)
            }
        };
        let kind = match base.trim() {
            "TEXT" | "VARCHAR" | "CHAR" | "UUID" => ColumnType::Text,
            "JSON" | "JSONB" => ColumnType::Json,
            "DATE" => ColumnType::Date,
            "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => {
                ColumnType::Timestamp
            }
            "INTEGER" | "INT" | "SMALLINT" | "BIGINT" => ColumnType::Integer,
            "REAL" | "FLOAT" | "DOUBLE" | "DOUBLE PRECISION" | "NUMERIC" | "DECIMAL" => {
                ColumnType::Real
            }
            "BOOLEAN" | "BOOL" => ColumnType::Boolean,
            _ => return None,
        };
        let form = match (base.trim(), numbers.as_slice()) {
            ("UUID", _) => Form::Uuid,
            _ if !forms => Form::Plain,
            ("VARCHAR", [letters, ..]) => limited(*letters, false),
            ("CHAR", [letters, ..]) => limited(*letters, true),
            ("DATE", _) => Form::Date,
            ("JSON", _) => Form::Json { binary: false },
            ("JSONB", _) => Form::Json { binary: true },
            ("TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE", _) => Form::Timestamp { zone: true },
            ("DATETIME" | "TIMESTAMP", _) => Form::Timestamp { zone: false },
            ("NUMERIC" | "DECIMAL", [digits]) => Form::Decimal(Some((*digits, 0))),
            ("NUMERIC" | "DECIMAL", [digits, behind, ..]) => {
                Form::Decimal(Some((*digits, *behind)))
            }
            ("NUMERIC" | "DECIMAL", []) => Form::Decimal(None),
            _ => Form::Plain,
        };
        Some(Self { kind, form })
    }
}

fn limited(letters: u32, padded: bool) -> Form {
    Form::Limited { letters, padded }
}

impl Form {
    /// A value as the database will give it back; what it should have been if it can't be
    /// stored.
    pub fn stored(self, cell: Cell) -> Result<Cell, String> {
        match (self, cell) {
            (Self::Limited { letters, padded }, Cell::Text(mut text)) => {
                if padded {
                    text.truncate(text.trim_end_matches(' ').len());
                }
                if text.chars().count() > letters as usize {
                    return Err(format!("text of at most {letters} letters"));
                }
                Ok(Cell::Text(text))
            }
            (Self::Uuid, Cell::Text(text)) => match Uuid::try_parse(&text) {
                Ok(uuid) => Ok(Cell::Text(uuid.to_string())),
                Err(_) => Err("a UUID (f81d4fae-7dec-11d0-a765-00a0c91e6bf6)".into()),
            },
            (Self::Date, Cell::Text(text)) => match start_of(&text) {
                Some(full) if full.get(10..) == Some("T00:00:00.000000") => {
                    Ok(Cell::Text(full.get(..10).unwrap_or_default().to_owned()))
                }
                _ => Err("a date (2023-04-01)".into()),
            },
            (Self::Timestamp { .. }, Cell::Text(text)) => match start_of(&text) {
                // Beyond microseconds nothing is stored.
                Some(full) => Ok(Cell::Text(full.get(..26).unwrap_or(&full).to_owned())),
                None => Err("a time (2023-04-01T10:30:00)".into()),
            },
            (Self::Decimal(Some((digits, behind))), Cell::Real(n)) => {
                decimal(n, digits, behind).map(Cell::Real)
            }
            (_, cell) => Ok(cell),
        }
    }
}

/// A number that has this many digits, and no more.
fn decimal(n: f64, digits: u32, behind: u32) -> Result<f64, String> {
    // The shortest text that means this number.
    let text = n.abs().to_string();
    let (before, after) = text.split_once('.').unwrap_or((&text, ""));
    let fits = before.trim_start_matches('0').len() <= digits.saturating_sub(behind) as usize
        && after.len() <= behind as usize;
    if fits {
        return Ok(n);
    }
    Err(match behind {
        0 => format!("a whole number of at most {digits} digits"),
        behind => format!("a number of at most {digits} digits, {behind} of them decimals"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str, cell: Cell) -> Result<Cell, String> {
        let column = Type::parse(name, true).expect("a type");
        column.form.stored(cell)
    }

    #[test]
    fn values_are_brought_into_the_form_of_their_column() {
        let text = |text: &str| Cell::Text(text.into());
        for (name, given, expected) in [
            ("text", "a ", "a "),
            ("varchar(2)", "äö", "äö"),
            ("CHAR(2)", "a  ", "a"),
            ("date", "2023-04-01", "2023-04-01"),
            ("date", "2023-04-01T00:00Z", "2023-04-01"),
            (
                "TIMESTAMP",
                "2023-04-01 10:30",
                "2023-04-01T10:30:00.000000",
            ),
            (
                "timestamptz",
                "2023-04-01T10:30:00.1234567+02:00",
                "2023-04-01T08:30:00.123456",
            ),
            (
                "uuid",
                "F81D4FAE7DEC11D0A76500A0C91E6BF6",
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            ),
        ] {
            assert_eq!(stored(name, text(given)), Ok(text(expected)), "{name}");
        }
        for (name, given) in [
            ("varchar(2)", "abc"),
            ("date", "2023-04-01T10:30"),
            ("date", "tomorrow"),
            ("timestamp", "tomorrow"),
            ("uuid", "1"),
        ] {
            assert!(stored(name, text(given)).is_err(), "{name} {given}");
        }
    }

    #[test]
    fn decimals_have_the_digits_that_they_can_keep() {
        let fits = |name, n| stored(name, Cell::Real(n)).is_ok();
        assert!(fits("numeric(5, 2)", 123.45));
        assert!(fits("numeric(5, 2)", -0.1));
        assert!(fits("decimal(3)", 999.0));
        assert!(fits("NUMERIC", 1e-300));
        assert!(!fits("numeric(5,2)", 1234.0));
        assert!(!fits("numeric(5,2)", 0.125));
        assert!(!fits("decimal(3)", 0.5));
        assert!(Type::parse("numeric(x)", true).is_none());
    }

    #[test]
    fn sqlite_stores_what_it_is_given() {
        for name in ["varchar(2)", "date", "timestamp", "numeric(3, 1)"] {
            let column = Type::parse(name, false).expect("a type");
            assert_eq!(column.form, Form::Plain, "{name}");
        }
    }
}
