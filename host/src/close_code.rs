//! The WebSocket close codes that the server sends, and what a client should do.
//!
//! The advice follows from the number alone, also for codes that a client has never
//! seen: 4400 to 4499 mean that the client has to change something first, 4500 to 4999
//! that it may come back. `docs/close-codes.md` is generated from this file.

/// A reason to close a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseCode {
    pub code: u16,
    /// Default text of the close frame; at most 123 bytes, which is what fits.
    pub reason: &'static str,
    /// When the server sends it, for the documentation.
    pub when: &'static str,
}

const fn code(code: u16, reason: &'static str, when: &'static str) -> CloseCode {
    CloseCode { code, reason, when }
}

pub const NORMAL: CloseCode = code(
    1000,
    "done",
    "The conversation is over; usually the client's own close, answered.",
);
pub const GOING_AWAY: CloseCode = code(
    1001,
    "server is stopping",
    "The server shuts down; what it had accepted is stored.",
);
pub const PROTOCOL_ERROR: CloseCode = code(
    1002,
    "broken WebSocket frame",
    "A frame breaks the WebSocket protocol.",
);
pub const INVALID_UTF8: CloseCode = code(
    1007,
    "text frame is not UTF-8",
    "A text frame is not UTF-8.",
);
pub const TOO_BIG: CloseCode = code(
    1009,
    "frame is larger than the endpoint's message_limit",
    "A frame is too large to be read at all. Smaller excesses get the error `too_large` and the connection stays.",
);
pub const BAD_REQUEST: CloseCode = code(
    4400,
    "filter or arguments can't be used",
    "The URL's filter or arguments can't be used; an `_error` frame before it says why.",
);
pub const UNAUTHORIZED: CloseCode = code(
    4401,
    "the token is not accepted",
    "The token of a first frame is not accepted, or the token of the connection has expired; an `_error` frame before it says which.",
);
pub const FORBIDDEN: CloseCode = code(
    4403,
    "closed by plugin or operator",
    "A plugin or the operator has closed the connection.",
);
pub const ENDPOINT_REMOVED: CloseCode = code(
    4410,
    "this endpoint is no more",
    "The endpoint was removed from the config.",
);
pub const UNAVAILABLE: CloseCode = code(
    4503,
    "temporarily unavailable",
    "The server can't serve the connection now, for example because its database does not answer.",
);
pub const SLOW_CONSUMER: CloseCode = code(
    4508,
    "reads too slowly",
    "The client has left too many private messages unread. Those of the log would have waited for it.",
);
pub const HEARTBEAT_TIMEOUT: CloseCode = code(
    4509,
    "no answer to a ping, or no progress writing",
    "A ping was not answered in time, or a write made no progress. Often only the client sees it, as 1006.",
);

/// What `close` hooks hear where a close frame had no code. Never sent.
pub const NO_STATUS: u16 = 1005;
/// What `close` hooks hear where the connection broke. Never sent.
pub const ABNORMAL: u16 = 1006;

/// Every code that the server sends of itself.
pub const ALL: &[CloseCode] = &[
    NORMAL,
    GOING_AWAY,
    PROTOCOL_ERROR,
    INVALID_UTF8,
    TOO_BIG,
    BAD_REQUEST,
    UNAUTHORIZED,
    FORBIDDEN,
    ENDPOINT_REMOVED,
    UNAVAILABLE,
    SLOW_CONSUMER,
    HEARTBEAT_TIMEOUT,
];

/// What a client should do after a close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    Nothing,
    /// Come back, waiting longer each time.
    Reconnect,
    /// Coming back with the same request would end the same way.
    ChangeFirst,
    /// The code is a plugin's own.
    AskOperator,
}

impl Advice {
    /// What to do after a close with any code, also an unlisted one.
    pub fn of(code: u16) -> Self {
        match code {
            1000 => Self::Nothing,
            1002 | 1003 | 1007..=1010 | 4400..=4499 => Self::ChangeFirst,
            3000..=4399 => Self::AskOperator,
            // Also 1006, which no one sends: the connection broke without a close frame.
            _ => Self::Reconnect,
        }
    }

    /// As a sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "Nothing to do.",
            Self::Reconnect => {
                "Reconnect with your last position, first after about a second, then \
                 waiting twice as long each time, up to a minute, plus a random part."
            }
            Self::ChangeFirst => {
                "Don't reconnect unchanged: the same request would be closed again."
            }
            Self::AskOperator => {
                "The code is a plugin's own; ask whoever runs the endpoint what it means."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    /// Ranges as the page lists them, with one code each to take the advice from.
    const RANGES: [(&str, u16); 7] = [
        ("1000", 1000),
        ("1002, 1003, 1007 to 1010", 1002),
        ("other codes from 1001 to 2999", 1001),
        ("3000 to 4399", 4000),
        ("4400 to 4499", 4400),
        ("4500 to 4999", 4500),
        ("no close frame (seen as 1006)", 1006),
    ];

    #[test]
    fn the_page_is_up_to_date() {
        let mut page = String::from(
            "# Close codes\n\n\
             Generated from `host/src/close_code.rs`; a test keeps it up to date.\n\n\
             What to do follows from the number, also for codes that are not listed:\n\n\
             | Code | What a client should do |\n| --- | --- |\n",
        );
        for (range, code) in RANGES {
            page += &format!("| {range} | {} |\n", Advice::of(code).sentence());
        }
        page += "\nThe server sends these itself. Plugins may close with 1000 or any code \
                 from 3000 to 4999, and give their own reason.\n\n\
                 | Code | Reason | When | Reconnect? |\n| --- | --- | --- | --- |\n";
        for close in ALL {
            let reconnect = match Advice::of(close.code) {
                Advice::Nothing => "not needed",
                Advice::Reconnect => "yes, with backoff",
                Advice::ChangeFirst => "not unchanged",
                Advice::AskOperator => "ask",
            };
            let CloseCode { code, reason, when } = close;
            page += &format!("| {code} | {reason} | {when} | {reconnect} |\n");
        }
        golden::compare(&golden::repository("docs/close-codes.md"), &page);
    }

    #[test]
    fn reasons_fit_a_close_frame() {
        for close in ALL {
            assert!(close.reason.len() <= 123, "{}", close.code);
        }
        assert!(
            ALL.is_sorted_by(|a, b| a.code < b.code),
            "sorted, each once"
        );
    }
}
