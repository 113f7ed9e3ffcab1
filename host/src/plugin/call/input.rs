//! What a hook is called with, apart from the context that all hooks get.

use crate::plugin::bindings::exports::hookcast::plugin::close;
use crate::plugin::hook::Hook;

pub use crate::plugin::bindings::hookcast::plugin::types::Arg;

/// One hook and its arguments, each as in `wit/hooks.wit`. Messages and rows are JSON
/// text.
#[derive(Debug, Clone)]
pub enum Input {
    Connect,
    Open {
        args: Vec<Arg>,
    },
    Defaults {
        message: String,
    },
    Prepare {
        message: String,
    },
    Modify {
        message: String,
        row: Option<String>,
        old: Option<String>,
    },
    Handlers {
        message_type: String,
        message: String,
    },
    Close {
        cause: Cause,
    },
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// WebSocket close code; 1006 when the connection broke.
    pub code: u16,
    pub reason: String,
    /// A close frame was received.
    pub clean: bool,
}

impl Input {
    pub fn hook(&self) -> Hook {
        match self {
            Self::Connect => Hook::Connect,
            Self::Open { .. } => Hook::Open,
            Self::Defaults { .. } => Hook::Defaults,
            Self::Prepare { .. } => Hook::Prepare,
            Self::Modify { .. } => Hook::Modify,
            Self::Handlers { .. } => Hook::Handlers,
            Self::Close { .. } => Hook::Close,
        }
    }

    /// Bytes of its texts.
    pub fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Connect => 0,
            Self::Open { args } => args_bytes(args),
            Self::Defaults { message } | Self::Prepare { message } => message.len(),
            Self::Modify { message, row, old } => message.len() + optional(row) + optional(old),
            Self::Handlers {
                message_type,
                message,
            } => message_type.len() + message.len(),
            Self::Close { cause } => cause.reason.len(),
        }
    }
}

/// Bytes of the texts of args.
pub(super) fn args_bytes(args: &[Arg]) -> usize {
    let values = |arg: &Arg| arg.values.iter().map(String::len).sum::<usize>();
    args.iter().map(|arg| arg.key.len() + values(arg)).sum()
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
