//! INSERTs of many rows in few statements.
//!
//! A statement is prepared once for each number of rows that it has. So that there are few
//! such numbers, rows are written in lots of 256, 128, 64 and so on.

use sea_query::Value;

use super::session::Session;

/// The largest lot.
const MOST: usize = 256;

/// Bytes of one statement, about: servers have a limit, and it is 16 MiB or more.
const MOST_BYTES: usize = 4 << 20;

/// Inserts rows: `head` up to VALUES, `row` what stands for one, `tail` what follows.
pub async fn insert(
    session: &mut Session,
    head: &str,
    row: &str,
    tail: &str,
    rows: Vec<Vec<Value>>,
) -> sqlx::Result<()> {
    let mut rows = rows.into_iter().peekable();
    let mut lot: Vec<Vec<Value>> = Vec::new();
    while rows.peek().is_some() {
        let mut bytes = 0;
        while lot.len() < MOST
            && bytes < MOST_BYTES
            && let Some(row) = rows.next()
        {
            bytes += weight(&row);
            lot.push(row);
        }
        while !lot.is_empty() {
            let count = largest_power(lot.len());
            let values = lot.drain(..count).flatten().collect();
            let sql = format!("{head}{}{tail}", vec![row; count].join(", "));
            session.execute(&sql, values).await?;
        }
    }
    Ok(())
}

/// The largest power of two that is no larger.
pub fn largest_power(count: usize) -> usize {
    if count == 0 { 0 } else { 1 << count.ilog2() }
}

fn weight(row: &[Value]) -> usize {
    let bytes = row.iter().map(|value| match value {
        Value::String(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        _ => size_of::<i64>(),
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::largest_power;

    #[test]
    fn lots_are_powers_of_two() {
        let mut left = 300_usize.min(super::MOST) + 44;
        let mut lots = Vec::new();
        while left > 0 {
            lots.push(largest_power(left));
            left -= largest_power(left);
        }
        assert_eq!(lots, [256, 32, 8, 4]);
        assert_eq!(largest_power(0), 0);
    }
}
