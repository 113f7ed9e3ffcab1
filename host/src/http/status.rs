//! The HTTP status of each error code.
//!
//! `docs/errors.md` lists it beside the code, for those who send by HTTP.

use http::StatusCode;

use crate::rejection::code;

/// What a plugin's own codes become: the request was understood, and refused.
pub const OF_PLUGINS: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// The statuses of the host's own codes.
const STATUSES: &[(StatusCode, &[&str])] = &[
    (
        StatusCode::BAD_REQUEST,
        &[
            code::BAD_JSON,
            code::NOT_AN_OBJECT,
            code::UNKNOWN_METHOD,
            code::UNKNOWN_TYPE,
            code::BAD_KEY,
            code::MISSING_ID,
            code::BAD_VALUE,
            code::BAD_FILTER,
        ],
    ),
    (StatusCode::UNAUTHORIZED, &[code::UNAUTHORIZED]),
    (StatusCode::FORBIDDEN, &[code::FORBIDDEN]),
    (StatusCode::NOT_FOUND, &[code::NOT_FOUND]),
    (StatusCode::CONFLICT, &[code::CONSTRAINT, code::CONFLICT]),
    (StatusCode::TOO_MANY_REQUESTS, &[code::RATE_LIMITED]),
    (StatusCode::PAYLOAD_TOO_LARGE, &[code::TOO_LARGE]),
    (
        OF_PLUGINS,
        &[
            code::REJECTED,
            code::MSG_ID_REUSED,
            code::TOO_MANY_ROWS,
            code::EXPRESSION_FAILED,
        ],
    ),
    (StatusCode::INTERNAL_SERVER_ERROR, &[code::INTERNAL]),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        &[
            code::PLUGIN_FAILED,
            code::PLUGIN_TIMEOUT,
            code::QUEUE_FULL,
            code::UNAVAILABLE,
        ],
    ),
];

/// The status for a code.
pub fn of(code: &str) -> StatusCode {
    listed(code).unwrap_or(OF_PLUGINS)
}

fn listed(code: &str) -> Option<StatusCode> {
    let mut statuses = STATUSES.iter();
    let (status, _) = statuses.find(|(_, codes)| codes.contains(&code))?;
    Some(*status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_host_has_a_status() {
        for (code, ..) in code::ALL {
            assert!(listed(code).is_some(), "add `{code}` to STATUSES");
        }
        assert_eq!(of("out_of_cheese"), OF_PLUGINS);
    }
}
