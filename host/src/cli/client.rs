//! Requests to the admin API.

use std::fmt;
use std::time::Duration;

use http::{Response, StatusCode};
use serde_json::{Value, json};
use ureq::{Agent, Body};

/// Longest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 << 20;

/// A whole request; compiling a large plugin takes several seconds.
const TIMEOUT: Duration = Duration::from_secs(120);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A request that did not succeed, in a sentence with its remedy.
#[derive(Debug)]
pub(super) struct Failure(String);

impl Failure {
    pub fn new(sentence: String) -> Self {
        Self(sentence)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which server, and how to be let in.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// The server's admin listener
    #[arg(long, global = true, default_value = "http://127.0.0.1:8081")]
    url: String,
    /// Its bearer token; the server prints it at start unless it is configured
    #[arg(
        long,
        global = true,
        env = "HOOKCAST_ADMIN_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
}

impl Server {
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.url, self.token.clone())
    }
}

/// The admin API of one server.
pub(super) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

type Sent = Result<Response<Body>, ureq::Error>;

impl Client {
    pub fn new(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            return Err(Failure(format!(
                "can't use {url}; write http://HOST:PORT (this client has no TLS: reach a \
                 distant server through an SSH tunnel)"
            )));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The token must not go anywhere but to the server that was named.
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            .build();
        Ok(Self {
            agent: config.into(),
            base,
            token: token.filter(|token| !token.is_empty()),
        })
    }

    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(self.url(path));
        self.answer(self.authorized(request).call())
    }

    pub fn delete(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.delete(self.url(path));
        self.answer(self.authorized(request).call())
    }

    pub fn post(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.post(self.url(path));
        self.answer(self.authorized(request).send_empty())
    }

    /// A POST with a body that takes up to `wait` besides what requests usually take.
    pub fn post_within(&self, path: &str, bytes: &[u8], wait: Duration) -> Result<Value, Failure> {
        let request = self.agent.post(self.url(path));
        let request = self
            .authorized(request)
            .content_type("application/octet-stream")
            .config()
            .timeout_global(Some(TIMEOUT + wait))
            .build();
        self.answer(request.send(bytes))
    }

    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<Value, Failure> {
        let request = self.agent.put(self.url(path));
        let request = self
            .authorized(request)
            .content_type("application/octet-stream");
        self.answer(request.send(bytes))
    }

    /// Asks for health and readiness; a server that is not ready is no failure here.
    pub fn health(&self) -> Result<Value, Failure> {
        let probe = |path: &str| {
            let mut response = self.received(self.agent.get(self.url(path)).call())?;
            let said = self.body(&mut response)?;
            Ok((response.status(), said))
        };
        let (healthy, _) = probe("/healthz")?;
        let (ready, said) = probe("/readyz")?;
        Ok(json!({
            "healthy": healthy.is_success(),
            "ready": ready.is_success(),
            "said": said.trim(),
        }))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn authorized<Kind>(&self, request: ureq::RequestBuilder<Kind>) -> ureq::RequestBuilder<Kind> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn received(&self, sent: Sent) -> Result<Response<Body>, Failure> {
        sent.map_err(|error| {
            Failure(format!(
                "can't reach {}: {error}; is the server running, and --url its admin listener?",
                self.base
            ))
        })
    }

    fn body(&self, response: &mut Response<Body>) -> Result<String, Failure> {
        let body = response.body_mut().with_config().limit(ANSWER_LIMIT);
        let text = body.read_to_string();
        text.map_err(|error| Failure(format!("{} broke off its answer: {error}", self.base)))
    }

    /// The answer's JSON, or the error that it reports.
    fn answer(&self, sent: Sent) -> Result<Value, Failure> {
        let mut response = self.received(sent)?;
        let text = self.body(&mut response)?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(status, &text));
        }
        if text.trim().is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_str(&text).map_err(|_| {
            Failure(format!(
                "{} does not answer as a Hookcast admin API; is --url its admin listener?",
                self.base
            ))
        })
    }

    fn refusal(&self, status: StatusCode, text: &str) -> Failure {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let error = &body["error"];
        let said = match (error["code"].as_str(), error["message"].as_str()) {
            (Some(code), Some(message)) => format!(": {message} ({code})"),
            (None, Some(message)) => format!(": {message}"),
            _ => String::new(),
        };
        let remedy = match (status, &self.token) {
            (StatusCode::UNAUTHORIZED, None) => {
                "; give the token with --token or HOOKCAST_ADMIN_TOKEN"
            }
            (StatusCode::UNAUTHORIZED, Some(_)) => {
                "; the token is another one: see admin.token, or what the server printed at start"
            }
            _ => "",
        };
        Failure(format!("the server answered {status}{said}{remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that gives one answer; its thread returns the request.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).expect("a request");
            stream.write_all(answer.as_bytes()).expect("an answer");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        (url, served)
    }

    fn get(answer: &'static str, token: Option<&str>) -> (Result<Value, String>, String) {
        let (url, served) = server(answer);
        let client = Client::new(&url, token.map(str::to_owned)).expect("a client");
        let result = client
            .get("/api/plugins")
            .map_err(|failure| failure.to_string());
        (result, served.join().expect("the server's thread"))
    }

    #[test]
    fn sends_the_token_and_reads_the_answer() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{\"plugins\":[]}";
        let (result, request) = get(answer, Some("sesame"));
        assert_eq!(result, Ok(json!({ "plugins": [] })));
        assert!(
            request.starts_with("GET /api/plugins HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(
            request
                .to_lowercase()
                .contains("authorization: bearer sesame"),
            "{request}"
        );
    }

    #[test]
    fn says_what_the_server_said() {
        let (result, _) = get(
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 55\r\n\r\n\
             {\"error\":{\"code\":\"unauthorized\",\"message\":\"no token\"}}\n",
            None,
        );
        assert_eq!(
            result,
            Err(
                "the server answered 401 Unauthorized: no token (unauthorized); give the \
                 token with --token or HOOKCAST_ADMIN_TOKEN"
                    .to_owned()
            )
        );
        let (result, _) = get("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n<p/>", None);
        assert!(result.is_err_and(|error| error.contains("admin listener")));
    }

    #[test]
    fn says_when_there_is_no_server() {
        let client = Client::new("http://127.0.0.1:1", None).expect("a client");
        let failure = client
            .get("/api/plugins")
            .expect_err("nobody listens there");
        assert!(
            failure.to_string().contains("is the server running"),
            "{failure}"
        );
        assert!(Client::new("https://example.org", None).is_err());
    }
}
