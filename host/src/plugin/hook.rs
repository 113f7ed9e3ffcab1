//! The hooks a plugin may implement.

use serde::Serialize;

/// One hook: the interface `hookcast:plugin/NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// Not called for messages: says what the plugin is, once for each instance.
    Describe,
    Connect,
    Open,
    Defaults,
    Prepare,
    Modify,
    Handlers,
    Close,
}

impl Hook {
    /// Every hook, `describe` included, in the order of their discriminants.
    pub const ALL: [Self; 8] = [
        Self::Describe,
        Self::Connect,
        Self::Open,
        Self::Defaults,
        Self::Prepare,
        Self::Modify,
        Self::Handlers,
        Self::Close,
    ];

    /// The hooks that `describe` may list.
    pub const CALLABLE: &[Self] = Self::ALL.split_at(1).1;

    /// The name in WIT, in `describe().hooks` and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Connect => "connect",
            Self::Open => "open",
            Self::Defaults => "defaults",
            Self::Prepare => "prepare",
            Self::Modify => "modify",
            Self::Handlers => "handlers",
            Self::Close => "close",
        }
    }

    /// The hook of this name; none when there is no such hook.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// Position in [`Hook::ALL`], for tables by hook.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
