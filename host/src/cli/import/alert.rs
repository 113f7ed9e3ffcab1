//! `alert: {to, subject, html, …}`: a mail for each message.

use toml::{Table, Value};

use super::endpoint::Endpoint;
use super::toml::verbatim;
use super::yaml::{self, Entry, Node};

/// Keys that mean the same here. Templates are Tornado's there and Jinja's here.
const KEYS: [&str; 16] = [
    "service",
    "methods",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "on_behalf_of",
    "from",
    "subject",
    "body",
    "html",
    "markdown",
    "bodyfile",
    "htmlfile",
    "markdownfile",
    "attachments",
];

pub fn read(entry: &Entry, endpoint: &mut Endpoint) {
    let mut alert = Table::new();
    for key in entry.node.entries() {
        let name = key.key.as_str();
        if KEYS.contains(&name) {
            if let Some(value) = value(&key.node) {
                note_tags(key, endpoint);
                alert.insert(name.to_owned(), value);
            }
            continue;
        }
        match name {
            "images" => {
                let images = key.node.entries().iter();
                let images = images.filter_map(|i| Some((i.key.clone(), value(&i.node)?)));
                alert.insert(name.to_owned(), Value::Table(images.collect()));
            }
            "condition" | "data" | "each" | "notify" => {
                let what = format!(
                    "`alert.{name}`: Gramex, too, reads it in its own `alert:` only, not in a \
                     MessageHandler"
                );
                endpoint.notes.no_equivalent(key.line, what);
            }
            other => {
                let what = format!("`alert.{other}`");
                endpoint.notes.no_equivalent(key.line, what);
            }
        }
    }
    for (key, value) in alert {
        endpoint.toml.value(&format!("alert.{key}"), &value);
    }
}

/// A text or a list of texts, with Jinja's tags.
fn value(node: &Node) -> Option<Value> {
    match &node.value {
        yaml::Value::List(items) => items
            .iter()
            .map(value)
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        _ => Some(jinja(&here(&node.text()?)).into()),
    }
}

/// Files beside the YAML are beside the config.
fn here(text: &str) -> String {
    let text = text.replace("${YAMLPATH}/", "").replace("$YAMLPATH/", "");
    verbatim(&text)
}

/// Tornado closes all blocks with `{% end %}`, Jinja each with its own word.
fn jinja(template: &str) -> String {
    let (mut text, mut rest) = (String::new(), template);
    let mut open = Vec::new();
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else {
            break;
        };
        let tag = &rest[start..start + length + 2];
        let words: Vec<_> = tag[2..tag.len() - 2].split_whitespace().collect();
        text += &rest[..start];
        match words[..] {
            ["end"] => match open.pop() {
                Some(block) => text += &format!("{{% end{block} %}}"),
                None => text += tag,
            },
            ["raw", ..] => text += &format!("{{{{ ({})|safe }}}}", words[1..].join(" ")),
            ["comment", ..] => text += &format!("{{# {} #}}", words[1..].join(" ")),
            [block @ ("if" | "for"), ..] => {
                open.push(block);
                text += tag;
            }
            _ => text += tag,
        }
        rest = &rest[start + length + 2..];
    }
    text + rest
}

/// Tags that Jinja has no word for.
fn note_tags(key: &Entry, endpoint: &mut Endpoint) {
    let text = key.node.text().unwrap_or_default();
    for tag in text.split("{%").skip(1) {
        let word = tag.split_whitespace().next().unwrap_or_default();
        let tag = tag.split("%}").next().unwrap_or_default().trim();
        if matches!(
            word,
            "apply" | "autoescape" | "from" | "module" | "try" | "while" | "whitespace"
        ) {
            let what = format!("`alert.{}`: the tag {{% {tag} %}}; rewrite it", key.key);
            endpoint.notes.no_equivalent(key.line, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_with_their_own_words() {
        assert_eq!(
            jinja(
                "{% if a %}{% for b in c %}{{ b }}{% end %}{% else %}{% raw d %}{% end %}{% comment e %}"
            ),
            "{% if a %}{% for b in c %}{{ b }}{% endfor %}{% else %}{{ (d)|safe }}{% endif %}{# e #}"
        );
        assert_eq!(
            jinja("{% import time %} {{ a }} {% open"),
            "{% import time %} {{ a }} {% open"
        );
    }
}
