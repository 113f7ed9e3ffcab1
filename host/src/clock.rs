//! The wall clock, and how points in time are written.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;

/// Microseconds since 1970-01-01 UTC.
pub fn now_micros() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_micros() as i64
}

/// UTC in ISO 8601 with microseconds and no zone suffix, as Gramex writes it. Takes
/// microseconds since 1970-01-01 UTC.
pub fn iso_text(micros: i64) -> String {
    let nanos = i128::from(micros) * 1_000;
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    time.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_microseconds_and_no_zone() {
        assert_eq!(
            iso_text(1_792_479_383_625_405),
            "2026-10-20T06:56:23.625405"
        );
        assert_eq!(iso_text(0), "1970-01-01T00:00:00.000000");
    }
}
