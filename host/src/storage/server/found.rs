//! What a query has found, in the few types that statements here ask for.

use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::row::{Cell, ColumnType};

/// One value.
#[derive(Debug, Clone, PartialEq)]
enum Datum {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
    Boolean(bool),
}

/// One row, read from its front.
#[derive(Debug, Default)]
pub struct Found {
    values: std::vec::IntoIter<Datum>,
}

impl Found {
    pub fn of_postgres(row: &PgRow) -> sqlx::Result<Self> {
        let values = (0..row.len()).map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(Datum::Null);
            }
            Ok(match raw.type_info().name() {
                "INT8" => Datum::Integer(row.try_get(at)?),
                "INT4" => Datum::Integer(row.try_get::<i32, _>(at)?.into()),
                "INT2" => Datum::Integer(row.try_get::<i16, _>(at)?.into()),
                "FLOAT8" => Datum::Real(row.try_get(at)?),
                "FLOAT4" => Datum::Real(row.try_get::<f32, _>(at)?.into()),
                "BOOL" => Datum::Boolean(row.try_get(at)?),
                "BYTEA" => Datum::Bytes(row.try_get(at)?),
                _ => Datum::Text(row.try_get_unchecked(at)?),
            })
        });
        Self::new(values)
    }

    pub fn of_mysql(row: &MySqlRow) -> sqlx::Result<Self> {
        let values = (0..row.len()).map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(Datum::Null);
            }
            let column = row.column(at).type_info().name().to_owned();
            Ok(match column.as_str() {
                "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                    Datum::Integer(row.try_get_unchecked(at)?)
                }
                unsigned if unsigned.ends_with("UNSIGNED") => {
                    let number: u64 = row.try_get_unchecked(at)?;
                    Datum::Integer(i64::try_from(number).unwrap_or(i64::MAX))
                }
                "FLOAT" | "DOUBLE" => Datum::Real(row.try_get_unchecked(at)?),
                "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => {
                    Datum::Bytes(row.try_get_unchecked(at)?)
                }
                _ => Datum::Text(row.try_get_unchecked(at)?),
            })
        });
        Self::new(values)
    }

    fn new(values: impl Iterator<Item = sqlx::Result<Datum>>) -> sqlx::Result<Self> {
        let values: Vec<_> = values.collect::<sqlx::Result<_>>()?;
        Ok(Self {
            values: values.into_iter(),
        })
    }

    fn next(&mut self) -> Datum {
        self.values.next().unwrap_or(Datum::Null)
    }

    /// A whole number, or none.
    pub fn number(&mut self) -> sqlx::Result<Option<i64>> {
        match self.next() {
            Datum::Null => Ok(None),
            Datum::Integer(number) => Ok(Some(number)),
            Datum::Boolean(flag) => Ok(Some(flag.into())),
            // Sums of whole numbers.
            Datum::Text(text) => {
                let number = text.trim().parse().map(Some);
                number.map_err(|_| odd("a number", &text))
            }
            other => Err(odd("a number", &other)),
        }
    }

    pub fn integer(&mut self) -> sqlx::Result<i64> {
        self.number()?.ok_or_else(|| odd("a number", &Datum::Null))
    }

    pub fn flag(&mut self) -> sqlx::Result<bool> {
        self.integer().map(|number| number != 0)
    }

    /// Text, or none.
    pub fn words(&mut self) -> sqlx::Result<Option<String>> {
        match self.next() {
            Datum::Null => Ok(None),
            Datum::Text(text) => Ok(Some(text)),
            Datum::Bytes(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            other => Err(odd("text", &other)),
        }
    }

    pub fn text(&mut self) -> sqlx::Result<String> {
        self.words()?.ok_or_else(|| odd("text", &Datum::Null))
    }

    pub fn bytes(&mut self) -> sqlx::Result<Vec<u8>> {
        match self.next() {
            Datum::Bytes(bytes) => Ok(bytes),
            Datum::Text(text) => Ok(text.into_bytes()),
            other => Err(odd("bytes", &other)),
        }
    }

    /// What a column of this type holds.
    pub fn cell(&mut self, kind: ColumnType) -> Cell {
        match (self.next(), kind) {
            (Datum::Null, _) => Cell::Null,
            (Datum::Boolean(flag), _) => Cell::Boolean(flag),
            (Datum::Integer(n), ColumnType::Boolean) => Cell::Boolean(n != 0),
            (Datum::Integer(n), ColumnType::Real) => Cell::Real(n as f64),
            (Datum::Integer(n), _) => Cell::Integer(n),
            (Datum::Real(n), _) => Cell::Real(n),
            (Datum::Text(text), ColumnType::Real) => {
                text.parse().map_or(Cell::Text(text), Cell::Real)
            }
            (Datum::Text(text), _) => Cell::Text(text),
            (Datum::Bytes(bytes), _) => Cell::Text(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

fn odd(wanted: &str, found: &impl std::fmt::Debug) -> sqlx::Error {
    sqlx::Error::Decode(format!("{found:?} is not {wanted}").into())
}
