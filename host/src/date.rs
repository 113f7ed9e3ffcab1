//! Dates and times as text: what a filter's `2023-04` means, and how stored ones compare.
//!
//! Stored text may be short (`2023-04-01`) or long, with a blank or a `T`, with a `Z` or
//! without. It compares as if it were written out in full, in UTC:
//! `2023-04-01T00:00:00.000000`. The rule is simple enough for every database to follow
//! it to the letter; `super::sql` does.

use time::{Date, Duration, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// What is missing of a text that ends early is taken from here. The year always is there.
pub const FULL: &str = "0000-01-01T00:00:00.000000";

/// Stored text as it compares. Text that is no time has a place in the order, too: the
/// same everywhere.
pub fn written_out(text: &str) -> String {
    let mut full = text.replace(' ', "T").replace('Z', "");
    if let Some(rest) = FULL.get(full.len()..) {
        full.push_str(rest);
    }
    full
}

/// The start of the period that a filter names, written out: `2023`, `2023-04`,
/// `2023-04-01`, then `T` or a blank and `10`, `10:30`, `10:30:15` or `10:30:15.25`, then
/// nothing, `Z`, or an offset such as `+02:00`. Or seconds since 1970, as pages compute
/// them: `1700000000.25`. None for all else.
pub fn start_of(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(moment) = read_seconds(text) {
        return Some(in_full(moment));
    }
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (read_date(date)?, clock),
        None => return Some(in_full(read_date(text)?.midnight())),
    };
    let (clock, east) = split_zone(clock)?;
    let moment = PrimitiveDateTime::new(date, read_clock(clock)?);
    let moment = moment.checked_sub(east)?;
    (0..=9_999)
        .contains(&moment.year())
        .then(|| in_full(moment))
}

/// Fewer digits could be meant as a date, more as milliseconds.
fn read_seconds(text: &str) -> Option<PrimitiveDateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits || !matches!(whole.len(), 9 | 10) {
        return None;
    }
    let nanos = i32::try_from(read_fraction(fraction)?).ok()?;
    let since = Duration::new(whole.parse().ok()?, nanos);
    let moment = OffsetDateTime::UNIX_EPOCH.checked_add(since)?;
    Some(PrimitiveDateTime::new(moment.date(), moment.time()))
}

fn read_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4)?;
    let mut part = || parts.next().map_or(Some(1), |text| digits(text, 2));
    let (month, day) = (part()?, part()?);
    if parts.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let year = i32::try_from(year).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

fn read_clock(text: &str) -> Option<Time> {
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |text| digits(text, 2))?;
    let second = match parts.next() {
        Some(text) => digits(text, 2)?,
        // A fraction is one of seconds.
        None if fraction != "0" => return None,
        None => 0,
    };
    if parts.next().is_some() {
        return None;
    }
    let nanos = read_fraction(fraction)?;
    let small = |n: u32| u8::try_from(n).ok();
    Time::from_hms_nano(small(hour)?, small(minute)?, small(second)?, nanos).ok()
}

/// The digits behind a second's point, as nanoseconds.
fn read_fraction(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    let missing = 9 - u32::try_from(text.len()).ok()?;
    Some(digits(text, text.len())? * 10_u32.pow(missing))
}

/// Takes the zone off a time of day: how far its clocks are ahead of UTC.
fn split_zone(clock: &str) -> Option<(&str, Duration)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, Duration::ZERO));
    }
    let Some(at) = clock.find(['+', '-']) else {
        return Some((clock, Duration::ZERO));
    };
    let (clock, zone) = clock.split_at(at);
    let (sign, zone) = zone.split_at(1);
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if zone.len() == 4 => zone.split_at_checked(2)?,
        None => (zone, "00"),
    };
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead = Duration::minutes(i64::from(hours * 60 + minutes));
    Some((clock, if sign == "-" { -ahead } else { ahead }))
}

/// A number of exactly this many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let all_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
}

fn in_full(moment: PrimitiveDateTime) -> String {
    let (date, time) = (moment.date(), moment.time());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let (hour, minute, second, nanos) = time.as_hms_nano();
    let mut text =
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}");
    // Six digits are what the host writes; more only where they say something.
    if nanos % 1_000 == 0 {
        text.truncate(FULL.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_dates_are_the_start_of_their_period() {
        for (text, start) in [
            ("2023", "2023-01-01T00:00:00.000000"),
            ("2023-04", "2023-04-01T00:00:00.000000"),
            ("2024-02-29", "2024-02-29T00:00:00.000000"),
            ("2023-04-01T10", "2023-04-01T10:00:00.000000"),
            ("2023-04-01 10:30", "2023-04-01T10:30:00.000000"),
            ("2023-04-01T10:30:15Z", "2023-04-01T10:30:15.000000"),
            ("2023-04-01T10:30:15.25", "2023-04-01T10:30:15.250000"),
            (
                "2023-04-01T10:30:15.123456789",
                "2023-04-01T10:30:15.123456789",
            ),
            ("2023-04-01T01:00+02:00", "2023-03-31T23:00:00.000000"),
            ("2023-04-01T01:00-0130", "2023-04-01T02:30:00.000000"),
            (" 2023 ", "2023-01-01T00:00:00.000000"),
            ("1700000000", "2023-11-14T22:13:20.000000"),
            ("1700000000.25", "2023-11-14T22:13:20.250000"),
            ("999999999", "2001-09-09T01:46:39.000000"),
            ("9999999999.9999999", "2286-11-20T17:46:39.999999900"),
        ] {
            assert_eq!(start_of(text).as_deref(), Some(start), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "abc",
            "23",
            "20230",
            "20230401",
            "1700000000.",
            "1700000000.1234567890",
            "1700000000000",
            "-1700000000",
            "2023-13",
            "2023-02-29",
            "2023-4",
            "2023-04-01-01",
            "2023-04-01T",
            "2023-04-01T24",
            "2023-04-01T10:60",
            "2023-04-01T10:30.5",
            "2023-04-01T10:30:15.",
            "2023-04-01T10:30:15.1234567890",
            "2023-04-01T10:30+25:00",
            "+023",
            "2023-04-01T10:30ä",
        ] {
            assert_eq!(start_of(text), None, "{text}");
        }
    }

    #[test]
    fn stored_times_compare_however_they_are_written() {
        let midnight = start_of("2023-04-01").expect("a date");
        for text in [
            "2023-04-01",
            "2023-04-01 00:00",
            "2023-04-01T00:00:00Z",
            "2023-04-01T00:00:00.000Z",
            "2023-04",
        ] {
            assert_eq!(written_out(text), midnight, "{text}");
        }
        assert!(written_out("2023-04-01T00:00:00.1") > midnight);
        assert!(written_out("2023-03-31T23:59:59.999999") < midnight);
        assert_eq!(
            written_out("täglich um zehn Uhr, auch sonntags"),
            "täglichTumTzehnTUhr,TauchTsonntags"
        );
    }
}
