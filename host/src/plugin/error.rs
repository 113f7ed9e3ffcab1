//! Why a hook gave no answer: words for the sender, and the whole story for operators.

use std::sync::Arc;
use std::time::Duration;

use super::deadline::DeadlineReached;
use super::hook::Hook;
use super::limits::Limit;
use super::script::ScriptFailed;
use super::state::LimitReached;
use super::statistics::Kind;
use super::trap::TrapKind;
use crate::rejection::{Rejection, code};

/// Which plugin a failure happened in.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub plugin: Arc<str>,
    /// As the plugin states it; empty before `describe` has returned.
    pub version: Arc<str>,
    pub generation: u64,
    pub hook: Hook,
    /// The message or the connection that the hook was called for, in words.
    pub cause: Option<Arc<str>>,
    /// Id of the recorded call.
    pub recorded: Option<Arc<str>>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "plugin `{}`", self.plugin)?;
        if !self.version.is_empty() {
            write!(f, " {}", self.version)?;
        }
        write!(f, " (generation {}), hook `{}`", self.generation, self.hook)?;
        match &self.cause {
            Some(cause) => write!(f, ", {cause}"),
            None => Ok(()),
        }
    }
}

/// A hook that did not return ok. None of its effects exist.
///
/// `Display` is for operators; [`HookError::to_rejection`] is what the sender may see.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HookError {
    /// The plugin said no. Nothing is wrong.
    #[error("{0}")]
    Rejected(Rejection),
    /// The guest ran, or the call took, longer than it may.
    #[error(
        "{place}: {} its limit of {limit:?} ({setting}) and was ended. It may be in a loop; \
         if it needs the time, raise the limit",
        if *.setting == "limits.wall" { "took longer than" } else { "ran past" }
    )]
    Timeout {
        place: Box<Place>,
        limit: Duration,
        setting: &'static str,
    },
    /// The guest trapped: a panic, an access out of bounds, a stack overflow.
    #[error("{place}: {cause}{}{}", printed(.last_words), below(.backtrace))]
    Trapped {
        place: Box<Place>,
        trap: TrapKind,
        cause: String,
        /// What the guest printed or logged as an error last, such as a panic message.
        last_words: Option<String>,
        /// Symbolised, innermost frame first. Has names and lines as far as the
        /// component carries them.
        backtrace: String,
    },
    /// A script threw, or did what a plugin must not.
    #[error("{place}: {report}")]
    Threw {
        place: Box<Place>,
        /// What it threw, and on the next lines where: function, file, line and column.
        report: String,
    },
    /// The guest wanted more memory or table elements than it may have.
    #[error("{place}: {problem}{}", below(.backtrace))]
    LimitReached {
        place: Box<Place>,
        problem: String,
        backtrace: String,
    },
    /// The hook returned what the host can't use.
    #[error("{place}: {problem}")]
    BadOutput {
        place: Box<Place>,
        /// The limit that it is beyond; none when something else is wrong with it.
        limit: Option<Limit>,
        problem: String,
    },
    /// No instance could be had.
    #[error("{place}: {problem}")]
    Unavailable { place: Box<Place>, problem: String },
}

fn printed(words: &Option<String>) -> String {
    words
        .as_ref()
        .map(|words| format!("; it last said: {words}"))
        .unwrap_or_default()
}

fn below(backtrace: &str) -> String {
    if backtrace.is_empty() {
        String::new()
    } else {
        format!("\n{backtrace}")
    }
}

impl HookError {
    /// The same without frames of WebAssembly.
    pub(super) fn without_backtrace(mut self) -> Self {
        if let Self::Trapped { backtrace, .. } | Self::LimitReached { backtrace, .. } = &mut self {
            backtrace.clear();
        }
        self
    }

    /// What the sender gets: the plugin's own rejection, or a sentence without internals.
    pub fn to_rejection(&self) -> Rejection {
        match self {
            Self::Rejected(rejection) => rejection.clone(),
            Self::Timeout { .. } => Rejection::new(
                code::PLUGIN_TIMEOUT,
                "the server's logic for this message took too long; nothing of the message \
                 took effect. Try again later",
            ),
            Self::Unavailable { .. } => Rejection::new(
                code::UNAVAILABLE,
                "the server is too busy to judge this message; nothing of it took effect. \
                 Try again in a few seconds",
            ),
            Self::Trapped { .. }
            | Self::Threw { .. }
            | Self::LimitReached { .. }
            | Self::BadOutput { .. } => Rejection::new(
                code::PLUGIN_FAILED,
                "the server's logic for this message failed; nothing of the message took \
                 effect. The server's operator finds the reason in its log",
            ),
        }
    }

