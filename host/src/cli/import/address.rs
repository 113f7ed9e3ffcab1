//! Where an endpoint is, and where its rows are.

use super::notes::Notes;
use super::yaml::Entry;

/// The variables that Gramex puts the file's own place into.
const HERE: [&str; 4] = ["$YAMLURL", "${YAMLURL}", "$YAMLPATH", "${YAMLPATH}"];

/// An endpoint's name out of a URL's: `app/chat` is `app-chat`. Other than those before.
pub fn name(from: &str, taken: &[String]) -> String {
    let letter = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '_' => c,
        _ => '-',
    };
    let name: String = from.chars().map(letter).collect();
    let name = name.trim_matches(['-', '_']);
    let name = name.get(..name.len().min(60)).unwrap_or_default();
    let name = if name.is_empty() { "messages" } else { name };
    let mut numbered =
        std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}-{number}")));
    let free = numbered.find(|name| !taken.contains(name));
    free.unwrap_or_default()
}

/// A table's name that every database takes, other than those before.
pub fn table(from: &str, taken: &[String]) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = from.chars().map(letter).take(60).collect();
    let lower = name.to_ascii_lowercase();
    let own = ["hookcast_", "sqlite_"]
        .iter()
        .any(|prefix| lower.starts_with(prefix));
    let name = match name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !own {
        true => name,
        false => format!("t_{name}").chars().take(60).collect(),
    };
    let mut numbered =
        std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}_{number}")));
    let is_taken = |name: &String| taken.iter().any(|other| other.eq_ignore_ascii_case(name));
    let free = numbered.find(|name| !is_taken(name));
    free.unwrap_or_default()
}

/// The path of a `pattern`, which in Gramex is a regular expression.
pub fn path(pattern: Option<&Entry>, name: &str, line: usize, notes: &mut Notes) -> String {
    let usual = format!("/{name}");
    let Some((text, line)) = pattern.and_then(|entry| Some((entry.node.text()?, entry.line)))
    else {
        notes.check(line, format!("there is no `pattern`; the path is {usual}"));
        return usual;
    };
    let mut path = text.clone();
    for variable in HERE {
        path = path.replace(variable, "");
    }
    let mut path = path.trim_end_matches('$').replace("//", "/");
    // What a request is matched with, as parameters of the path.
    let mut number = 0;
    for (group, parameter) in [
        ("([^/]+)", "{"),
        ("([^/]*)", "{"),
        ("(.*)", "{*"),
        ("(.+)", "{*"),
    ] {
        while path.contains(group) {
            number += 1;
            path = path.replacen(group, &format!("{parameter}p{number}}}"), 1);
        }
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~{}*".contains(c);
    let rest_is_last = !path.trim_end_matches('}').contains("}/{*") || path.ends_with('}');
    if path.starts_with('/') && path.len() > 1 && path.chars().all(plain) && rest_is_last {
        if number > 0 {
            let what = format!("`pattern: {text}` has groups; they are parameters of {path}");
            notes.check(line, what);
        }
        return path;
    }
    let what = format!("`pattern: {text}` is no path that can be served; the path is {usual}");
    notes.check(line, what);
    usual
}

/// The URL of a database as Hookcast writes it; none where it can't use one.
pub fn database(url: &str) -> Option<String> {
    let path = url.strip_prefix("sqlite:///")?;
    let mut path = path.to_owned();
    for variable in HERE {
        path = path
            .replace(&format!("{variable}/"), "")
            .replace(variable, "");
    }
    let (path, _) = path.split_once('?').unwrap_or((&path, ""));
    let named = !path.is_empty() && path != ":memory:" && !path.contains('$');
    // Four slashes begin an absolute path there, three here.
    named.then(|| format!("sqlite://{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::yaml;

    #[test]
    fn patterns_become_paths() {
        let cases = [
            ("/$YAMLURL/simple", "/simple", 0),
            ("/chat", "/chat", 0),
            ("/chat/([^/]+)/live", "/chat/{p1}/live", 1),
            ("/files/(.*)", "/files/{*p1}", 1),
            ("/chat/[0-9]+", "/name", 1),
            ("/$YAMLURL/", "/name", 1),
        ];
        for (pattern, expected, notes) in cases {
            let root = yaml::parse(&format!("pattern: {pattern}")).expect("YAML");
            let mut found = Notes::default();
            let path = path(root.get("pattern"), "name", 1, &mut found);
            assert_eq!(
                (path.as_str(), found.0.len()),
                (expected, notes),
                "{pattern}"
            );
        }
    }

    #[test]
    fn names_differ_and_can_stand_in_urls() {
        assert_eq!(name("app/chat", &[]), "app-chat");
        assert_eq!(name("app/chat", &["app-chat".to_owned()]), "app-chat-2");
        assert_eq!(name("/$$/", &[]), "messages");
    }

    #[test]
    fn tables_have_names_that_databases_take() {
        for (from, expected) in [
            ("messages", "messages"),
            ("app-chat", "app_chat"),
            ("public.chat", "public_chat"),
            ("2023", "t_2023"),
            ("sqlite_x", "t_sqlite_x"),
        ] {
            assert_eq!(table(from, &[]), expected);
        }
        assert_eq!(table("Chat", &["chat".to_owned()]), "Chat_2");
    }

    #[test]
    fn sqlite_files_are_where_the_yaml_was() {
        let cases = [
            (
                "sqlite:///$YAMLPATH/messages.db",
                Some("sqlite://messages.db"),
            ),
            (
                "sqlite:////var/lib/chat.db",
                Some("sqlite:///var/lib/chat.db"),
            ),
            (
                "sqlite:///data/chat.db?timeout=1",
                Some("sqlite://data/chat.db"),
            ),
            ("sqlite:///:memory:", None),
            ("sqlite:///$HOME/chat.db", None),
            ("postgresql://user@host/db", None),
        ];
        for (url, expected) in cases {
            assert_eq!(database(url).as_deref(), expected, "{url}");
        }
    }
}
