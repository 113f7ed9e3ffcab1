//! `alert: {to, subject, html, …}`: a mail for each message.

use toml::Value;

use super::endpoint::Endpoint;
use super::mail::Service;
use super::toml::verbatim;
use super::yaml::{self, Entry, Node};
use super::{cel, python};
use crate::alert::template::Template;

/// Keys that mean the same here. Templates are Tornado's there and Jinja's here.
const TEMPLATES: [&str; 10] = [
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
];

/// Files of templates. They are not rewritten.
const FILES: [&str; 3] = ["bodyfile", "htmlfile", "markdownfile"];

/// Tags that Jinja reads and templates here have nothing behind.
const OTHER_FILES: [&str; 5] = ["extends", "from", "include", "module", "super"];

/// Functions of Python that templates here have, too.
const KNOWN_CALLS: [&str; 6] = [
    "isoformat",
    "now",
    "strftime",
    "time",
    "to_datetime",
    "utcnow",
];

pub fn read(entry: &Entry, endpoint: &mut Endpoint, services: &[Service]) {
    let mut alert = Vec::new();
    for key in entry.node.entries() {
        if let Some(value) = value_of(key, endpoint, services) {
            alert.push((key.key.as_str(), value));
        }
    }
    if has(&alert, &["html", "htmlfile"]) && has(&alert, &["markdown", "markdownfile"]) {
        alert.retain(|(key, _)| !key.starts_with("markdown"));
        let what = "`alert` has HTML and Markdown; the latter is left out";
        endpoint.notes.no_equivalent(entry.line, what);
    }
    if !has(&alert, &["to", "cc", "bcc"]) {
        let what = "`alert` names nobody in `to`, `cc` or `bcc`";
        endpoint.notes.no_equivalent(entry.line, what);
        return;
    }
    endpoint.alerts = true;
    if services.len() > 1 && !has(&alert, &["service"]) {
        // Gramex takes the first.
        alert.push(("service", verbatim(&services[0].name).into()));
    }
    for (key, value) in alert {
        endpoint.toml.value(&format!("alert.{key}"), &value);
    }
}

fn has(alert: &[(&str, Value)], keys: &[&str]) -> bool {
    alert.iter().any(|(key, _)| keys.contains(key))
}

/// What a key becomes; none where it can't be used, which is noted.
fn value_of(key: &Entry, endpoint: &mut Endpoint, services: &[Service]) -> Option<Value> {
    let name = key.key.as_str();
    let place = format!("`alert.{name}`");
    let texts = || -> Vec<String> { key.node.list().iter().filter_map(|n| n.text()).collect() };
    match name {
        _ if TEMPLATES.contains(&name) => {
            let value = template(&key.node)?;
            check_template(key, &value, endpoint).then_some(value)
        }
        _ if FILES.contains(&name) => {
            let what = format!("{place}: make Tornado's tags in the file Jinja's");
            endpoint.notes.check(key.line, what);
            Some(here(&key.node.text()?).into())
        }
        "service" => {
            let given = key.node.text()?;
            if services.iter().any(|service| service.name == given) {
                return Some(verbatim(&given).into());
            }
            let what = format!("{place}: `email` has no {given} that could be used");
            endpoint.notes.check(key.line, what);
            None
        }
        "methods" => {
            let methods = texts()
                .into_iter()
                .map(|method| method.to_ascii_uppercase());
            let (known, unknown): (Vec<_>, Vec<_>) =
                methods.partition(|method| matches!(&**method, "POST" | "PUT" | "DELETE"));
            if !unknown.is_empty() {
                let what = format!("{place}: there is no {}", unknown.join(", "));
                endpoint.notes.no_equivalent(key.line, what);
            }
            Some(known.into())
        }
        "attachments" => {
            let paths = texts();
            paths_only(&place, key.line, &paths, endpoint).then(|| {
                paths
                    .iter()
                    .map(|path| here(path))
                    .collect::<Vec<_>>()
                    .into()
            })
        }
        "images" => {
            let images = key.node.entries().iter();
            let images = images.filter_map(|i| Some((i.key.clone(), i.node.text()?)));
            let (names, paths): (Vec<_>, Vec<_>) = images.unzip();
            let table = || {
                names
                    .into_iter()
                    .zip(paths.iter().map(|path| here(path).into()))
            };
            paths_only(&place, key.line, &paths, endpoint).then(|| Value::Table(table().collect()))
        }
        "condition" => {
            let text = key.node.text().unwrap_or_default();
            let condition = python::parse(&text).as_ref().and_then(cel::condition);
            let words = condition.map_or("an expression".to_owned(), |c| format!("\"{c}\""));
            let what = format!(
                "{place}: {text}; Gramex reads it in its own `alert:` only, not in a \
                 MessageHandler; here `alert.condition` may be {words}"
            );
            endpoint.notes.check(key.line, what);
            None
        }
        "data" | "each" | "notify" => {
            let what = format!(
                "{place}: Gramex, too, reads it in its own `alert:` only, not in a \
                 MessageHandler"
            );
            endpoint.notes.no_equivalent(key.line, what);
            None
        }
        _ => {
            endpoint.notes.no_equivalent(key.line, place);
            None
        }
    }
}

