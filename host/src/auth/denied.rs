//! Why a request is not let in, and the answer that says so.

use axum::body::Body;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response, StatusCode};

use crate::problem::problem;
use crate::rejection::code;

/// A request that is answered and not served.
#[derive(Debug, Clone, PartialEq)]
pub enum Denied {
    /// The endpoint wants a user, and there is none.
    Anonymous,
    /// A token was presented that can't be accepted; why, in a sentence that has nothing
    /// of the token's own text.
    BadToken(String),
    /// The proxy in front says something that makes no sense.
    BadProxy(String),
    /// The user, or anybody, may not.
    Forbidden,
    /// The keys are not known at present, so nobody can be let in or turned away.
    NoKeys,
}

impl Denied {
    /// The error's code, as clients get it in HTTP answers and in frames.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Anonymous | Self::BadToken(_) => code::UNAUTHORIZED,
            Self::Forbidden => code::FORBIDDEN,
            Self::BadProxy(_) | Self::NoKeys => code::UNAVAILABLE,
        }
    }

    /// A sentence or two for whoever is at the other end.
    pub fn message(&self) -> String {
        match self {
            Self::Anonymous => "this endpoint is for known users only; log in, or send a token as \
                                `Authorization: Bearer TOKEN`"
                .into(),
            Self::BadToken(why) => format!("{why}; get a new token and try again"),
            Self::BadProxy(why) => format!("{why}; this is for the operator to repair"),
            Self::Forbidden => "you may not use this endpoint; ask whoever runs it".into(),
            Self::NoKeys => "tokens can't be checked at present; try again later".into(),
        }
    }

    /// The answer to an HTTP request.
    pub fn response(&self) -> Response<Body> {
        let status = match self {
            Self::Anonymous | Self::BadToken(_) => StatusCode::UNAUTHORIZED,
            Self::BadProxy(_) => StatusCode::BAD_GATEWAY,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = problem(status, self.code(), &self.message());
        let scheme = match self {
            Self::Anonymous => Some("Bearer realm=\"hookcast\""),
            Self::BadToken(_) => Some("Bearer realm=\"hookcast\", error=\"invalid_token\""),
            Self::Forbidden | Self::BadProxy(_) | Self::NoKeys => None,
        };
        if let Some(scheme) = scheme {
            let scheme = HeaderValue::from_static(scheme);
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
