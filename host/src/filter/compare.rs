//! How two cells compare: text byte by byte, times as `crate::date` writes them out, numbers
//! by value. SQL is made to do the same in `super::sql`.

use std::cmp::Ordering;

use crate::row::{Cell, ColumnType};

use crate::date;

/// A stored cell against another one or a filter's value, neither of them NULL. None if
/// they can't be compared: other programs may have stored what is none of the column's
/// type.
pub fn compare(cell: &Cell, value: &Cell, kind: ColumnType) -> Option<Ordering> {
    match (cell, value) {
        (Cell::Text(a), Cell::Text(b)) if kind.is_time() => {
            Some(date::written_out(a).cmp(&date::written_out(b)))
        }
        (Cell::Text(a), Cell::Text(b)) => Some(a.cmp(b)),
        (Cell::Text(_), _) | (_, Cell::Text(_)) | (Cell::Null, _) | (_, Cell::Null) => None,
        (Cell::Real(a), Cell::Real(b)) => a.partial_cmp(b),
        (Cell::Real(a), b) => compare_mixed(whole(b), *a).map(Ordering::reverse),
        (a, Cell::Real(b)) => compare_mixed(whole(a), *b),
        (a, b) => Some(whole(a).cmp(&whole(b))),
    }
}

/// Databases know booleans as 0 and 1.
fn whole(cell: &Cell) -> i64 {
    match cell {
        Cell::Integer(n) => *n,
        Cell::Boolean(b) => i64::from(*b),
        _ => 0,
    }
}

/// Exact even where a float no longer names one whole number.
fn compare_mixed(n: i64, x: f64) -> Option<Ordering> {
    // 2^63: one more than the largest i64, and the negative of the smallest.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if x.is_nan() {
        None
    } else if x >= BEYOND {
        Some(Ordering::Less)
    } else if x < -BEYOND {
        Some(Ordering::Greater)
    } else {
        let whole = n.cmp(&(x.trunc() as i64));
        whole
            .then_with(|| 0.0_f64.total_cmp(&(x.fract() + 0.0)))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_by_value_across_types() {
        let big = 9_007_199_254_740_993;
        for (n, x, expected) in [
            (1, 1.0, Ordering::Equal),
            (1, 1.5, Ordering::Less),
            (-1, -1.5, Ordering::Greater),
            (0, -0.0, Ordering::Equal),
            (0, -0.5, Ordering::Greater),
            (big, 9_007_199_254_740_992.0, Ordering::Greater),
            (i64::MAX, 9_223_372_036_854_775_808.0, Ordering::Less),
            (i64::MIN, -9_223_372_036_854_775_808.0, Ordering::Equal),
            (i64::MIN, -1e300, Ordering::Greater),
        ] {
            let (n, x) = (Cell::Integer(n), Cell::Real(x));
            let kind = ColumnType::Real;
            assert_eq!(compare(&n, &x, kind), Some(expected), "{n:?} {x:?}");
            assert_eq!(
                compare(&x, &n, kind),
                Some(expected.reverse()),
                "{x:?} {n:?}"
            );
        }
        assert_eq!(
            compare(&Cell::Integer(1), &Cell::Real(f64::NAN), ColumnType::Real),
            None
        );
    }
}
