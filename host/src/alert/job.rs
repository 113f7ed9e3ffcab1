//! Sending one alert, or all of one recipient's that make one mail.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;

use super::digest;
use super::failure::{Failure, Kind};
use super::letter::{self, Letter};
use super::mime;
use super::occasion::Occasion;
use super::plugin_mail::PluginMail;
use super::posted::{Channel, Leased};
use super::service::{Way, broken};
use super::webhook;
use crate::config::{AlertConfig, Config, MailAlert, MailConfig};
use crate::plugin::Network;

/// What sending needs, as of the config that was in force when it began.
pub struct Job {
    pub config: Arc<Config>,
    pub network: Arc<Network>,
    pub way: Arc<Way>,
    /// None where it is a webhook.
    pub mail: Option<MailConfig>,
    /// One, or several for one recipient; never none.
    pub rows: Vec<Leased>,
}

/// What an alert turned out to need.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Sent,
    /// It is for nobody: its templates name no recipient.
    ForNobody,
    /// Each of these gets it in a mail that collects theirs, one in this time.
    Split(Vec<String>, Duration),
}

impl Job {
    /// Sends.
    ///
    /// # Errors
    /// Why not, and what follows from it.
    pub async fn run(&self) -> Result<Outcome, Failure> {
        let Some(first) = self.rows.first() else {
            return Ok(Outcome::ForNobody);
        };
        match first.channel {
            Channel::Webhook => self.call(first).await,
            Channel::Plugin => {
                let mail: PluginMail = stored(first)?;
                let letter = letter::of_plugin(mail)?;
                self.mail(&letter, &first.id, first.created).await
            }
            Channel::Mail => self.alert(first).await,
        }
    }

    async fn alert(&self, first: &Leased) -> Result<Outcome, Failure> {
        let alert = self.mail_alert(first)?;
        let letters = self
            .rows
            .iter()
            .map(|row| letter::of_alert(alert, &stored(row)?));
        let mut letters = letters.collect::<Result<Vec<Letter>, Failure>>()?;
        let letter = match (&first.recipient, alert.digest) {
            (Some(recipient), _) => {
                let recipient: Mailbox = recipient.parse().map_err(|error| {
                    Failure::new(Kind::Final, format!("{recipient:?} is no address: {error}"))
                })?;
                digest::together(letters, recipient)
            }
            (None, Some(every)) => {
                let recipients = letters[0].recipients();
                return Ok(match recipients.is_empty() {
                    true => Outcome::ForNobody,
                    false => Outcome::Split(recipients, every),
                });
            }
            (None, None) => letters.swap_remove(0),
        };
        // A digest keeps its name however often it is tried.
        let id = first.digest.as_ref().unwrap_or(&first.id);
        self.mail(&letter, id, first.created).await
    }

    async fn mail(&self, letter: &Letter, id: &str, created: i64) -> Result<Outcome, Failure> {
        if letter.recipients().is_empty() {
            return Ok(Outcome::ForNobody);
        }
        let Some(service) = &self.mail else {
            return Err(Failure::new(Kind::Final, "its service sends no mail"));
        };
        let message = mime::message(letter, &service.from, id, created).await?;
        match &*self.way {
            Way::Smtp(smtp) => smtp.send(message).await?,
            Way::Broken(why) => return Err(broken(why)),
            Way::Log | Way::Webhook => {
                let mail = String::from_utf8_lossy(&message.formatted()).into_owned();
                tracing::info!(
                    id,
                    "a mail that is not sent, because its service is `log:`:\n{mail}"
                );
            }
        }
        Ok(Outcome::Sent)
    }

    async fn call(&self, row: &Leased) -> Result<Outcome, Failure> {
        let alert = self.config_of(row)?;
        let Some(hook) = &alert.webhook else {
            return Err(gone(row));
        };
        let occasion: Occasion = stored(row)?;
        webhook::call(&self.network, hook, &row.id, &row.alert, &occasion).await?;
        Ok(Outcome::Sent)
    }

    fn mail_alert(&self, row: &Leased) -> Result<&MailAlert, Failure> {
        self.config_of(row)?.mail.as_ref().ok_or_else(|| gone(row))
    }

    fn config_of(&self, row: &Leased) -> Result<&AlertConfig, Failure> {
        let endpoint = self.config.endpoints.get(&row.endpoint_name);
        let mut alerts = endpoint.into_iter().flat_map(|endpoint| &endpoint.alerts);
        alerts
            .find(|alert| *alert.name == *row.alert)
            .ok_or_else(|| gone(row))
    }
}

fn gone(row: &Leased) -> Failure {
    let message = format!(
        "the config has no such alert `{}` of endpoint `{}` any more",
        row.alert, row.endpoint_name
    );
    Failure::new(Kind::Final, message)
}

fn stored<T: serde::de::DeserializeOwned>(row: &Leased) -> Result<T, Failure> {
    serde_json::from_str(&row.data).map_err(|error| {
        Failure::new(
            Kind::Final,
            format!("what is stored can't be read: {error}"),
        )
    })
}
