//! `webhook` of an alert.

use std::sync::Arc;

use http::Uri;

use crate::config::reader::{Section, Wrong};
use crate::config::secret::Secret;
use crate::plugin::Destination;

/// A URL that is called.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookConfig {
    pub url: Uri,
    pub secret: Option<Secret>,
}

impl WebhookConfig {
    /// Scheme, host and port: what is down together.
    pub fn server(&self) -> Arc<str> {
        let scheme = self.url.scheme_str().unwrap_or_default();
        let authority = self
            .url
            .authority()
            .map_or("", |authority| authority.as_str());
        format!("{scheme}://{authority}").into()
    }
}

/// Reads one that is there.
pub(super) fn read_webhook(section: &mut Section<'_>) -> Option<WebhookConfig> {
    if !section.has("url") {
        let what = format!("`{}` has no `url`", section.key);
        let remedy = "add url = \"https://hooks.example.org/chat\"";
        section.reading.report(section.at, what, remedy);
    }
    let url = section.optional("url", |value| {
        let text = value.text()?;
        let url: Option<Uri> = text.parse().ok();
        url.filter(|url| Destination::of(url).is_some())
            .ok_or_else(|| {
                Wrong::new(
                    "is no URL that can be called",
                    "write \"https://hooks.example.org/chat\", without a user in it",
                )
            })
    });
    let secret = section.optional("secret", |value| value.text().map(Secret::new));
    Some(WebhookConfig { url: url?, secret })
}