    /// Where it happened; none for a rejection.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Rejected(_) => None,
            Self::Timeout { place, .. }
            | Self::Trapped { place, .. }
            | Self::Threw { place, .. }
            | Self::LimitReached { place, .. }
            | Self::BadOutput { place, .. }
            | Self::Unavailable { place, .. } => Some(place),
        }
    }

    fn place_mut(&mut self) -> Option<&mut Place> {
        match self {
            Self::Rejected(_) => None,
            Self::Timeout { place, .. }
            | Self::Trapped { place, .. }
            | Self::Threw { place, .. }
            | Self::LimitReached { place, .. }
            | Self::BadOutput { place, .. }
            | Self::Unavailable { place, .. } => Some(place),
        }
    }

    /// The same, with what it was called for.
    pub(super) fn by(mut self, cause: Arc<str>) -> Self {
        if let Some(place) = self.place_mut() {
            place.cause = Some(cause);
        }
        self
    }

    /// Notes under which id the call was recorded.
    pub(super) fn recorded(&mut self, id: Option<Arc<str>>) {
        if let Some(place) = self.place_mut() {
            place.recorded = id;
        }
    }

    /// The command that runs the failed call again; none when it was not recorded.
    pub fn replay(&self) -> Option<String> {
        let place = self.place()?;
        let id = place.recorded.as_ref()?;
        Some(format!("hookcast plugin replay {} {id}", place.plugin))
    }

    /// Where the guest was, symbolised, innermost frame first; none when nobody knows.
    pub fn backtrace(&self) -> Option<&str> {
        match self {
            Self::Trapped { backtrace, .. } | Self::LimitReached { backtrace, .. } => {
                Some(backtrace)
            }
            Self::Threw { report, .. } => Some(report),
            _ => None,
        }
    }

    /// False for a rejection: the plugin has answered.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Rejected(_))
    }

    /// None for a rejection, which is no failure.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Rejected(_) => return None,
            Self::Timeout { .. } => Kind::Timeout,
            Self::Trapped { .. } | Self::Threw { .. } => Kind::Trap,
            Self::LimitReached { .. } => Kind::Limit,
            Self::BadOutput { .. } => Kind::Output,
            Self::Unavailable { .. } => Kind::Unavailable,
        })
    }

    /// What trapped; none when nothing did.
    pub(super) fn trap(&self) -> Option<TrapKind> {
        match self {
            Self::Trapped { trap, .. } => Some(*trap),
            Self::Threw { .. } => Some(TrapKind::Threw),
            _ => None,
        }
    }

    /// The limit that ended the call, where it is known only now. Memory and tables are
    /// counted where they are refused.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Timeout { setting, .. } => Limit::parse(setting.strip_prefix("limits.")?),
            Self::BadOutput { limit, .. } => *limit,
            _ => None,
        }
    }

    /// Reads what wasmtime says about a call that did not return.
    pub(super) fn from_wasmtime(
        place: Place,
        error: &wasmtime::Error,
        (limit, setting): (Duration, &'static str),
        last_words: Option<String>,
    ) -> Self {
        let place = Box::new(place);
        if error.is::<DeadlineReached>() {
            return Self::Timeout {
                place,
                limit,
                setting,
            };
        }
        if let Some(failed) = error.downcast_ref::<ScriptFailed>() {
            let report = failed.to_string();
            return Self::Threw { place, report };
        }
        let backtrace = error.downcast_ref::<wasmtime::WasmBacktrace>();
        let backtrace = backtrace.map(ToString::to_string).unwrap_or_default();
        if let Some(reached) = error.downcast_ref::<LimitReached>() {
            return Self::LimitReached {
                place,
                problem: reached.to_string(),
                backtrace,
            };
        }
        let root = error.root_cause().to_string();
        // wasmtime has no public type for it.
        if root.contains("fuel allocated for hostcalls") {
            let problem = "returned, or passed to a host function, far more than `limits.output` \
                           allows (`limits.transfer`)"
                .to_owned();
            return Self::BadOutput {
                place,
                limit: Some(Limit::Transfer),
                problem,
            };
        }
        // The root cause is the trap; what surrounds it repeats the backtrace.
        let cause = match error.downcast_ref::<wasmtime::Trap>() {
            Some(trap) => format!("trapped: {trap}"),
            None => format!("failed: {root}"),
        };
        Self::Trapped {
            place,
            trap: TrapKind::of(error),
            cause,
            last_words,
            backtrace,
        }
    }
}
