//! Handing mails to an SMTP server, over a few connections that are kept.

use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::failure::{Failure, Kind};
use crate::config::{MailConfig, MailTls, SmtpServer};

/// A connection that nothing was sent by for so long is closed: servers do the same.
const IDLE: Duration = Duration::from_secs(20);

/// One mail may take so many times the timeout of one answer.
const ANSWERS: u32 = 4;

/// One server.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

impl Smtp {
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// The certificates of `roots` can't be used.
    pub fn new(config: &MailConfig, server: &SmtpServer) -> Result<Self, String> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .timeout(Some(config.timeout))
            .pool_config(
                PoolConfig::new()
                    .max_size(config.connections)
                    .idle_timeout(IDLE),
            );
        builder = match server.tls {
            MailTls::None => builder.tls(Tls::None),
            MailTls::StartTls => builder.tls(Tls::Required(parameters(config, server)?)),
            MailTls::Whole => builder.tls(Tls::Wrapper(parameters(config, server)?)),
        };
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            let password = password.reveal().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            timeout: config.timeout * ANSWERS,
        })
    }

    /// Hands a mail over. When this returns ok the server has taken it on itself.
    pub async fn send(&self, message: Message) -> Result<(), Failure> {
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::new(kind(&error), said(&error))),
            Err(_) => {
                let message = format!("took longer than {:?} for one mail", self.timeout);
                Err(Failure::new(Kind::Late, message))
            }
        }
    }
}

fn parameters(config: &MailConfig, server: &SmtpServer) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(file) = &config.roots {
        let shown = file.display();
        let pem = std::fs::read(file).map_err(|error| format!("{shown} can't be read: {error}"))?;
        let root = Certificate::from_pem(&pem)
            .map_err(|error| format!("{shown} has no usable certificate: {error}"))?;
        builder = builder.add_root_certificate(root);
    }
    builder
        .build_rustls()
        .map_err(|error| format!("TLS can't be set up: {error}"))
}

/// What follows from an error.
fn kind(error: &Error) -> Kind {
    let status = error.status().map(u16::from);
    match status {
        // It shuts down, or does not know us: no fault of this mail.
        Some(421 | 454 | 530 | 534 | 535 | 538) => Kind::Down,
        _ if error.is_permanent() => Kind::Final,
        _ if error.is_transient() => Kind::Refused,
        _ if error.is_timeout() => Kind::Late,
        _ => Kind::Down,
    }
}

/// The error and its causes: the first alone says only that something went wrong.
fn said(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        let more = deeper.to_string();
        if !words.contains(&more) {
            words.push_str(&format!(": {more}"));
        }
        cause = deeper.source();
    }
    words
}
