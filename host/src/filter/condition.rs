//! What is asked of one value, read from a query key's operator and values.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::date;
use crate::rejection::Rejection;
use crate::row::{Cell, ColumnType};

use super::compare::compare;
use super::key::CellKey;
use super::operator::Operator;
use super::problem::bad;

/// A condition on a value that is there. NULL passes [`Test::Null`] and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Null,
    NotNull,
    /// Equal to any of these, of which there is at least one; sorted.
    In(Vec<Cell>),
    NotIn(Vec<Cell>),
    Above(Cell),
    AtLeast(Cell),
    Below(Cell),
    AtMost(Cell),
    Contains(Texts),
    Lacks(Texts),
}

/// Any of these texts, of which there is at least one; sorted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Texts {
    /// In small letters where case is ignored.
    pub any_of: Vec<String>,
    /// `A` to `Z` equal `a` to `z`. Other letters have their case everywhere: databases
    /// do not agree about it.
    pub any_case: bool,
}

impl Test {
    /// Reads the values of a query key. Empty ones count only where there is no other:
    /// they then ask for NULL, or for anything but.
    ///
    /// # Errors
    /// `bad_filter` for a value that is none of the type, for an operator that needs a
    /// value and has none, and for a search in what is no text.
    pub fn read(
        key: &str,
        operator: Operator,
        values: &[String],
        kind: ColumnType,
    ) -> Result<Self, Rejection> {
        let given: Vec<_> = values.iter().filter(|value| !value.is_empty()).collect();
        if given.is_empty() {
            return match operator {
                Operator::Equal => Ok(Self::NotNull),
                Operator::NotEqual => Ok(Self::Null),
                _ => Err(bad(format!(
                    "`{key}=` has no value: give it one, or leave it out"
                ))),
            };
        }
        if kind == ColumnType::Json {
            return Err(bad(format!(
                "`{key}` holds JSON: it can only be asked whether it is there"
            )));
        }
        if operator.is_search() {
            return read_search(key, operator, &given, kind);
        }
        let cells = given.iter().map(|value| {
            read_value(value, kind).ok_or_else(|| {
                bad(format!(
                    "`{key}={value}`: what is compared is {}",
                    asks_for(kind)
                ))
            })
        });
        let mut cells = cells.collect::<Result<Vec<_>, _>>()?;
        // One order for one meaning: equal filters share a class.
        cells.sort_by(|a, b| compare(a, b, kind).unwrap_or(Ordering::Equal));
        cells.dedup();
        let (least, most) = (cells[0].clone(), cells[cells.len() - 1].clone());
        Ok(match operator {
            Operator::NotEqual => Self::NotIn(cells),
            Operator::Above => Self::Above(least),
            Operator::AtLeast => Self::AtLeast(least),
            Operator::Below => Self::Below(most),
            Operator::AtMost => Self::AtMost(most),
            _ => Self::In(cells),
        })
    }

    /// The cells that alone can pass, if the test is one of equality.
    pub fn only(&self) -> Option<&[Cell]> {
        match self {
            Self::In(cells) => Some(cells),
            _ => None,
        }
    }
}

fn read_search(
    key: &str,
    operator: Operator,
    given: &[&String],
    kind: ColumnType,
) -> Result<Test, Rejection> {
    if !kind.is_text() {
        let what = kind.describe();
        let message = format!("`{key}` looks for a part of a text, but finds {what}");
        return Err(bad(message));
    }
    let any_case = matches!(operator, Operator::ContainsAnyCase | Operator::LacksAnyCase);
    let mut any_of: Vec<_> = given.iter().map(|text| (*text).clone()).collect();
    if any_case {
        any_of
            .iter_mut()
            .for_each(|text| text.make_ascii_lowercase());
    }
    any_of.sort_unstable();
    any_of.dedup();
    let texts = Texts { any_of, any_case };
    Ok(match operator {
        Operator::Lacks | Operator::LacksAnyCase => Test::Lacks(texts),
        _ => Test::Contains(texts),
    })
}

