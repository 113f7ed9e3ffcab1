//! Reads a parsed TOML file key by key and remembers what is wrong with it.
//!
//! serde's derived readers stop at the first error. Here a key that can't be read is
//! noted and its default stands in, so that one pass reports everything. Which keys are
//! known is what the readers ask for, so the list can't drift from the code: whatever is
//! left in a section when its reader has finished is an unknown key.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::errors::{ConfigError, ConfigErrors, Place};
use super::value::Value;
use crate::nearest::nearest;

/// What is wrong with a value, to be said after the key's name (`is 5, …`), and what to
/// do about it.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    pub what: String,
    pub remedy: String,
}

impl Wrong {
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// The environment that `${NAME}` is looked up in.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One pass over one file.
pub(super) struct Reading<'a> {
    text: &'a str,
    pub environment: Environment<'a>,
    problems: RefCell<Vec<(usize, Wrong)>>,
    /// Where each key that was read stands.
    places: RefCell<BTreeMap<String, Place>>,
    /// Every key that was asked for, there or not; chosen names appear as `*`.
    known: RefCell<BTreeSet<String>>,
}

impl<'a> Reading<'a> {
    pub fn new(text: &'a str, environment: Environment<'a>) -> Self {
        Self {
            text,
            environment,
            problems: RefCell::default(),
            places: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// Notes an error at a byte of the file.
    pub fn report(&self, byte: usize, what: impl Into<String>, remedy: impl Into<String>) {
        let wrong = Wrong::new(what, remedy);
        self.problems.borrow_mut().push((byte, wrong));
    }

    /// Notes an error of a value.
    pub fn report_value(&self, value: &Value<'_>, wrong: Wrong) {
        let what = format!("`{}` {}", value.key, wrong.what);
        self.report(value.at, what, wrong.remedy);
    }

    /// The file from one of its bytes on.
    pub fn text_from(&self, byte: usize) -> &'a str {
        self.text.get(byte..).unwrap_or_default()
    }

    /// Where a key that was read stands.
    pub fn place(&self, key: &str) -> Option<Place> {
        self.places.borrow().get(key).copied()
    }

    /// The known keys as far as this file's tables led the readers.
    #[cfg(test)]
    pub fn known_keys(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }

    /// Ends the pass: where the keys are, or what is wrong, sorted by place.
    pub fn finish(self, file: &Path) -> Result<BTreeMap<String, Place>, ConfigErrors> {
        if self.problems.borrow().is_empty() {
            return Ok(self.places.into_inner());
        }
        Err(self.into_errors(file))
    }

    /// Ends a pass that has gone wrong.
    pub fn into_errors(self, file: &Path) -> ConfigErrors {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(byte, _)| *byte);
        let errors = problems.into_iter().map(|(byte, wrong)| ConfigError {
            place: Some(Place::of(self.text, byte)),
            what: wrong.what,
            remedy: wrong.remedy,
        });
        ConfigErrors {
            file: file.to_owned(),
            errors: errors.collect(),
        }
    }
}

/// A TOML table while its keys are being read. An absent table is an empty section.
pub(super) struct Section<'a> {
    pub reading: &'a Reading<'a>,
    /// Dotted name in the file, for messages; empty for the file itself.
    pub key: String,
    /// The same with chosen names replaced by `*`.
    pattern: String,
    /// Where the section begins, for errors about keys that are missing.
    pub at: usize,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<String>,
}

impl<'a> Section<'a> {
    /// The file as a section.
    pub fn root(reading: &'a Reading<'a>, table: &'a DeTable<'a>) -> Self {
        Self {
            reading,
            key: String::new(),
            pattern: String::new(),
            at: 0,
            table: Some(table),
            asked: Vec::new(),
        }
    }

