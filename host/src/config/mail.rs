//! `[mail.NAME]`: services that mails are sent by.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use url::{Host, Url};

use super::reader::{Section, Wrong};
use super::secret::Secret;
use super::value::Value;
use crate::alert::address;

/// One mail service.
#[derive(Debug, Clone, PartialEq)]
pub struct MailConfig {
    pub kind: MailKind,
    /// Whom its mails are from, unless an alert says otherwise.
    pub from: Mailbox,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// PEM file of root certificates that are trusted besides the system's.
    pub roots: Option<PathBuf>,
    /// Connections at a time.
    pub connections: u32,
    /// How long one answer of the server may take.
    pub timeout: Duration,
}

/// What a service does with mails.
#[derive(Debug, Clone, PartialEq)]
pub enum MailKind {
    /// Writes them to the log: for tests.
    Log,
    Smtp(SmtpServer),
}

#[derive(Debug, Clone, PartialEq)]
pub struct SmtpServer {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
}

/// How a connection to an SMTP server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all.
    None,
    /// Once both sides have said hello; never without.
    StartTls,
    /// From the first byte.
    Whole,
}

/// Reads all services; none where one could not be read.
pub(super) fn read_mail(mut section: Section<'_>) -> BTreeMap<String, Option<MailConfig>> {
    let named = section.take_named();
    let services = named.into_iter();
    let services = services.map(|(name, value)| (name, read(value.into_section())));
    let services = services.collect();
    section.finish();
    services
}

fn read(mut section: Section<'_>) -> Option<MailConfig> {
    let reading = section.reading;
    for (key, remedy) in [
        ("url", "add url = \"smtps://smtp.example.org\""),
        ("from", "add from = \"Example <noreply@example.org>\""),
    ] {
        if !section.has(key) {
            let what = format!("`{}` has no `{key}`", section.key);
            reading.report(section.at, what, remedy);
        }
    }
    let kind = section.optional("url", kind);
    let from = section.optional("from", |value| {
        address::one(&value.text()?)
            .map_err(|error| Wrong::new(format!("is no sender: {error}"), "write one address"))
    });
    let filled = |text: &String| !text.is_empty();
    let user = section.optional("user", Value::text).filter(filled);
    let password = section.optional("password", Value::text).filter(filled);
    let roots = section.optional("roots", Value::text).filter(filled);
    let connections = section.read("connections", 4, |value| value.whole(1..=100));
    let timeout = section.read("timeout", Duration::from_secs(30), |value| {
        value.duration(Duration::from_millis(10)..=Duration::from_secs(120))
    });
    let in_clear = matches!(&kind, Some(MailKind::Smtp(server))
        if server.tls == MailTls::None && !is_near(&server.host));
    if in_clear && password.is_some() {
        let what = format!("`{}.url` would send the password unencrypted", section.key);
        let remedy = "write smtps://, or add ?tls=starttls";
        reading.report(section.place_of("url"), what, remedy);
    }
    if password.is_some() != user.is_some() {
        let what = format!("`{}` has only one of `user` and `password`", section.key);
        reading.report(section.at, what, "give both or none");
    }
    section.finish();
    Some(MailConfig {
        kind: kind?,
        from: from?,
        user,
        password: password.map(Secret::new),
        roots: roots.map(PathBuf::from),
        connections,
        timeout,
    })
}

fn kind(value: &Value<'_>) -> Result<MailKind, Wrong> {
    // The URL is not repeated in messages: people write passwords into it.
    let text = value.text()?;
    if text == "log:" {
        return Ok(MailKind::Log);
    }
    let example = "write \"smtps://smtp.example.org\", \"smtp://smtp.example.org?tls=starttls\" \
                   or \"log:\"";
    let url = Url::parse(&text).map_err(|_| Wrong::new("is not a URL", example))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::new(
            "has a user or a password in it",
            "write them as `user` and `password`, where nothing has to be encoded",
        ));
    }
    let tls = match (url.scheme(), url.query()) {
        ("smtps", None) => MailTls::Whole,
        ("smtp", None) => MailTls::None,
        ("smtp", Some("tls=starttls")) => MailTls::StartTls,
        _ => return Err(Wrong::new("is of a kind that is not known", example)),
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host.is_empty() || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(Wrong::new("does not name a server", example));
    }
    let usual = match tls {
        MailTls::None => 25,
        MailTls::StartTls => 587,
        MailTls::Whole => 465,
    };
    Ok(MailKind::Smtp(SmtpServer {
        host: host.to_owned(),
        port: url.port().unwrap_or(usual),
        tls,
    }))
}

/// Whether nobody can listen between here and there.
fn is_near(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
    }
}
