//! `email: {NAME: {type, host, email, password}}`: the mail services that alerts name.

use super::toml::{Lines, verbatim};
use super::yaml::Entry;

/// Types of Gramex that stand for a server.
const SERVERS: [(&str, &str); 9] = [
    ("gmail", "smtp.gmail.com"),
    ("icloud", "smtp.mail.me.com"),
    ("live", "smtp.live.com"),
    ("mail.com", "smtp.mail.com"),
    ("mandrill", "smtp.mandrillapp.com"),
    ("office365", "smtp.office365.com"),
    ("outlook", "smtp-mail.outlook.com"),
    ("smtp", ""),
    ("yahoo", "smtp.mail.yahoo.com"),
];

/// A service as the config has it: its name, and the lines of its table.
#[derive(Debug)]
pub struct Service {
    pub name: String,
    pub line: usize,
    pub toml: Lines,
    /// The variable of the environment that its password is read from.
    pub variable: String,
}

impl Service {
    /// None for a type that does not send mails.
    pub fn read(entry: &Entry) -> Option<Self> {
        let text = |key: &str| entry.node.get(key).and_then(|entry| entry.node.text());
        let letter = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let capital = |c: char| letter(c).to_ascii_uppercase();
        let variable = format!(
            "MAIL_{}_PASSWORD",
            entry.key.chars().map(capital).collect::<String>()
        );
        let mut toml = Lines::default();
        toml.text(
            "url",
            &verbatim(&url(&text("type")?, text("host"), text("port"))?),
        );
        let address = text("email").unwrap_or_else(|| "nobody@localhost".to_owned());
        toml.text("from", &verbatim(&address));
        if text("password").is_some() {
            toml.text("user", &verbatim(&address));
            toml.text("password", &format!("${{{variable}:-}}"));
        }
        Some(Self {
            name: entry.key.clone(),
            line: entry.line,
            toml,
            variable,
        })
    }
}

fn url(kind: &str, host: Option<String>, port: Option<String>) -> Option<String> {
    if kind == "stub" {
        return Some("log:".to_owned());
    }
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let host = host.filter(|host| !host.is_empty());
    if kind == "smtps" {
        return Some(format!("smtps://{}{port}", host?));
    }
    let (_, server) = SERVERS.into_iter().find(|(known, _)| *known == kind)?;
    let host = host.or_else(|| Some(server.to_owned()).filter(|server| !server.is_empty()))?;
    // Gramex's, too, begin with TLS on this port.
    Some(format!("smtp://{host}{port}?tls=starttls"))
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
        assert_eq!(gmail.as_deref(), Some("smtp://smtp.gmail.com?tls=starttls"));
        let own = with("smtps", Some("mail.example.org"), Some("466"));
        assert_eq!(own.as_deref(), Some("smtps://mail.example.org:466"));
        assert_eq!(with("stub", None, None).as_deref(), Some("log:"));
        assert_eq!(with("smtp", None, None), None);
        assert_eq!(with("pigeon", Some("loft"), None), None);
    }
}
