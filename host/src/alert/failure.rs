//! Why something was not sent, and what follows from it.

/// A try that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub kind: Kind,
    /// For the operator: who said what.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It will never go this way: a dead letter at once.
    Final,
    /// This one was not taken; another time it may be. Tries are counted.
    Refused,
    /// The service takes nothing now. No alert is to blame, so none is charged; all of
    /// the service's wait.
    Down,
    /// It did not answer in time, which may be the service or this mail: it is charged,
    /// and the others wait.
    Late,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl Kind {
    /// Whether others of the same service should wait.
    pub fn pauses(self) -> bool {
        matches!(self, Self::Down | Self::Late)
    }

    /// For counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Refused => "refused",
            Self::Down => "down",
            Self::Late => "late",
        }
    }
}
