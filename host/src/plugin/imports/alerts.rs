//! `hookcast:plugin/alerts`: mails, buffered until the hook returns ok, then in the outbox
//! with its message.

use std::sync::Arc;

use super::Answer;
use super::messaging::invalid;
use crate::alert::PluginMail;
use crate::effects::Effect;
use crate::plugin::bindings::hookcast::plugin::alerts;
use crate::plugin::grant::Grant;
use crate::plugin::state::State;
use crate::plugin::surroundings::HostError;

impl alerts::Host for State {
    fn send(&mut self, mail: String) -> Answer<()> {
        self.need(&Grant::Alerts)?;
        self.fits("mail", &mail)?;
        let bytes = mail.len();
        let mail = PluginMail::parse(&mail).map_err(invalid)?;
        let service = self.mail_service(mail.service.as_deref())?;
        let plugin = Arc::clone(self.log.plugin());
        let mail = Box::new(mail);
        Ok(self.push(
            bytes,
            Effect::Mail {
                plugin,
                service,
                mail,
            },
        )?)
    }
}

impl State {
    fn mail_service(&mut self, name: Option<&str>) -> Result<String, HostError> {
        let surroundings = Arc::clone(&self.active()?.surroundings);
        let function = "alerts.send";
        let answer = match self.tape.scripted(function) {
            Some(answer) => answer,
            None => surroundings.mail_service(name),
        };
        self.tape.note(function, answer.as_ref());
        answer
    }
}
