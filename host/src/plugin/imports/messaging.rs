//! `hookcast:plugin/messaging`: sends, buffered until the hook returns ok.

use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::Answer;
use crate::effects::{Effect, Publication};
use crate::id::ConnectionId;
use crate::log::Method;
use crate::plugin::bindings::hookcast::plugin::messaging;
use crate::plugin::grant::Grant;
use crate::plugin::limits::Limit;
use crate::plugin::state::State;
use crate::plugin::surroundings::HostError;

/// Bytes a close frame has for its reason (RFC 6455: 125 with the code).
const REASON: usize = 123;

/// Bytes a user id or the name of a group may have.
const NAME: usize = 256;

impl messaging::Host for State {
    fn reply(&mut self, message: String) -> Answer<()> {
        let connection = self.active()?.connection;
        let json = self.message(message)?;
        Ok(self.push(json.len(), Effect::ToConnection { connection, json })?)
    }

    fn to_connection(&mut self, connection: String, message: String) -> Answer<()> {
        let connection = connection_id(&connection)?;
        let json = self.message(message)?;
        Ok(self.push(json.len(), Effect::ToConnection { connection, json })?)
    }

    fn to_user(&mut self, user: String, message: String) -> Answer<()> {
        let user = name("user id", user)?;
        let json = self.logged(message)?;
        Ok(self.push(user.len() + json.len(), Effect::ToUser { user, json })?)
    }

    fn to_group(&mut self, group: String, message: String, exclude_sender: bool) -> Answer<()> {
        let group = group_name(group)?;
        let json = self.logged(message)?;
        let bytes = group.len() + json.len();
        Ok(self.push(
            bytes,
            Effect::ToGroup {
                group,
                json,
                exclude_sender,
            },
        )?)
    }

    fn broadcast(&mut self, message: String, exclude_sender: bool) -> Answer<()> {
        let json = self.logged(message)?;
        Ok(self.push(
            json.len(),
            Effect::Broadcast {
                json,
                exclude_sender,
            },
        )?)
    }

    fn publish(&mut self, endpoint: String, method: String, message: String) -> Answer<()> {
        self.may_publish(&endpoint)?;
        let json = self.message(message)?;
        let bytes = endpoint.len() + json.len();
        let Some(method) = Method::parse(&method) else {
            return Err(invalid("the method is none of POST, PUT and DELETE").into());
        };
        let Ok(Value::Object(message)) = serde_json::from_str(&json) else {
            return Err(invalid("what is published must be a JSON object").into());
        };
        let publication = Publication {
            endpoint,
            method,
            message,
        };
        Ok(self.push(bytes, Effect::Publish(publication))?)
    }

    fn close(&mut self, connection: String, code: u16, reason: String) -> Answer<()> {
        let connection = connection_id(&connection)?;
        if code != 1000 && !(3000..=4999).contains(&code) {
            let message = format!("a plugin may close with 1000 or 3000 to 4999, not {code}");
            return Err(invalid(message).into());
        }
        if reason.len() > REASON {
            let message = format!("the reason has {} bytes; {REASON} fit", reason.len());
            return Err(invalid(message).into());
        }
        Ok(self.push(
            reason.len(),
            Effect::Close {
                connection,
                code,
                reason,
            },
        )?)
    }
}

impl State {
    /// Publishing into another endpoint than the plugin's own needs a grant.
    fn may_publish(&mut self, endpoint: &str) -> Result<(), HostError> {
        let call = self.active()?;
        let (own, depth) = (Arc::clone(&call.endpoint), u32::from(call.depth));
        let surroundings = Arc::clone(&call.surroundings);
        if *own != *endpoint {
            self.need(&Grant::Publish(endpoint.to_owned()))?;
        }
        let limit = self.settings.limits.publish_depth;
        if depth >= limit {
            let message = format!(
                "this message was itself published because of one that was, {depth} deep, and \
                 `limits.publish_depth` is {limit}; do plugins answer each other?"
            );
            return Err(self.over(Limit::PublishDepth, message));
        }
        self.meter.used(Limit::PublishDepth, u64::from(depth) + 1);
        let name = "messaging.publish";
        let answer = match self.tape.scripted(name) {
            Some(answer) => answer,
            None => surroundings.publishable(endpoint),
        };
        self.tape.note(name, answer.as_ref());
        answer
    }

    /// Checks a message that a plugin sends: JSON, not larger than it may be.
    fn message(&self, json: String) -> Result<String, HostError> {
        self.fits("message", &json)?;
        match serde_json::from_str::<IgnoredAny>(&json) {
            Ok(_) => Ok(json),
            Err(error) => Err(invalid(format!("the message is not JSON: {error}"))),
        }
    }

    /// Checks a message that goes to the log. It has to be an object, because who asked
    /// for positions gets one in each event.
    fn logged(&self, json: String) -> Result<String, HostError> {
        let json = self.message(json)?;
        if json.trim_start().starts_with('{') {
            return Ok(json);
        }
        Err(invalid("what is sent to several must be a JSON object"))
    }
}

/// Reads a connection's id as guests got it.
pub(super) fn connection_id(text: &str) -> Result<ConnectionId, HostError> {
    ConnectionId::parse(text).ok_or_else(|| {
        invalid("the connection is no id; use `call.connection` or what `groups.members` gave")
    })
}

/// Checks the name of a group.
pub(super) fn group_name(group: String) -> Result<String, HostError> {
    name("group", group)
}

fn name(what: &str, text: String) -> Result<String, HostError> {
    if text.is_empty() || text.len() > NAME {
        let message = format!(
            "the {what} has {} bytes; it must have 1 to {NAME}",
            text.len()
        );
        return Err(invalid(message));
    }
    Ok(text)
}

pub(super) fn invalid(message: impl Into<String>) -> HostError {
    HostError::new("invalid", message)
}
