//! What follows from how a job has ended: gone, tried again, or a dead letter; and what of
//! it operators are told.

use std::time::Duration;

use metrics::counter;

use super::{Done, Worker, micros};
use crate::alert::failure::{Failure, Kind};
use crate::alert::job::Outcome;
use crate::alert::posted::{Channel, Leased, Settled};
use crate::alert::rate::backoff;
use crate::clock::now_micros;

impl Worker {
    /// What follows from how a job has ended.
    pub(super) fn judge(&mut self, done: Done) -> Settled {
        let Done {
            service,
            rows,
            result,
        } = done;
        let taken = match &result {
            Ok(Outcome::Sent) => Some(Ok(())),
            Err(failure) if failure.kind.pauses() => Some(Err(failure)),
            _ => None,
        };
        if let Some(known) = self.services.get_mut(&service) {
            known.end(&service, taken, &self.config.alerts);
        }
        let numbers: Vec<i64> = rows.iter().map(|row| row.number).collect();
        let alerts = numbers.len() as u64;
        let Some(first) = rows.first() else {
            return Settled::Sent { numbers };
        };
        let endpoint = || first.endpoint_name.clone();
        let channel = first.channel.as_str();
        match result {
            Ok(Outcome::Split(recipients, every)) => Settled::Split {
                number: first.number,
                recipients,
                every: micros(every),
            },
            Ok(outcome) => {
                let name = match outcome {
                    Outcome::ForNobody => "hookcast_alerts_for_nobody_total",
                    _ => "hookcast_alerts_sent_total",
                };
                counter!(name, "endpoint" => endpoint(), "channel" => channel).increment(alerts);
                self.sent(first, numbers)
            }
            Err(failure) => {
                counter!(
                    "hookcast_alerts_failed_total",
                    "endpoint" => endpoint(), "channel" => channel, "kind" => failure.kind.as_str()
                )
                .increment(1);
                self.failed(first, numbers, &service, failure)
            }
        }
    }

    fn sent(&self, first: &Leased, numbers: Vec<i64>) -> Settled {
        match (&first.recipient, self.digest_of(first)) {
            (Some(recipient), Some(every)) => {
                let sent = now_micros();
                Settled::DigestSent {
                    numbers,
                    endpoint: first.endpoint,
                    alert: first.alert.clone(),
                    recipient: recipient.clone(),
                    sent,
                    next: sent + micros(every),
                }
            }
            _ => Settled::Sent { numbers },
        }
    }

    /// How seldom a recipient of the alert gets mail, where that is bounded.
    pub(super) fn digest_of(&self, row: &Leased) -> Option<Duration> {
        let endpoint = self.config.endpoints.get(&row.endpoint_name)?;
        let alert = endpoint.alerts.iter().find(|one| *one.name == *row.alert)?;
        let mail = alert
            .mail
            .as_ref()
            .filter(|_| row.channel == Channel::Mail)?;
        mail.digest
    }

    fn failed(
        &mut self,
        first: &Leased,
        numbers: Vec<i64>,
        service: &str,
        failure: Failure,
    ) -> Settled {
        let config = &self.config.alerts;
        let tries = first.attempts + 1;
        let message = failure.message;
        match failure.kind {
            Kind::Down => Settled::Later {
                numbers,
                due: now_micros(),
                refused: None,
            },
            Kind::Refused | Kind::Late if tries < config.attempts => {
                let pause = backoff(tries, config.backoff, config.longest_backoff);
                self.complain(first, |left_out| {
                    tracing::warn!(
                        endpoint = %first.endpoint_name, alert = %first.alert, id = %first.id,
                        service, tries, left_out,
                        "an alert was not sent and is tried again in {pause:?}: {message}"
                    );
                });
                Settled::Later {
                    numbers,
                    due: now_micros() + micros(pause),
                    refused: Some(message),
                }
            }
            Kind::Refused | Kind::Late | Kind::Final => {
                counter!("hookcast_alerts_dead_total", "endpoint" => first.endpoint_name.clone())
                    .increment(numbers.len() as u64);
                self.complain(first, |left_out| {
                    let of = if first.channel == Channel::Plugin {
                        "plugin"
                    } else {
                        "alert"
                    };
                    tracing::error!(
                        endpoint = %first.endpoint_name, alert = %first.alert, id = %first.id,
                        service, tries, left_out,
                        "an alert could not be sent and is a dead letter: {message}. Mend the \
                         {of}, then POST /api/alerts/{}/retry",
                        first.id
                    );
                });
                Settled::Dead {
                    numbers,
                    error: message,
                }
            }
        }
    }

    /// One line for many that fail alike.
    fn complain(&mut self, row: &Leased, line: impl FnOnce(u64)) {
        let key = (row.endpoint_name.clone(), row.alert.clone());
        if let Some(left_out) = self.complaints.entry(key).or_default().admit() {
            line(left_out);
        }
    }
}
