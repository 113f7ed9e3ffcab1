//! `email: {NAME: {type, host, email, password}}`: the mail services that alerts name.

use super::toml::{Lines, verbatim};
use super::yaml::Entry;

/// Types of Gramex that stand for a server, with their URLs here.
const SERVERS: [(&str, &str); 8] = [
    ("gmail", "smtps://smtp.gmail.com"),
    ("icloud", "smtp://smtp.mail.me.com?tls=starttls"),
    ("live", "smtp://smtp.office365.com?tls=starttls"),
    ("mail.com", "smtps://smtp.mail.com"),
    ("mandrill", "smtp://smtp.mandrillapp.com?tls=starttls"),
    ("office365", "smtp://smtp.office365.com?tls=starttls"),
    ("outlook", "smtp://smtp.office365.com?tls=starttls"),
    ("yahoo", "smtps://smtp.mail.yahoo.com"),
];

/// A service as the config has it: its name, and the lines of its table.
#[derive(Debug)]
pub struct Service {
    pub name: String,
    pub line: usize,
    pub toml: Lines,
    /// The variable of the environment that its password is read from.
    pub variable: Option<String>,
}

impl Service {
    /// None for a type that does not send mails.
    pub fn read(entry: &Entry) -> Option<Self> {
        let text = |key: &str| entry.node.get(key).and_then(|entry| entry.node.text());
        let url = match text("stub") {
            Some(_) => "log:".to_owned(),
            None => url(&text("type")?, text("host"), text("port"))?,
        };
        let address = text("email").unwrap_or_else(|| "nobody@localhost".to_owned());
        let mut toml = Lines::default();
        toml.text("url", &verbatim(&url));
        toml.text("from", &verbatim(&address));
        let variable = text("password").map(|_| variable(&entry.key));
        let variable = variable.filter(|_| url != "log:");
        if let Some(variable) = &variable {
            toml.text("user", &verbatim(&address));
            toml.text("password", &format!("${{{variable}}}"));
        }
        Some(Self {
            name: entry.key.clone(),
            line: entry.line,
            toml,
            variable,
        })
    }
}

/// What stands for a service where there is none.
pub fn placeholder() -> Service {
    let mut toml = Lines::default();
    toml.text("url", "log:");
    toml.text("from", "nobody@localhost");
    Service {
        name: "log".to_owned(),
        line: 1,
        toml,
        variable: None,
    }
}

fn variable(service: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = service.chars().map(letter).collect();
    format!("MAIL_{}_PASSWORD", name.to_ascii_uppercase())
}

fn url(kind: &str, host: Option<String>, port: Option<String>) -> Option<String> {
    if kind == "stub" {
        return Some("log:".to_owned());
    }
    let known = SERVERS.into_iter().find(|(known, _)| *known == kind);
    let host = host.filter(|host| !host.is_empty());
    let Some(host) = host else {
        return known.map(|(_, url)| url.to_owned());
    };
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let whole = known.is_some_and(|(_, url)| url.starts_with("smtps:"));
    match kind {
        "smtps" => Some(format!("smtps://{host}{port}")),
        _ if whole => Some(format!("smtps://{host}{port}")),
        // Gramex's, too, begin with TLS on this port.
        _ if kind == "smtp" || known.is_some() => Some(format!("smtp://{host}{port}?tls=starttls")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_servers() {
        let with = |kind: &str, host: Option<&str>, port: Option<&str>| {
            url(kind, host.map(str::to_owned), port.map(str::to_owned))
        };
        let gmail = with("gmail", None, None);
        assert_eq!(gmail.as_deref(), Some("smtps://smtp.gmail.com"));
        let other = with("gmail", Some("relay.example.org"), None);
        assert_eq!(other.as_deref(), Some("smtps://relay.example.org"));
        let plain = with("smtp", Some("mail.example.org"), None);
        let starttls = "smtp://mail.example.org?tls=starttls";
        assert_eq!(plain.as_deref(), Some(starttls));
        let own = with("smtps", Some("mail.example.org"), Some("466"));
        assert_eq!(own.as_deref(), Some("smtps://mail.example.org:466"));
        assert_eq!(with("stub", None, None).as_deref(), Some("log:"));
        assert_eq!(with("smtp", None, None), None);
        assert_eq!(with("pigeon", Some("loft"), None), None);
    }
}
