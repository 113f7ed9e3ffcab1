//! An endpoint's `alert`: one, or a list of them.

mod template;
mod webhook;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::de::DeValue;

use super::expression::read_expression;
use super::reader::{Section, Wrong};
use super::value::Value;
use crate::alert::template::Template;
use crate::expression::{Expression, NAMES};
use crate::log::Method;

use template::{path, template, template_in};
pub use webhook::WebhookConfig;
use webhook::read_webhook;

/// What of a message is told to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertConfig {
    /// Unique on its endpoint.
    pub name: Arc<str>,
    pub methods: Vec<Method>,
    pub condition: Option<Expression>,
    pub mail: Option<MailAlert>,
    pub webhook: Option<WebhookConfig>,
}

/// The mail of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct MailAlert {
    /// Name of a mail service.
    pub service: Arc<str>,
    pub to: Vec<Template>,
    pub cc: Vec<Template>,
    pub bcc: Vec<Template>,
    pub reply_to: Vec<Template>,
    pub on_behalf_of: Option<Template>,
    pub from: Option<Template>,
    pub subject: Option<Template>,
    pub body: Option<Template>,
    pub html: Option<Template>,
    pub markdown: Option<Template>,
    pub images: Vec<MailImage>,
    pub attachments: Vec<PathBuf>,
    /// Each recipient gets at most one mail in this time.
    pub digest: Option<Duration>,
}

/// An image that HTML shows as `cid:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailImage {
    pub cid: String,
    pub path: PathBuf,
}

/// Reads the alerts of an endpoint that keeps what it is sent. `services` are the names of
/// the mail services.
pub(super) fn read_alerts(section: &mut Section<'_>, services: &[&str]) -> Vec<AlertConfig> {
    let Some(value) = section.take("alert") else {
        return Vec::new();
    };
    let reading = value.reading;
    let alerts = if matches!(value.raw, DeValue::Array(_)) {
        value.items().unwrap_or_default()
    } else {
        vec![value]
    };
    let mut names = BTreeSet::new();
    let mut read = Vec::new();
    for (number, value) in alerts.into_iter().enumerate() {
        let at = value.at;
        let alert = Alert {
            section: value.into_section(),
            services,
        };
        let alert = alert.read(number + 1);
        if !names.insert(alert.name.clone()) {
            let what = format!("two alerts of the endpoint have the name `{}`", alert.name);
            reading.report(at, what, "name them differently with `name`");
        }
        read.push(alert);
    }
    read
}

/// Keys that only a mail has.
const MAIL: &[&str] = &[
    "service",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "on_behalf_of",
    "from",
    "subject",
    "body",
    "bodyfile",
    "html",
    "htmlfile",
    "markdown",
    "markdownfile",
    "images",
    "attachments",
    "digest",
];

/// One alert while it is read.
struct Alert<'a, 's> {
    section: Section<'a>,
    services: &'s [&'s str],
}

impl Alert<'_, '_> {
    fn read(mut self, number: usize) -> AlertConfig {
        let is_mail = MAIL.iter().any(|key| self.section.has(key));
        let is_webhook = self.section.has("webhook");
        if !is_mail && !is_webhook {
            let what = format!("`{}` tells nobody", self.section.key);
            let remedy = "add `to` and the like, or `webhook`";
            self.section.reading.report(self.section.at, what, remedy);
        }
        let name = self.section.optional("name", name);
        let methods = self.section.list("methods", |value| {
            value.choice(&[
                ("POST", Method::Post),
                ("PUT", Method::Put),
                ("DELETE", Method::Delete),
            ])
        });
        let condition = self.section.take("condition");
        let condition = condition.and_then(|value| read_expression(&value, NAMES));
        let mail = self.mail();
        let mut webhook = self.section.section("webhook");
        let webhook_config = is_webhook.then(|| read_webhook(&mut webhook)).flatten();
        if is_webhook {
            webhook.finish();
        } else {
            // So that the keys are known.
            let _ = (webhook.take("url"), webhook.take("secret"));
        }
        let alert = AlertConfig {
            name: name.unwrap_or_else(|| number.to_string()).into(),
            methods: methods.unwrap_or_else(|| vec![Method::Post]),
            condition,
            mail: mail.filter(|_| is_mail),
            webhook: webhook_config,
        };
        self.section.finish();
        alert
    }

