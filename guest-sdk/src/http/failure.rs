//! What went wrong with a request, in the words of other host functions.

use crate::HostError;
use crate::bindings::http::wasi::http::types::{ErrorCode, http_error_code};
use crate::bindings::http::wasi::io::error::Error as StreamFailure;

/// An error of `wasi:http`.
pub fn of(error: ErrorCode) -> HostError {
    let (code, message) = match error {
        ErrorCode::HttpRequestDenied => (
            "denied",
            "the host is not granted; the plugin's log names the grant".to_owned(),
        ),
        ErrorCode::DestinationIpProhibited => (
            "denied",
            "the host's address is not public; the plugin's log names the address".to_owned(),
        ),
        ErrorCode::ConnectionLimitReached => (
            "limit",
            "too many requests, in this call (`limits.http_calls`) or at the same time \
             (`limits.http_concurrent`)"
                .to_owned(),
        ),
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_) => (
            "limit",
            format!("more than the call's requests may have (`limits.http_bytes`): {error:?}"),
        ),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => (
            "timeout",
            format!("the server did not answer in time (`limits.http_time`): {error:?}"),
        ),
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            ("invalid", format!("the request can't be sent: {error:?}"))
        }
        _ => (
            "unavailable",
            format!("the server can't be reached: {error:?}"),
        ),
    };
    HostError::new(code, message)
}

/// A response broke off.
pub fn of_stream(error: &StreamFailure) -> HostError {
    match http_error_code(error) {
        Some(code) => of(code),
        None => {
            let cause = error.to_debug_string();
            HostError::new("interrupted", format!("the response broke off: {cause}"))
        }
    }
}
