//! The generated config, line by line: people go on working with it.

use toml::Value;

/// Lines of one table.
#[derive(Debug, Default)]
pub struct Lines(Vec<String>);

impl Lines {
    /// `key = "text"`
    pub fn text(&mut self, key: &str, text: &str) {
        self.value(key, &Value::from(text));
    }

    /// `key = value`; a text of several lines stays readable.
    pub fn value(&mut self, key: &str, value: &Value) {
        self.0.push(format!("{key} = {}", shown(value)));
    }

    /// `# text`
    pub fn comment(&mut self, text: &str) {
        self.0.extend(text.lines().map(|line| format!("# {line}")));
    }

    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// A key as it stands in a dotted name: quoted where it must be.
pub fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        return name.to_owned();
    }
    Value::from(name).to_string()
}

/// A text in which the environment is not to be substituted.
pub fn verbatim(text: &str) -> String {
    text.replace('$', "$$")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.trim_end().contains('\n') && !text.contains("'''") => {
            format!("'''\n{text}'''")
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut lines = Lines::default();
        let texts = ["plain", "a \"quoted\" one", "two\nlines\n", "two\n'''lines"];
        for (number, text) in texts.iter().enumerate() {
            lines.text(&key(&format!("key {number}")), text);
        }
        lines.comment("several\nlines");
        let read: toml::Table = lines.lines().join("\n").parse().expect("TOML");
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(read[&format!("key {number}")].as_str(), Some(*text));
        }
    }
}
