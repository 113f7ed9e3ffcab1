//! The two ways for a message not to be judged to its end. Only a failure is worth judging
//! again by another generation.

use crate::plugin::HookError;
use crate::rejection::Rejection;

/// Why a message was not judged to its end.
pub enum Refused {
    /// The host or a plugin says no.
    Rejected(Rejection),
    /// A plugin gave no answer.
    Failed(HookError),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<HookError> for Refused {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Rejected(rejection) => Self::Rejected(rejection),
            error => Self::Failed(error),
        }
    }
}
