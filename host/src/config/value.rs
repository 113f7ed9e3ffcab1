//! One value of the config file, read as what its key needs.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use super::environment::substitute;
use super::reader::{Reading, Wrong};
use super::units;
use crate::nearest::nearest;

/// A value with the key it belongs to and its place in the file.
pub(super) struct Value<'a> {
    pub reading: &'a Reading<'a>,
    /// Dotted name, for messages.
    pub key: String,
    /// The same with chosen names replaced by `*`.
    pub pattern: String,
    /// First byte of the key.
    pub key_at: usize,
    /// First byte of the value.
    pub at: usize,
    pub raw: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// A text, with the environment substituted.
    pub fn text(&self) -> Result<String, Wrong> {
        match self.raw {
            DeValue::String(text) => substitute(text, self.reading.environment),
            _ => Err(self.is_not("a text", "write it in quotes")),
        }
    }

    pub fn flag(&self) -> Result<bool, Wrong> {
        match self.raw {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.is_not("true or false", "write true or false, without quotes")),
        }
    }

    /// A whole number within limits.
    pub fn whole<T: TryFrom<u64>>(&self, limits: RangeInclusive<u64>) -> Result<T, Wrong> {
        let (least, most) = (limits.start(), limits.end());
        let remedy = format!("write a number from {least} to {most}");
        let DeValue::Integer(number) = self.raw else {
            return Err(self.is_not("a whole number", remedy));
        };
        // Also out of range: what does not even fit 64 bits.
        u64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .filter(|number| limits.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| Wrong::new(format!("is {number}, out of range"), remedy))
    }

    /// A part of a whole, from 0 to 1.
    pub fn share(&self) -> Result<f64, Wrong> {
        let remedy = "write a number from 0 to 1, as 0.1 for one in ten";
        let number = match self.raw {
            DeValue::Float(number) => number.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Integer(number) => number.as_str().parse::<f64>().ok(),
            _ => return Err(self.is_not("a number", remedy)),
        };
        number
            .filter(|number| (0.0..=1.0).contains(number))
            .ok_or_else(|| Wrong::new("is out of range", remedy))
    }

    /// A time span within limits.
    pub fn duration(&self, limits: RangeInclusive<Duration>) -> Result<Duration, Wrong> {
        let text = self.quoted("a duration such as \"25s\"", "s")?;
        let duration = units::parse_duration(&text)?;
        if limits.contains(&duration) {
            return Ok(duration);
        }
        Err(Wrong::new(
            format!("is {text:?}, out of range"),
            format!(
                "write a duration from {} to {}",
                units::show_duration(*limits.start()),
                units::show_duration(*limits.end())
            ),
        ))
    }

    /// A number of bytes within limits.
    pub fn size<T: TryFrom<u64>>(&self, limits: RangeInclusive<u64>) -> Result<T, Wrong> {
        let text = self.quoted("a size such as \"64 KiB\"", " B")?;
        let bytes = units::parse_size(&text)?;
        let converted = T::try_from(bytes).ok().filter(|_| limits.contains(&bytes));
        converted.ok_or_else(|| {
            Wrong::new(
                format!("is {text:?}, out of range"),
                format!(
                    "write a size from {} to {}",
                    units::show_size(*limits.start()),
                    units::show_size(*limits.end())
                ),
            )
        })
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, Wrong> {
        let text = self.text()?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Ok(*choice);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        Err(self.unknown(&text, &words))
    }

    /// The text is none of those that there are.
    pub fn unknown(&self, text: &str, known: &[&str]) -> Wrong {
        let hint = match nearest(text, known.iter().copied()) {
            Some(near) => format!("did you mean {near:?}? "),
            None => String::new(),
        };
        Wrong::new(
            format!("is {text:?}, which does not exist"),
            format!("{hint}known: {}", quoted_list(known)),
        )
    }

    /// The values of a list.
    pub fn items(&self) -> Result<Vec<Value<'a>>, Wrong> {
        let DeValue::Array(items) = self.raw else {
            return Err(self.is_not("a list", "write it in brackets, as [\"one\", \"two\"]"));
        };
        let items = items.iter().map(|item| Value {
            reading: self.reading,
            key: self.key.clone(),
            pattern: self.pattern.clone(),
            key_at: self.key_at,
            at: item.span().start,
            raw: item.get_ref(),
        });
        Ok(items.collect())
    }

    /// What the value is, for error messages.
    pub fn kind(&self) -> &'static str {
        match self.raw {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// The error of a value of the wrong kind.
    pub fn is_not(&self, wanted: &str, remedy: impl Into<String>) -> Wrong {
        Wrong::new(format!("is {}, not {wanted}", self.kind()), remedy)
    }

    /// A text with a unit; people often write the bare number.
    fn quoted(&self, wanted: &str, unit: &str) -> Result<String, Wrong> {
        match self.raw {
            DeValue::Integer(number) => {
                let remedy = format!("write it in quotes with its unit, as \"{number}{unit}\"");
                Err(self.is_not(wanted, remedy))
            }
            DeValue::String(_) => self.text(),
            _ => Err(self.is_not(wanted, "write it in quotes with its unit")),
        }
    }
}

/// `"a", "b"`
pub(super) fn quoted_list<T: AsRef<str>>(words: &[T]) -> String {
    let quoted: Vec<_> = words
        .iter()
        .map(|word| format!("{:?}", word.as_ref()))
        .collect();
    quoted.join(", ")
}
