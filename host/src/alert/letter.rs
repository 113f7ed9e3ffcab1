//! A mail before it is one: rendered, its addresses read, its files not yet.

use std::path::PathBuf;

use lettre::message::Mailbox;

use super::address::{self, MOST};
use super::failure::{Failure, Kind};
use super::markdown;
use super::occasion::Occasion;
use super::plugin_mail::PluginMail;
use super::template::Template;
use crate::config::{MailAlert, MailImage};

/// Characters of a subject; what is longer is cut.
const SUBJECT: usize = 250;

/// What a mail says, and to whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Letter {
    /// None: the mail service's.
    pub from: Option<Mailbox>,
    pub on_behalf_of: Option<Mailbox>,
    pub reply_to: Vec<Mailbox>,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    pub bcc: Vec<Mailbox>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
    pub images: Vec<MailImage>,
    pub attachments: Vec<PathBuf>,
}

impl Letter {
    /// Whom it goes to, each once, in lower case.
    pub fn recipients(&self) -> Vec<String> {
        let all = self.to.iter().chain(&self.cc).chain(&self.bcc);
        let mut addresses: Vec<_> = all
            .map(|one| one.email.to_string().to_lowercase())
            .collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }
}

/// Renders an alert for a message.
///
/// # Errors
/// A template fails, or what it gives is no address: for the operator to mend.
pub fn of_alert(alert: &MailAlert, occasion: &Occasion) -> Result<Letter, Failure> {
    let names = occasion.names();
    let render = |template: &Template| template.render(&names).map_err(wrong);
    let maybe = |template: &Option<Template>| template.as_ref().map(render).transpose();
    let list = |templates: &[Template]| {
        let mut addresses = Vec::new();
        for template in templates {
            addresses.extend(read(template, &render(template)?, address::several)?);
        }
        Ok::<_, Failure>(addresses)
    };
    let one = |template: &Option<Template>| match template {
        Some(template) => {
            let text = render(template)?;
            let blank = text.trim().is_empty();
            let read = (!blank).then(|| read(template, &text, address::one));
            read.transpose()
        }
        None => Ok(None),
    };
    let mut letter = Letter {
        from: one(&alert.from)?,
        on_behalf_of: one(&alert.on_behalf_of)?,
        reply_to: list(&alert.reply_to)?,
        to: list(&alert.to)?,
        cc: list(&alert.cc)?,
        bcc: list(&alert.bcc)?,
        subject: one_line(&maybe(&alert.subject)?.unwrap_or_default()),
        text: maybe(&alert.body)?,
        html: maybe(&alert.html)?,
        images: alert.images.clone(),
        attachments: alert.attachments.clone(),
    };
    if let Some(markdown) = maybe(&alert.markdown)? {
        add_markdown(&mut letter, markdown);
    }
    bounded(letter)
}

/// A plugin's mail.
///
/// # Errors
/// It is not one; it was checked when the plugin sent it.
pub fn of_plugin(mail: PluginMail) -> Result<Letter, Failure> {
    let list = |texts: &[String]| {
        let mut addresses = Vec::new();
        for text in texts {
            let read = address::several(text).map_err(|error| Failure::new(Kind::Final, error));
            addresses.extend(read?);
        }
        Ok::<_, Failure>(addresses)
    };
    let mut letter = Letter {
        reply_to: list(mail.reply_to.as_slice())?,
        to: list(mail.to.texts())?,
        cc: list(mail.cc.texts())?,
        bcc: list(mail.bcc.texts())?,
        subject: one_line(&mail.subject),
        text: mail.body,
        html: mail.html,
        ..Letter::default()
    };
    if let Some(markdown) = mail.markdown {
        add_markdown(&mut letter, markdown);
    }
    bounded(letter)
}

/// Markdown is the HTML, and where there is no other text its source is that.
fn add_markdown(letter: &mut Letter, markdown: String) {
    letter.html = Some(markdown::to_html(&markdown));
    letter.text.get_or_insert(markdown);
}

fn bounded(letter: Letter) -> Result<Letter, Failure> {
    let recipients = letter.recipients().len();
    if recipients > MOST {
        let message = format!("the mail has {recipients} recipients; it may have {MOST}");
        return Err(Failure::new(Kind::Final, message));
    }
    Ok(letter)
}

fn read<T>(
    template: &Template,
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    read(text).map_err(|error| {
        let message = format!("{}: {error}", template.place);
        Failure::new(Kind::Final, message)
    })
}

fn wrong(problem: super::template::Problem) -> Failure {
    Failure::new(Kind::Final, problem.to_string())
}

/// A header is one line: whoever puts a line break into a subject gets a blank.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line() {
        let subject = one_line(" a\r\nBcc: all@example.org\t\u{b}b\u{85}c ");
        assert_eq!(subject, "a Bcc: all@example.org b c");
        assert_eq!(one_line(&"ä".repeat(1_000)).chars().count(), SUBJECT);
    }

    #[test]
    fn markdown_is_both_texts() {
        let mail = r#"{"to": "a@example.org", "markdown": "*hi*"}"#;
        let letter = of_plugin(PluginMail::parse(mail).expect("a mail")).expect("a letter");
        assert_eq!(letter.text.as_deref(), Some("*hi*"));
        assert_eq!(letter.html.as_deref(), Some("<p><em>hi</em></p>\n"));
    }
}