/// A value as its column stores it; a time as it compares. None if it is none.
fn read_value(text: &str, kind: ColumnType) -> Option<Cell> {
    let number = text.trim();
    Some(match kind {
        ColumnType::Text | ColumnType::Json => Cell::Text(text.to_owned()),
        ColumnType::Date | ColumnType::Timestamp => Cell::Text(date::start_of(text)?),
        ColumnType::Integer => Cell::Integer(number.parse().ok()?),
        ColumnType::Real => Cell::Real(number.parse().ok().filter(|n: &f64| n.is_finite())?),
        ColumnType::Boolean => match number.to_ascii_lowercase().as_str() {
            "true" | "1" => Cell::Boolean(true),
            "false" | "0" => Cell::Boolean(false),
            _ => return None,
        },
    })
}

fn asks_for(kind: ColumnType) -> &'static str {
    if kind.is_time() {
        "a date, such as 2023, 2023-04, 2023-04-01 or 2023-04-01T10:30, or seconds since 1970"
    } else {
        kind.describe()
    }
}

// Tests are part of what delivery classes are found by. Values are never NaN, so that
// `==` is an equivalence.
impl Eq for Test {}

impl Hash for Test {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null | Self::NotNull => {}
            Self::In(cells) | Self::NotIn(cells) => {
                cells.iter().for_each(|cell| CellKey::of(cell).hash(state));
            }
            Self::Above(cell) | Self::AtLeast(cell) | Self::Below(cell) | Self::AtMost(cell) => {
                CellKey::of(cell).hash(state);
            }
            Self::Contains(texts) | Self::Lacks(texts) => texts.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::code;

    fn read(operator: Operator, values: &[&str], kind: ColumnType) -> Result<Test, Rejection> {
        let values: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        Test::read("c", operator, &values, kind)
    }

    #[test]
    fn several_values_have_one_meaning() {
        let values = ["3", "1", "", "3"];
        let integer = |operator| read(operator, &values, ColumnType::Integer).expect("valid");
        let (one, three) = (Cell::Integer(1), Cell::Integer(3));
        let both = vec![one.clone(), three.clone()];
        assert_eq!(integer(Operator::Equal), Test::In(both.clone()));
        assert_eq!(integer(Operator::NotEqual), Test::NotIn(both));
        assert_eq!(integer(Operator::Above), Test::Above(one.clone()));
        assert_eq!(integer(Operator::AtLeast), Test::AtLeast(one));
        assert_eq!(integer(Operator::Below), Test::Below(three.clone()));
        assert_eq!(integer(Operator::AtMost), Test::AtMost(three));
        let found = read(Operator::ContainsAnyCase, &["bÄ", "A"], ColumnType::Text);
        let any_of = vec!["a".to_owned(), "bÄ".to_owned()];
        let any_case = true;
        assert_eq!(found, Ok(Test::Contains(Texts { any_of, any_case })));
    }

    #[test]
    fn empty_values_ask_for_null_or_are_refused() {
        for values in [&[][..], &[""], &["", ""]] {
            let kind = ColumnType::Integer;
            assert_eq!(read(Operator::Equal, values, kind), Ok(Test::NotNull));
            assert_eq!(read(Operator::NotEqual, values, kind), Ok(Test::Null));
            for operator in [Operator::Above, Operator::Contains, Operator::AtMost] {
                let refused = read(operator, values, ColumnType::Text);
                assert_eq!(refused.expect_err("refused").code, code::BAD_FILTER);
            }
        }
    }

    #[test]
    fn values_have_the_type_of_their_column() {
        for (value, kind) in [
            ("abc", ColumnType::Integer),
            ("1.5", ColumnType::Integer),
            ("99999999999999999999", ColumnType::Integer),
            ("NaN", ColumnType::Real),
            ("inf", ColumnType::Real),
            ("maybe", ColumnType::Boolean),
            ("yesterday", ColumnType::Timestamp),
            ("1700000000000", ColumnType::Date),
        ] {
            let refused = read(Operator::Above, &[value], kind).expect_err("refused");
            assert!(refused.message.contains(value), "{refused}");
        }
        for kind in [ColumnType::Integer, ColumnType::Real, ColumnType::Boolean] {
            assert!(read(Operator::Contains, &["1"], kind).is_err(), "{kind:?}");
        }
    }
}
