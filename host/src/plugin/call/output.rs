//! What hooks return, and what of it the host can't use.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::input::{Arg, args_bytes};
use crate::plugin::bindings::exports::hookcast::plugin::connect;
use crate::plugin::bindings::hookcast::plugin::types as wit;
use crate::plugin::hook::Hook;
use crate::rejection::{Rejection, code};

pub use connect::{Acceptance, Refusal, User};

/// What a hook returned.
#[derive(Debug, Clone)]
pub enum Output {
    /// Nothing to change, or a hook that returns nothing.
    Unchanged,
    /// `connect` said yes.
    Accepted(Acceptance),
    /// `connect` said no.
    Refused(Refusal),
    /// The args of `open`; none leaves the client's.
    Args(Option<Vec<Arg>>),
    /// A message as JSON text; none leaves it as it is.
    Message(Option<String>),
    /// Any other hook said no.
    Rejected(Rejection),
}

impl Output {
    /// The plugin accepted nothing, so nothing of the call takes effect.
    pub fn says_no(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Rejected(_))
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Unchanged => 0,
            Self::Accepted(acceptance) => acceptance_bytes(acceptance),
            Self::Refused(refusal) => refusal.reason.len(),
            Self::Args(args) => args.as_deref().map_or(0, args_bytes),
            Self::Message(message) => optional(message),
            Self::Rejected(rejection) => rejection_bytes(rejection),
        }
    }

    /// Why the host can't use it as the answer of this hook; none when it can. `limit` is
    /// in bytes.
    pub(super) fn problem(&self, hook: Hook, limit: usize) -> Option<String> {
        let bytes = self.bytes();
        if bytes > limit {
            return Some(format!(
                "returned {bytes} bytes, more than `limits.output`, which is {limit}"
            ));
        }
        match self {
            Self::Accepted(acceptance) => acceptance_problem(acceptance),
            Self::Refused(Refusal { status, .. }) if !(400..=599).contains(status) => Some(
                format!("refused with HTTP status {status}; it must be 400 to 599"),
            ),
            Self::Message(Some(text)) => message_problem(hook, text),
            _ => None,
        }
    }
}

impl From<Result<Acceptance, Refusal>> for Output {
    fn from(verdict: Result<Acceptance, Refusal>) -> Self {
        verdict.map_or_else(Self::Refused, Self::Accepted)
    }
}

impl From<Result<Option<Vec<Arg>>, wit::Rejection>> for Output {
    fn from(verdict: Result<Option<Vec<Arg>>, wit::Rejection>) -> Self {
        verdict.map_or_else(Self::rejected, Self::Args)
    }
}

impl From<Result<Option<String>, wit::Rejection>> for Output {
    fn from(verdict: Result<Option<String>, wit::Rejection>) -> Self {
        verdict.map_or_else(Self::rejected, Self::Message)
    }
}

impl Output {
    /// The plugin's rejection as the host passes it on.
    fn rejected(from: wit::Rejection) -> Self {
        let code = if from.code.is_empty() {
            code::REJECTED.into()
        } else {
            from.code.into()
        };
        // Details that are no JSON still say something: they go on as text.
        let details = from
            .details
            .map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        Self::Rejected(Rejection {
            code,
            message: from.message,
            details,
        })
    }
}

#[allow(
    clippy::derivable_impls,
    reason = "nothing can be derived on a generated type"
)]
impl Default for Acceptance {
    fn default() -> Self {
        Self {
            user: None,
            groups: Vec::new(),
            metadata: None,
            client_id: None,
        }
    }
}

fn acceptance_bytes(acceptance: &Acceptance) -> usize {
    let user = acceptance.user.as_ref();
    let user = user.map_or(0, |user| user.id.len() + optional(&user.claims));
    let groups: usize = acceptance.groups.iter().map(String::len).sum();
    user + groups + optional(&acceptance.metadata) + optional(&acceptance.client_id)
}

fn acceptance_problem(acceptance: &Acceptance) -> Option<String> {
    if let Some(user) = &acceptance.user {
        if user.id.is_empty() {
            return Some("returned a user whose id is empty; return none for nobody".into());
        }
        let claims = user.claims.as_deref().map(serde_json::from_str::<Value>);
        if claims.is_some_and(|claims| !matches!(claims, Ok(Value::Object(_)))) {
            return Some("returned a user whose claims are no JSON object".into());
        }
    }
    let metadata = acceptance.metadata.as_deref();
    if let Some(Err(error)) = metadata.map(serde_json::from_str::<Value>) {
        return Some(format!("returned metadata that is not JSON: {error}"));
    }
    let nameless = acceptance.groups.iter().any(String::is_empty);
    nameless.then(|| "returned a group without a name".into())
}

/// What the judge can't read, as far as can be seen without keeping what is read.
fn message_problem(hook: Hook, text: &str) -> Option<String> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Some(format!("returned text that is not JSON: {error}"));
    }
    let is_object = text.trim_ascii_start().starts_with('{');
    (hook != Hook::Handlers && !is_object).then(|| "returned JSON that is not an object".to_owned())
}

fn rejection_bytes(rejection: &Rejection) -> usize {
    let details = rejection.details.as_ref();
    let details = details.map_or(0, |details| details.to_string().len());
    rejection.code.len() + rejection.message.len() + details
}

fn optional(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}
