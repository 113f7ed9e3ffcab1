//! Durations (`"25s"`) and sizes (`"64 KiB"`) as the config writes them.

use std::time::Duration;

use super::reader::Wrong;

/// Units of time, in milliseconds, largest first.
const DURATIONS: [(&str, u64); 5] = [
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// Units of memory, in bytes, largest first.
const SIZES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A whole number and a unit: ms, s, m, h or d.
pub(super) fn parse_duration(text: &str) -> Result<Duration, Wrong> {
    parse(text, &DURATIONS)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            Wrong::new(
                format!("is {text:?}, which is no duration"),
                "write a whole number and one of ms, s, m, h, d, as \"25s\" or \"90d\"",
            )
        })
}

/// A whole number and a unit: B, KiB, MiB, GiB or TiB. Bytes.
pub(super) fn parse_size(text: &str) -> Result<u64, Wrong> {
    parse(text, &SIZES).ok_or_else(|| {
        Wrong::new(
            format!("is {text:?}, which is no size"),
            // KB is left out on purpose: some read it as 1000, some as 1024 bytes.
            "write a whole number and one of B, KiB, MiB, GiB, TiB, as \"64 KiB\"",
        )
    })
}

/// A duration as the config writes it; none if it is none.
pub fn duration(text: &str) -> Option<Duration> {
    parse(text, &DURATIONS).map(Duration::from_millis)
}

/// In the largest unit that gives a whole number, as it could be written in the file.
pub fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    show(millis, &DURATIONS, "")
}

/// Likewise.
pub fn show_size(bytes: u64) -> String {
    show(bytes, &SIZES, " ")
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn show(amount: u64, units: &[(&str, u64)], gap: &str) -> String {
    let fits = |factor: u64| amount >= factor && amount.is_multiple_of(factor);
    let largest = units.iter().find(|(_, factor)| fits(*factor));
    let (unit, factor) = largest.unwrap_or(&units[units.len() - 1]);
    format!("{}{gap}{unit}", amount / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_words() {
        for text in ["50ms", "25s", "5m", "36h", "90d", "0ms"] {
            assert_eq!(parse_duration(text).map(show_duration).as_deref(), Ok(text));
        }
        for text in ["1 B", "1025 B", "64 KiB", "16 MiB", "1 GiB", "2 TiB"] {
            assert_eq!(parse_size(text).map(show_size).as_deref(), Ok(text));
        }
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_duration(" 2 h "), Ok(Duration::from_secs(7200)));
    }

    #[test]
    fn refuses_what_could_be_misread() {
        for text in [
            "",
            "25",
            "s",
            "-5s",
            "1.5s",
            "5 sec",
            "5M",
            "1h30m",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in [
            "",
            "64",
            "64 KB",
            "64 kib",
            "-1 B",
            "1e3 B",
            "99999999999 TiB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
