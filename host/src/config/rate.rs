//! `rate`: how fast the clients of an endpoint may send and connect.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::reader::{Section, Wrong};
use super::units::{parse_duration, show_duration};
use super::value::Value;

/// What is written where there is no limit.
const UNLIMITED: &str = "unlimited";

/// Most per unit of time, and most at once.
const MOST: u32 = 1_000_000;

/// An empty bucket must be full again within a time that somebody waits for, and that
/// the arithmetic of nanoseconds can hold.
const LONGEST_REFILL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The limits of one endpoint; none where there is no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateConfig {
    /// Messages of one connection.
    pub connection: Option<Rate>,
    /// Messages of one authenticated user, over all connections.
    pub user: Option<Rate>,
    /// Messages from one address, over all connections.
    pub address: Option<Rate>,
    /// Handshakes from one address.
    pub connects: Option<Rate>,
}

/// So many in a time, evenly, and so many at once after a while of rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub count: NonZeroU32,
    pub per: Duration,
    pub burst: NonZeroU32,
}

impl RateConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut read = |key| section.read(key, None, rate);
        let rates = Self {
            connection: read("connection"),
            user: read("user"),
            address: read("address"),
            connects: read("connects"),
        };
        section.finish();
        rates
    }
}

impl Rate {
    /// After which one more is allowed.
    pub fn period(&self) -> Duration {
        self.per / self.count.get()
    }

    /// `20/s`, and behind it ` burst 40` if that is another number.
    fn parse(text: &str) -> Option<Self> {
        let (rate, burst) = match text.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(whole(burst)?)),
            None => (text, None),
        };
        let (count, unit) = rate.split_once('/')?;
        let count = whole(count)?;
        let unit = unit.trim();
        let per = unit.starts_with(|c: char| c.is_ascii_alphabetic());
        let per = parse_duration(&format!("1{unit}")).ok().filter(|_| per)?;
        Some(Self {
            count,
            per,
            burst: burst.unwrap_or(count),
        })
    }
}

/// As it could be written in the file, without the burst.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = show_duration(self.per);
        let unit = per.trim_start_matches(|c: char| c.is_ascii_digit());
        write!(f, "{}/{unit}", self.count)
    }
}

fn rate(value: &Value<'_>) -> Result<Option<Rate>, Wrong> {
    let remedy = "write a number and a unit of time, as \"20/s\" or \"600/m burst 50\", \
                  or \"unlimited\"";
    let text = value.text()?;
    if text == UNLIMITED {
        return Ok(None);
    }
    let Some(rate) = Rate::parse(&text) else {
        return Err(Wrong::new(format!("is {text:?}, which is no rate"), remedy));
    };
    if rate.count.get() > MOST || rate.burst.get() > MOST {
        let what = format!("is {text:?}, out of range");
        return Err(Wrong::new(what, format!("write numbers from 1 to {MOST}")));
    }
    // Both are far from where this could overflow.
    if rate.period() * rate.burst.get() > LONGEST_REFILL {
        let what = format!("is {text:?}: such a burst is allowed again only after years");
        return Err(Wrong::new(what, "lower the burst, or raise the rate"));
    }
    Ok(Some(rate))
}

/// A number of at least one.
fn whole(text: &str) -> Option<NonZeroU32> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_a_burst_allows_as_many_at_once() {
        let rate = Rate::parse("20/s").expect("a rate");
        assert_eq!((rate.count.get(), rate.burst.get()), (20, 20));
        assert_eq!(rate.period(), Duration::from_millis(50));
        let rate = Rate::parse("600/m burst 50").expect("a rate");
        assert_eq!((rate.count.get(), rate.burst.get()), (600, 50));
        assert_eq!(rate.period(), Duration::from_millis(100));
        assert_eq!(rate.to_string(), "600/m");
        assert_eq!(Rate::parse("1/d").expect("a rate").to_string(), "1/d");
    }

    #[test]
    fn what_could_be_misread_is_no_rate() {
        for text in [
            "",
            "20",
            "20/",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "20/5s",
            "20/sec",
            "20 s",
            "20/s burst",
            "20/s burst 0",
            "20/s, burst 5",
            "20/sburst 5",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
