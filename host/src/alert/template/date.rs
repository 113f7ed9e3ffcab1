//! Dates in templates: `now()`, and filters that read what messages have for dates.
//!
//! All times are UTC. A text without a zone is taken to be UTC, as the host's own
//! timestamps are.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use time::format_description::well_known::Iso8601;
use time::format_description::{self, BorrowedFormatItem};
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

/// How a moment looks when it is put into a text as it is.
const PLAIN: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");
const MINUTE: &[BorrowedFormatItem<'static>] = format_description!("[hour]:[minute]");
const ISO: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// A moment, with the methods that Python's have and mails use.
#[derive(Debug)]
struct Moment(OffsetDateTime);

/// A moment as templates see it. `micros` since 1970-01-01 UTC.
pub fn moment(micros: i64) -> Value {
    let since = time::Duration::microseconds(micros);
    Value::from_object(Moment(OffsetDateTime::UNIX_EPOCH + since))
}

/// The same from seconds, which may have a fraction. None when there is no such time.
pub(super) fn moment_of_seconds(seconds: f64) -> Option<Value> {
    let since = time::Duration::checked_seconds_f64(seconds)?;
    let moment = OffsetDateTime::UNIX_EPOCH.checked_add(since)?;
    Some(Value::from_object(Moment(moment)))
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let time = self.0;
        Some(match key.as_str()? {
            "year" => time.year().into(),
            "month" => u8::from(time.month()).into(),
            "day" => time.day().into(),
            "hour" => time.hour().into(),
            "minute" => time.minute().into(),
            "second" => time.second().into(),
            _ => return None,
        })
    }

    fn call_method(
        self: &Arc<Self>,
        _: &State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "strftime" => {
                let (format,): (&str,) = from_args(arguments)?;
                formatted(self.0, format).map(Value::from)
            }
            "isoformat" => Ok(plain(self.0, ISO).into()),
            "timestamp" => Ok((self.0.unix_timestamp_nanos() as f64 / 1e9).into()),
            _ => {
                let known =
                    format!("a date has no `{method}`; it has strftime, isoformat, timestamp");
                Err(Error::new(ErrorKind::UnknownMethod, known))
            }
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(self.0, PLAIN))
    }
}

/// Adds what templates do with dates.
pub(super) fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("strftime", |value: &Value, format: &str| {
        formatted(read(value)?, format)
    });
    environment.add_filter("date", |value: &Value| Ok(plain(read(value)?, DAY)));
    environment.add_filter("time", |value: &Value| Ok(plain(read(value)?, MINUTE)));
    environment.add_filter("datetime", |value: &Value| Ok(plain(read(value)?, PLAIN)));
}

/// By a format as C and Python have it.
fn formatted(time: OffsetDateTime, format: &str) -> Result<String, Error> {
    let wrong = |error: String| {
        let message = format!("the date format {format:?} can't be used: {error}");
        Error::new(ErrorKind::InvalidOperation, message)
    };
    let items = format_description::parse_strftime_owned(format)
        .map_err(|error| wrong(error.to_string()))?;
    time.format(&items)
        .map_err(|error| wrong(error.to_string()))
}

fn plain(time: OffsetDateTime, format: &[BorrowedFormatItem<'static>]) -> String {
    // These formats fit every time.
    time.format(format).unwrap_or_default()
}

/// Reads a moment, a text in ISO 8601, or seconds since 1970.
fn read(value: &Value) -> Result<OffsetDateTime, Error> {
    if let Some(moment) = value.downcast_object_ref::<Moment>() {
        return Ok(moment.0);
    }
    let read = match value.as_str() {
        Some(text) => of_text(text),
        None => f64::try_from(value.clone()).ok().and_then(|seconds| {
            OffsetDateTime::UNIX_EPOCH.checked_add(time::Duration::checked_seconds_f64(seconds)?)
        }),
    };
    read.ok_or_else(|| {
        let message = format!("{value:?} is no date; write it as 2026-04-30T12:00:00");
        Error::new(ErrorKind::InvalidOperation, message)
    })
}

fn of_text(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim().replacen(' ', "T", 1);
    if let Ok(time) = OffsetDateTime::parse(&text, &Iso8601::PARSING) {
        return Some(time);
    }
    if let Ok(time) = PrimitiveDateTime::parse(&text, &Iso8601::PARSING) {
        return Some(time.assume_utc());
    }
    let day = Date::parse(&text, &Iso8601::PARSING).ok()?;
    Some(day.midnight().assume_utc())
}