    /// Takes a key's value out of the section.
    pub fn take(&mut self, key: &str) -> Option<Value<'a>> {
        self.asked.push(key.to_owned());
        let pattern = join(&self.pattern, key);
        self.reading.known.borrow_mut().insert(pattern.clone());
        let (spanned_key, spanned) = self.table?.get_key_value(key)?;
        Some(self.value(key, pattern, spanned_key.span().start, spanned))
    }

    /// Whether a key is there, right or wrong.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// First byte of a key's value, or of the section where the key is absent.
    pub fn place_of(&self, key: &str) -> usize {
        let value = self.table.and_then(|table| table.get(key));
        value.map_or(self.at, |value| value.span().start)
    }

    /// Reads a key. Where it is absent or wrong, the default stands in.
    pub fn read<T>(
        &mut self,
        key: &str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Result<T, Wrong>,
    ) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    /// Reads a key that has no default.
    pub fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&Value<'a>) -> Result<T, Wrong>,
    ) -> Option<T> {
        let value = self.take(key)?;
        read(&value)
            .map_err(|wrong| self.reading.report_value(&value, wrong))
            .ok()
    }

    /// Reads each value of a list; those that are wrong are left out.
    pub fn list<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Value<'a>) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let items = self.optional(key, Value::items)?;
        let read_item = |item: &Value<'a>| {
            read(item)
                .map_err(|wrong| self.reading.report_value(item, wrong))
                .ok()
        };
        Some(items.iter().filter_map(read_item).collect())
    }

    /// A section inside this one.
    pub fn section(&mut self, key: &str) -> Section<'a> {
        let value = self.take(key);
        let absent = Section {
            reading: self.reading,
            key: join(&self.key, key),
            pattern: join(&self.pattern, key),
            at: self.at,
            table: None,
            asked: Vec::new(),
        };
        value.map_or(absent, |value| value.into_section())
    }

    /// Takes all keys that nobody has asked for, in the order of the file: tables whose
    /// keys the user chooses.
    pub fn take_named(&mut self) -> Vec<(String, Value<'a>)> {
        let Some(table) = self.table else {
            return Vec::new();
        };
        let pattern = join(&self.pattern, "*");
        let mut named: Vec<_> = table
            .iter()
            .filter(|(key, _)| !self.asked.iter().any(|asked| asked == key.get_ref()))
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                let value = self.value(&name, pattern.clone(), key.span().start, value);
                (name, value)
            })
            .collect();
        self.reading.known.borrow_mut().insert(pattern);
        // The parsed table is sorted by name.
        named.sort_by_key(|(_, value)| value.key_at);
        self.asked
            .extend(named.iter().map(|(name, _)| name.clone()));
        named
    }

    /// Ends the section: keys that nobody has asked for are errors.
    pub fn finish(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let place = match self.key.as_str() {
                "" => String::new(),
                section => format!(" in `{section}`"),
            };
            let remedy = match nearest(name, self.asked.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys here: {}", self.asked.join(", ")),
            };
            let what = format!("unknown key `{name}`{place}");
            self.reading.report(key.span().start, what, remedy);
        }
    }

    fn value(
        &self,
        key: &str,
        pattern: String,
        key_at: usize,
        spanned: &'a toml::Spanned<DeValue<'a>>,
    ) -> Value<'a> {
        let value = Value {
            reading: self.reading,
            key: join(&self.key, key),
            pattern,
            key_at,
            at: spanned.span().start,
            raw: spanned.get_ref(),
        };
        let place = Place::of(self.reading.text, key_at);
        self.reading
            .places
            .borrow_mut()
            .insert(value.key.clone(), place);
        value
    }
}

impl<'a> Value<'a> {
    /// Goes on into a table; anything else is an error and read as an empty one.
    pub fn into_section(self) -> Section<'a> {
        let table = match self.raw {
            DeValue::Table(table) => Some(table),
            _ => {
                let what = format!("is {}, not a table", self.kind());
                let remedy = format!("write [{}] and its keys below", self.key);
                self.reading.report_value(&self, Wrong::new(what, remedy));
                None
            }
        };
        Section {
            reading: self.reading,
            // A table written [so] spans its header, where errors about it belong.
            at: self.at,
            key: self.key,
            pattern: self.pattern,
            table,
            asked: Vec::new(),
        }
    }
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() {
        return key.to_owned();
    }
    format!("{section}.{key}")
}
