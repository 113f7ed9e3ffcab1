//! Requests to the admin API and to the public listener.

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use super::patience::PATIENCE;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub headers: HeaderMap,
    pub text: String,
    /// Null where the text is not JSON.
    pub body: Value,
}

impl Answer {
    /// A header's value.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        let value = value.unwrap_or_else(|| panic!("no `{name}` in {:?}", self.headers));
        value.to_str().expect("a header of text")
    }

    /// The `code` of problem details with this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.content_type, "application/problem+json");
        assert_eq!(self.body["status"], status);
        let detail = self.body["detail"].as_str().unwrap_or_default();
        assert!(detail.len() > 10, "a problem has a sentence: {}", self.text);
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The position of a message that was published.
    #[track_caller]
    pub fn position(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        let position = self.body["_ack"]["position"].as_str();
        position.expect("a position").to_owned()
    }

    /// What was read by GET: messages and position.
    #[track_caller]
    pub fn messages(mut self) -> (Vec<Value>, String) {
        assert_eq!(self.status, 200, "{}", self.text);
        let Value::Array(messages) = self.body["messages"].take() else {
            panic!("no messages: {}", self.text);
        };
        let position = self.body["position"].as_str().expect("a position");
        (messages, position.to_owned())
    }

    /// The body of a request that succeeded.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    /// `code` and `message` of a refused request.
    #[track_caller]
    pub fn refused(&self, status: u16) -> (String, String) {
        assert_eq!(self.status, status, "{}", self.text);
        let text = |key: &str| {
            self.body["error"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (text("code"), text("message"))
    }
}

/// Sends a request and reads the whole answer, without holding up other tasks.
pub async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let answer = try_request(method, url, headers, body).await;
    answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

/// The same where there may be nobody to answer.
pub async fn try_request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Answer, ureq::Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).expect("a valid request");
    let sent = tokio::task::spawn_blocking(move || send(request));
    sent.await.expect("the request's thread")
}

fn send(request: Request<Vec<u8>>) -> Result<Answer, ureq::Error> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build();
    let mut response = Agent::from(config).run(request)?;
    let headers = response.headers().clone();
    let content_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let text = response.body_mut().read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer {
        status: response.status().as_u16(),
        content_type,
        headers,
        text,
        body,
    })
}
