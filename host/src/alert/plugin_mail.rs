//! A mail that a plugin has written (`alerts.send`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::address;

/// The mail as the plugin gives it: finished texts, no templates, and no files of the
/// server's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginMail {
    /// A mail service; none is the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub to: List,
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub cc: List,
    #[serde(default, skip_serializing_if = "List::is_empty")]
    pub bcc: List,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

/// Addresses as one text or as several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum List {
    One(String),
    Several(Vec<String>),
}

impl Default for List {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl List {
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }

    fn is_empty(&self) -> bool {
        self.texts().is_empty()
    }
}

impl PluginMail {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, for the plugin's author.
    pub fn parse(json: &str) -> Result<Self, String> {
        // As an object first: a list would be taken for the fields in their order.
        let mail = serde_json::from_str(json).map(Value::Object);
        let mail: Self = mail.and_then(serde_json::from_value).map_err(|error| {
            format!("the mail must be a JSON object with `to` and the like: {error}")
        })?;
        let mut recipients = 0;
        for list in [&mail.to, &mail.cc, &mail.bcc] {
            for text in list.texts() {
                recipients += address::several(text)?.len();
            }
        }
        if recipients == 0 {
            return Err("the mail has no recipient; give it `to`, `cc` or `bcc`".into());
        }
        if recipients > address::MOST {
            let most = address::MOST;
            return Err(format!(
                "the mail has {recipients} recipients; it may have {most}"
            ));
        }
        if let Some(text) = &mail.reply_to {
            address::several(text)?;
        }
        if mail.html.is_some() && mail.markdown.is_some() {
            return Err("the mail has both `html` and `markdown`; give it one of them".into());
        }
        if mail.body.is_none() && mail.html.is_none() && mail.markdown.is_none() {
            return Err("the mail says nothing; give it `body`, `html` or `markdown`".into());
        }
        Ok(mail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_and_written_the_same() {
        let json = r#"{"to":"a@example.org","cc":["b@example.org","c@example.org"],"body":"x"}"#;
        let mail = PluginMail::parse(json).expect("a mail");
        assert_eq!(mail.cc.texts().len(), 2);
        assert_eq!(serde_json::to_string(&mail).expect("JSON"), json);
    }

    #[test]
    fn what_is_no_mail_says_why() {
        for (json, says) in [
            ("[]", "JSON object"),
            (r#"{"to":"a@example.org"}"#, "says nothing"),
            (r#"{"body":"x"}"#, "no recipient"),
            (r#"{"to":"nobody","body":"x"}"#, "no list of addresses"),
            (
                r#"{"to":"a@example.org","body":"x","attachments":[]}"#,
                "attachments",
            ),
            (
                r#"{"to":"a@example.org","html":"x","markdown":"x"}"#,
                "both",
            ),
            (
                r#"{"to":"a@example.org\nBcc: b@example.org","body":"x"}"#,
                "which no address has",
            ),
        ] {
            let error = PluginMail::parse(json).expect_err(json);
            assert!(error.contains(says), "{json}: {error}");
        }
        let many = vec!["a@example.org"; address::MOST + 1];
        let json = serde_json::json!({"to": many, "body": "x"}).to_string();
        assert!(
            PluginMail::parse(&json)
                .expect_err("too many")
                .contains("101")
        );
    }
}