    /// Reads what a mail has, also where there is none, so that its keys are known.
    fn mail(&mut self) -> Option<MailAlert> {
        let is_mail = MAIL.iter().any(|key| self.section.has(key));
        let service = if is_mail { self.service() } else { None };
        self.section.take("service");
        let mail = MailAlert {
            service: service.clone().unwrap_or_default().into(),
            to: self.list("to"),
            cc: self.list("cc"),
            bcc: self.list("bcc"),
            reply_to: self.list("reply_to"),
            on_behalf_of: self.one("on_behalf_of"),
            from: self.one("from"),
            subject: self.one("subject"),
            body: self.text("body", "bodyfile", false),
            html: self.text("html", "htmlfile", true),
            markdown: self.text("markdown", "markdownfile", false),
            images: self.images(),
            attachments: self.section.list("attachments", path).unwrap_or_default(),
            digest: self.section.optional("digest", |value| {
                value.duration(Duration::from_millis(10)..=Duration::from_secs(7 * 86_400))
            }),
        };
        let (key, at) = (self.section.key.clone(), self.section.at);
        let report = |what: String, remedy: &str| self.section.reading.report(at, what, remedy);
        let has = |keys: [&str; 2]| keys.iter().any(|key| self.section.has(key));
        if is_mail && !["to", "cc", "bcc"].iter().any(|key| self.section.has(key)) {
            report(
                format!("`{key}` has no recipient"),
                "add `to`, `cc` or `bcc`",
            );
        }
        if has(["html", "htmlfile"]) && has(["markdown", "markdownfile"]) {
            let what = format!("`{key}` has both HTML and Markdown, which becomes HTML");
            report(what, "remove one of them");
        }
        service.map(|_| mail)
    }

    /// The service that the mail is sent by.
    fn service(&mut self) -> Option<String> {
        let known = self.services;
        let (key, at) = (self.section.key.clone(), self.section.at);
        let reading = self.section.reading;
        if self.section.has("service") {
            return self.section.optional("service", |value| {
                let name = value.text()?;
                if known.contains(&name.as_str()) {
                    return Ok(name);
                }
                Err(value.unknown(&name, known))
            });
        }
        match *known {
            [only] => Some(only.to_owned()),
            [] => {
                let what = format!("`{key}` has no mail service to send by");
                let remedy = "add [mail.NAME] with `url` and `from`";
                reading.report(at, what, remedy);
                None
            }
            _ => {
                let what = format!("`{key}` does not say which mail service sends it");
                reading.report(
                    at,
                    what,
                    format!("add `service`, one of {}", known.join(", ")),
                );
                None
            }
        }
    }

    /// A template in one line.
    fn one(&mut self, key: &str) -> Option<Template> {
        self.section
            .optional(key, |value| template(value, value.text()?, false))
    }

    /// One template or several.
    fn list(&mut self, key: &str) -> Vec<Template> {
        let read = self.section.optional(key, |value| {
            if !matches!(value.raw, DeValue::Array(_)) {
                return Ok(vec![template(value, value.text()?, false)?]);
            }
            let items = value.items()?;
            let templates = items.iter().map(|item| template(item, item.text()?, false));
            templates.collect()
        });
        read.unwrap_or_default()
    }

    /// A template written out or in a file of its own.
    fn text(&mut self, key: &str, file_key: &str, html: bool) -> Option<Template> {
        if self.section.has(key) && self.section.has(file_key) {
            let section = &self.section;
            let what = format!("`{}` has both `{key}` and `{file_key}`", section.key);
            let place = section.place_of(file_key);
            section.reading.report(place, what, "remove one of them");
        }
        let written = self
            .section
            .optional(key, |value| template(value, value.text()?, html));
        let from_file = self
            .section
            .optional(file_key, |value| template_in(value, html));
        written.or(from_file)
    }

    fn images(&mut self) -> Vec<MailImage> {
        let mut section = self.section.section("images");
        let mut images = Vec::new();
        for (cid, value) in section.take_named() {
            let read = path(&value).and_then(|path| {
                if !cid
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                {
                    let what = format!("has the name {cid:?}, which HTML can't refer to");
                    return Err(Wrong::new(what, "use letters, digits, `-`, `_` and `.`"));
                }
                Ok(MailImage { cid, path })
            });
            match read {
                Ok(image) => images.push(image),
                Err(wrong) => value.reading.report_value(&value, wrong),
            }
        }
        section.finish();
        images
    }
}

fn name(value: &Value<'_>) -> Result<String, Wrong> {
    let name = value.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 63 || !name.chars().all(fits) {
        return Err(Wrong::new(
            format!("is {name:?}, which can't be an alert's name"),
            "use at most 63 letters, digits, `_` and `-`",
        ));
    }
    Ok(name)
}
