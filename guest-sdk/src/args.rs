//! The query string of a connection.

use crate::bindings::imports::hookcast::plugin::types::Arg;

/// Keys of a query string, each with all its values, in order.
///
/// Also how a filter over rows is written: `topic=Help` selects the rows whose column
/// `topic` is `Help`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(Vec<Arg>);

impl Args {
    /// No key at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// First value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.all(key).first().map(String::as_str)
    }

    /// All values of a key; empty when it is absent.
    #[must_use]
    pub fn all(&self, key: &str) -> &[String] {
        let arg = self.0.iter().find(|arg| arg.key == key);
        arg.map_or(&[], |arg| &arg.values)
    }

    /// Gives a key these values in place of the ones it had.
    pub fn set<V: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let values = values.into_iter().map(Into::into).collect();
        match self.0.iter_mut().find(|arg| arg.key == key) {
            Some(arg) => arg.values = values,
            None => self.0.push(Arg {
                key: key.to_owned(),
                values,
            }),
        }
    }

    /// Removes a key and returns the values it had.
    pub fn remove(&mut self, key: &str) -> Vec<String> {
        match self.0.iter().position(|arg| arg.key == key) {
            Some(position) => self.0.remove(position).values,
            None => Vec::new(),
        }
    }

    /// Keys with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|arg| (arg.key.as_str(), arg.values.as_slice()))
    }

    pub(crate) fn from_wire(args: Vec<Arg>) -> Self {
        Self(args)
    }

    pub(crate) fn as_wire(&self) -> &[Arg] {
        &self.0
    }

    pub(crate) fn into_wire(self) -> Vec<Arg> {
        self.0
    }
}

/// One value for each pair; a key that comes twice has both.
impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Args {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut args: Vec<Arg> = Vec::new();
        for (key, value) in pairs {
            let (key, value) = (key.into(), value.into());
            match args.iter_mut().find(|arg| arg.key == key) {
                Some(arg) => arg.values.push(value),
                None => args.push(Arg {
                    key,
                    values: vec![value],
                }),
            }
        }
        Self(args)
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    #[test]
    fn values_of_a_repeated_key_are_kept_in_order() {
        let args: Args = [("topic", "a"), ("limit", "5"), ("topic", "b")]
            .into_iter()
            .collect();
        assert_eq!(args.all("topic"), ["a", "b"]);
        assert_eq!(args.get("topic"), Some("a"));
        let keys: Vec<_> = args.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["topic", "limit"]);
    }

    #[test]
    fn set_replaces_and_remove_returns() {
        let mut args = Args::new();
        args.set("topic", ["a"]);
        args.set("topic", ["b", "c"]);
        assert_eq!(args.remove("topic"), ["b", "c"]);
        assert_eq!(args.get("topic"), None);
        assert!(args.remove("topic").is_empty());
    }
}
