//! Sends HTTP requests on demand. A message of type `fetch` or `keep` is answered with
//! `{"_type": …, "result": …}`; `prepare` fetches what a message's `fetch` names.

use hookcast_guest::bindings::http::wasi::http::outgoing_handler;
use hookcast_guest::bindings::http::wasi::http::types::{Fields, OutgoingRequest, Scheme};
use hookcast_guest::serde_json::Map;
use hookcast_guest::{
    Call, Handler, HostError, Json, Prepare, Rejection, Result, export, http, json, messaging,
    reject,
};
use serde::Deserialize;

struct Caller;

export!(Caller: prepare, handlers(Fetch, Keep));

/// Sends a request, `times` times (once), with `body` or one of `size` bytes, and tells
/// of each what came of it.
#[derive(Deserialize)]
struct Fetch {
    url: String,
    method: Option<String>,
    body: Option<String>,
    size: Option<usize>,
    #[serde(default)]
    headers: Map<String, Json>,
    times: Option<u32>,
}

impl Handler for Fetch {
    const TYPE: &str = "fetch";
    type Reply = Json;

    fn handle(self, _: &Call) -> Result<Option<Json>> {
        let results = (0..self.times.unwrap_or(1)).map(|_| shown(self.send()));
        let results: Vec<Json> = results.collect();
        Ok(Some(json!({"_type": "fetch", "result": results})))
    }
}

impl Fetch {
    fn send(&self) -> Result<http::Response, HostError> {
        let mut request = http::request(self.method.as_deref().unwrap_or("GET"), &self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        if let Some(body) = &self.body {
            request = request.body(body.as_str());
        }
        if let Some(size) = self.size {
            request = request.body(vec![b'x'; size]);
        }
        request.send()
    }
}

fn shown(answer: Result<http::Response, HostError>) -> Json {
    match answer {
        Ok(answer) => json!({
            "status": answer.status,
            "location": answer.header("location"),
            "body": String::from_utf8_lossy(&answer.body),
        }),
        Err(error) => json!({"error": error.code, "message": error.message}),
    }
}

/// Begins a request and keeps the handle of its response for ever.
#[derive(Deserialize)]
struct Keep {
    host: String,
}

impl Handler for Keep {
    const TYPE: &str = "keep";
    type Reply = Json;

    fn handle(self, _: &Call) -> Result<Option<Json>> {
        let request = OutgoingRequest::new(Fields::new());
        let set = request.set_scheme(Some(&Scheme::Http));
        let set = set.and_then(|()| request.set_authority(Some(&self.host)));
        let set = set.and_then(|()| request.set_path_with_query(Some("/")));
        set.map_err(|()| Rejection::new("invalid", "no host"))?;
        let answer = outgoing_handler::handle(request, None);
        let answer = answer.map_err(|code| Rejection::new("refused", format!("{code:?}")))?;
        answer.subscribe().block();
        std::mem::forget(answer);
        Ok(Some(json!({"_type": "keep", "result": calls()})))
    }
}

/// Calls of `keep` that this instance has served.
fn calls() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static CALLS: AtomicU32 = AtomicU32::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

impl Prepare for Caller {
    type Message = Json;

    fn prepare(_: &Call, mut message: Json) -> Result<Option<Json>> {
        let Some(url) = message["fetch"].as_str() else {
            return Ok(None);
        };
        messaging::reply(json!({"_effect": "fetching"}))?;
        let answer = http::post(url)
            .json(&json!({"body": message["body"]}))
            .send()?;
        message["fetched"] = answer.text()?.into();
        match message["then"].as_str() {
            Some("trap") => panic!("as told"),
            Some("reject") => reject("told", "as told"),
            _ => Ok(Some(message)),
        }
    }
}
