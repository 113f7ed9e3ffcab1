//! What hooks return, and what of it the host can't use.

use serde_json::Value;

use crate::plugin::bindings::exports::hookcast::plugin::{close, connect};
use crate::plugin::bindings::hookcast::plugin::types as wit;
use crate::rejection::{Rejection, code};

pub use connect::{Acceptance, Refusal, User};
pub use wit::Arg;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// WebSocket close code; 1006 when the connection broke.
    pub code: u16,
    pub reason: String,
    /// A close frame was received.
    pub clean: bool,
}

impl Cause {
    pub(super) fn lower(&self) -> close::Cause<'_> {
        close::Cause {
            code: self.code,
            reason: &self.reason,
            clean: self.clean,
        }
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

/// What a hook may return.
pub(super) trait Returned {
    /// Bytes of its texts.
    fn bytes(&self) -> usize;
    /// What else is wrong with it.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// Why the host can't use an answer; none when it can.
pub(super) fn problem<T: Returned, E: Returned>(
    verdict: &Result<T, E>,
    limit: usize,
) -> Option<String> {
    let bytes = verdict
        .as_ref()
        .map_or_else(Returned::bytes, Returned::bytes);
    if bytes > limit {
        return Some(format!(
            "returned {bytes} bytes, more than `limits.output`, which is {limit}"
        ));
    }
    verdict
        .as_ref()
        .map_or_else(Returned::problem, Returned::problem)
}

/// The plugin's rejection as the host passes it on.
pub(super) fn rejection(from: wit::Rejection) -> Rejection {
    let code = if from.code.is_empty() {
        code::REJECTED.into()
    } else {
        from.code.into()
    };
    // Details that are no JSON still say something: they go on as text.
    let details = from
        .details
        .map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
    Rejection {
        code,
        message: from.message,
        details,
    }
}

impl Returned for () {
    fn bytes(&self) -> usize {
        0
    }
}

impl Returned for Option<String> {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, String::len)
    }
}

impl Returned for Option<Vec<Arg>> {
    fn bytes(&self) -> usize {
        let args = self.iter().flatten();
        args.map(|arg| arg.key.len() + arg.values.iter().map(String::len).sum::<usize>())
            .sum()
    }
}

impl Returned for wit::Rejection {
    fn bytes(&self) -> usize {
        self.code.len() + self.message.len() + self.details.bytes()
    }
}

impl Returned for Acceptance {
    fn bytes(&self) -> usize {
        let user = self
            .user
            .as_ref()
            .map_or(0, |user| user.id.len() + user.claims.bytes());
        let groups: usize = self.groups.iter().map(String::len).sum();
        user + groups + self.metadata.bytes() + self.client_id.bytes()
    }

    fn problem(&self) -> Option<String> {
        if let Some(user) = &self.user {
            if user.id.is_empty() {
                return Some("returned a user whose id is empty; return none for nobody".into());
            }
            let claims = user.claims.as_deref().map(serde_json::from_str::<Value>);
            if claims.is_some_and(|claims| !matches!(claims, Ok(Value::Object(_)))) {
                return Some("returned a user whose claims are no JSON object".into());
            }
        }
        let metadata = self.metadata.as_deref().map(serde_json::from_str::<Value>);
        if let Some(Err(error)) = metadata {
            return Some(format!("returned metadata that is not JSON: {error}"));
        }
        self.groups
            .iter()
            .any(String::is_empty)
            .then(|| "returned a group without a name".into())
    }
}

impl Returned for Refusal {
    fn bytes(&self) -> usize {
        self.reason.len()
    }

    fn problem(&self) -> Option<String> {
        let status = self.status;
        (!(400..=599).contains(&status))
            .then(|| format!("refused with HTTP status {status}; it must be 400 to 599"))
    }
}
