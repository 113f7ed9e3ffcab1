//! YAML with lines: the importer says of everything where it stands.

use saphyr::{LoadableYamlNode as _, MarkedYamlOwned, ScalarOwned, YamlDataOwned};

/// A value and the line that it begins in, from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    /// Where the key is: of a text in several lines, its value begins in another.
    pub line: usize,
    pub node: Node,
}

/// Reads the first document of a text.
///
/// # Errors
/// A sentence that says where the text is no YAML.
pub fn parse(text: &str) -> Result<Node, String> {
    let documents = MarkedYamlOwned::load_from_str(text)
        .map_err(|error| format!("line {}: {error}", error.marker().line()))?;
    let root = documents.into_iter().next();
    Ok(root.map_or(Node::null(1), node))
}

impl Node {
    fn null(line: usize) -> Self {
        Self {
            line,
            value: Value::Null,
        }
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// A text, and what is written like one: a number, a word.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// True or false, in the words of YAML 1.1, which Gramex reads.
    pub fn flag(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(flag) => Some(*flag),
            Value::Text(text) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" => Some(true),
                "no" | "off" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The values of a list; a single value is a list of one, as Gramex takes it.
    pub fn list(&self) -> Vec<&Node> {
        match &self.value {
            Value::List(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            _ => vec![self],
        }
    }
}

fn node(yaml: MarkedYamlOwned) -> Node {
    let line = yaml.span.start.line();
    let value = match yaml.data {
        YamlDataOwned::Value(scalar) => match scalar {
            ScalarOwned::Null => Value::Null,
            ScalarOwned::Boolean(flag) => Value::Bool(flag),
            ScalarOwned::Integer(number) => Value::Int(number),
            ScalarOwned::FloatingPoint(number) => Value::Float(number.into_inner()),
            ScalarOwned::String(text) => Value::Text(text),
        },
        YamlDataOwned::Representation(text, ..) => Value::Text(text),
        YamlDataOwned::Sequence(items) => Value::List(items.into_iter().map(node).collect()),
        YamlDataOwned::Mapping(map) => {
            let entries = map.into_iter().map(|(key, value)| {
                let key = node(key);
                Entry {
                    line: key.line,
                    key: key.text().unwrap_or_default(),
                    node: node(value),
                }
            });
            Value::Map(merged(entries.collect()))
        }
        YamlDataOwned::Tagged(_, inner) => return node(*inner),
        YamlDataOwned::Alias(_) | YamlDataOwned::BadValue => Value::Null,
    };
    Node { line, value }
}

/// Puts the entries of `<<: *other` in the place of that key; a map's own go first.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let (merges, mut own): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.key == "<<");
    for merge in merges {
        for other in merge.node.list() {
            for entry in other.entries() {
                if !own.iter().any(|known| known.key == entry.key) {
                    own.push(entry.clone());
                }
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_lines_and_merges_are_resolved() {
        let root =
            parse("base: &base\n  a: 1\n  b: x\nuse:\n  <<: *base\n  b: >\n    long\n    text\n");
        let root = root.expect("YAML");
        let used = root.get("use").expect("a key");
        assert_eq!(used.line, 4);
        let b = used.node.get("b").expect("its own key");
        assert_eq!((b.line, b.node.text().as_deref()), (6, Some("long text\n")));
        let a = used.node.get("a").expect("a merged key");
        assert_eq!(a.node.value, Value::Int(1));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let problem = parse("a: 1\nb: [\n").expect_err("no YAML");
        assert!(problem.starts_with("line "), "{problem}");
    }
}