/// A template or a list of them, with Jinja's tags.
fn template(node: &Node) -> Option<Value> {
    match &node.value {
        yaml::Value::List(items) => items
            .iter()
            .map(template)
            .collect::<Option<Vec<_>>>()
            .map(Value::from),
        _ => Some(jinja(&here(&node.text()?)).into()),
    }
}

/// Whether the server takes a template; notes if not, and what may fail when it is used.
fn check_template(key: &Entry, value: &Value, endpoint: &mut Endpoint) -> bool {
    let sources = match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        value => value.as_str().into_iter().collect::<Vec<_>>(),
    };
    for source in sources {
        let source = source.replace("$$", "$");
        let html = key.key == "html";
        for call in calls(&source) {
            let what = format!(
                "`alert.{}` calls `{call}()`, which is Python's: write a filter of Jinja",
                key.key
            );
            endpoint.notes.check(key.line, what);
        }
        let other = source.split("{%").skip(1).find(|tag| {
            let word = tag.split_whitespace().next();
            word.is_some_and(|word| OTHER_FILES.contains(&word))
        });
        let other = other.map(|tag| {
            let tag = tag.split("%}").next().unwrap_or_default();
            format!("there is nothing for {{%{tag}%}}")
        });
        let place = format!("alert.{}", key.key);
        let template = Template {
            place,
            source,
            html,
        };
        if let Some(problem) = other.or(template.check().err().map(|problem| problem.message)) {
            let what = format!("`alert.{}` is left out: {problem}", key.key);
            endpoint.notes.no_equivalent(key.line, what);
            return false;
        }
    }
    true
}

/// Methods that tags of a template call, but for those that are known.
fn calls(source: &str) -> Vec<&str> {
    let first = |text: &str, signs: [&str; 2]| signs.into_iter().filter_map(|s| text.find(s)).min();
    let (mut found, mut rest) = (Vec::new(), source);
    while let Some(start) = first(rest, ["{{", "{%"]) {
        let tag = &rest[start + 2..];
        let (tag, behind) = tag.split_at(first(tag, ["}}", "%}"]).unwrap_or(tag.len()));
        rest = behind;
        for (open, _) in tag.match_indices('(') {
            let before = &tag[..open];
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (of, name) = before.split_at(before.trim_end_matches(is_name).len());
            if of.ends_with('.') && !KNOWN_CALLS.contains(&name) && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// Whether these are paths and no templates, which is noted.
fn paths_only(place: &str, line: usize, paths: &[String], endpoint: &mut Endpoint) -> bool {
    let plain = !paths
        .iter()
        .any(|path| path.contains("{{") || path.contains("{%"));
    if !plain {
        let what = format!("{place}: here they are paths, and a message can't choose them");
        endpoint.notes.no_equivalent(line, what);
    }
    plain
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

    #[test]
    fn python_s_methods_are_found_in_tags_only() {
        let source = "{{ body.split(',')[0].upper() }} ok.go() {% if a.items() %}\
                      {{ now().strftime('%Y') }}{{ size(x) }}";
        assert_eq!(calls(source), ["split", "upper", "items"]);
    }
}
