//! HTTP requests. Each host needs a grant, such as `http:api.example.com`.
//!
//! ```no_run
//! use hookcast_guest::{HostError, Json, http, json};
//!
//! fn translate(text: &str) -> Result<Json, HostError> {
//!     let answer = http::post("https://api.example.com/translate")
//!         .header("accept-language", "en")
//!         .json(&json!({"text": text}))
//!         .send()?;
//!     answer.json()
//! }
//! ```
//!
//! A request is sent at once and can't be undone, while everything else that a hook does
//! takes effect with its message or not at all. When the hook fails, when the message is
//! refused later or judged a second time, what was sent stays sent: send what can be
//! repeated. The sender waits meanwhile; number, size and time of requests are limited by
//! the operator (`http_calls`, `http_bytes`, `http_time`).
//!
//! Redirects are not followed: they are answers with their status and `location`.
//!
//! A plugin that uses nothing of this module does not import `wasi:http`.

mod exchange;
mod failure;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::HostError;

/// A GET request.
pub fn get(url: &str) -> Request {
    request("GET", url)
}

/// A POST request.
pub fn post(url: &str) -> Request {
    request("POST", url)
}

/// A PUT request.
pub fn put(url: &str) -> Request {
    request("PUT", url)
}

/// A DELETE request.
pub fn delete(url: &str) -> Request {
    request("DELETE", url)
}

/// A request with any method.
pub fn request(method: &str, url: &str) -> Request {
    Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Ok(Vec::new()),
    }
}

/// A request that is not sent yet.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a request does nothing until `send`"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    /// An error is that of `json`; `send` returns it.
    body: Result<Vec<u8>, HostError>,
}

impl Request {
    /// Adds a header. `host`, `content-length` and those of the connection are the host's.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Ok(body.into());
        self
    }

    /// Sets the body to a value as JSON, and its type.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(value).map_err(HostError::from);
        self.header("content-type", "application/json")
    }

    /// Sends the request and reads the whole response.
    ///
    /// # Errors
    /// When the request can't be sent, the host refuses it, or its response doesn't arrive
    /// as a whole: `denied` (no grant for the host, or its address is not public), `limit`,
    /// `timeout`, `invalid`, `interrupted` (the response broke off, also where it is more
    /// than may be read) or `unavailable`. A status is no error, not even 500.
    pub fn send(self) -> Result<Response, HostError> {
        let body = self.body?;
        exchange::run(&self.method, &self.url, self.headers, &body)
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status code: 200, 404, ….
    pub status: u16,
    /// Headers in the server's order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is one of success, 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str, HostError> {
        std::str::from_utf8(&self.body)
            .map_err(|error| HostError::new("invalid", format!("the response is no text: {error}")))
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// When it is none, or not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HostError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            HostError::new("invalid", format!("the response can't be read: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_as_text_and_json() {
        let response = Response {
            status: 204,
            headers: vec![("content-type".into(), "application/json".into())],
            body: b"[1, 2]".into(),
        };
        assert!(response.is_success());
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        assert_eq!(response.text(), Ok("[1, 2]"));
        assert_eq!(response.json::<Vec<u8>>(), Ok(vec![1, 2]));
        let error = response.json::<String>().expect_err("no string");
        assert_eq!(error.code, "invalid");
    }

    #[test]
    fn json_sets_body_and_type() {
        let request = post("http://example.com").json(&[1, 2]);
        assert_eq!(request.body.as_deref(), Ok(&b"[1,2]"[..]));
        assert_eq!(request.headers.len(), 1);
    }
}
