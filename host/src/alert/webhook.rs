//! Webhook alerts: a POST of JSON, signed as the Standard Webhooks specification has it.
//!
//! Where it goes is the operator's word, so any address may be called, private ones
//! included. Looking up and TLS are those of plugins' requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::json;
use tokio::net::TcpStream;
use url::Host;

use super::failure::{Failure, Kind};
use super::occasion::Occasion;
use crate::clock::now_micros;
use crate::config::WebhookConfig;
use crate::plugin::{Destination, Network};

/// Time for one call, from finding the address to the answer.
const TIME: Duration = Duration::from_secs(30);

/// Calls to one server at a time.
pub const AT_A_TIME: usize = 4;

/// What beginnings of secrets say that the rest is base64.
const BASE64_SECRET: &str = "whsec_";

/// Calls the webhook for a message.
pub async fn call(
    network: &Arc<Network>,
    webhook: &WebhookConfig,
    id: &str,
    alert: &str,
    occasion: &Occasion,
) -> Result<(), Failure> {
    let body = json!({
        "id": id,
        "alert": alert,
        "endpoint": occasion.endpoint,
        "method": occasion.method,
        "message": occasion.message,
        "row": occasion.row,
        "old": occasion.old,
        "sender": occasion.sender,
        "time": occasion.time,
    });
    let request = signed(webhook, id, now_micros() / 1_000_000, body.to_string())?;
    match tokio::time::timeout(TIME, exchange(network, request)).await {
        Ok(answer) => judged(answer?),
        Err(_) => Err(Failure::new(
            Kind::Late,
            format!("did not answer within {TIME:?}"),
        )),
    }
}

/// The request, with who it is from proven. `time` is seconds since 1970-01-01 UTC.
fn signed(
    webhook: &WebhookConfig,
    id: &str,
    time: i64,
    body: String,
) -> Result<Request<Full<Bytes>>, Failure> {
    let mut request = Request::post(&webhook.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(
            header::USER_AGENT,
            concat!("hookcast/", env!("CARGO_PKG_VERSION")),
        )
        .header("webhook-id", id)
        .header("webhook-timestamp", time);
    if let Some(secret) = &webhook.secret {
        let signature = signature(secret.reveal(), &format!("{id}.{time}.{body}"));
        request = request.header("webhook-signature", signature);
    }
    let request = request.body(Full::new(Bytes::from(body)));
    request.map_err(|error| Failure::new(Kind::Final, format!("no request can be made: {error}")))
}

/// HMAC-SHA256, as `v1,` and base64.
fn signature(secret: &str, text: &str) -> String {
    let decoded = secret
        .strip_prefix(BASE64_SECRET)
        .and_then(|rest| STANDARD.decode(rest).ok());
    let key = decoded.as_deref().unwrap_or(secret.as_bytes());
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, text.as_bytes())))
}

/// Sends the request and waits for the head of the answer. What is in it matters to
/// nobody.
async fn exchange(
    network: &Arc<Network>,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, Failure> {
    let down = |what: &str, error: &dyn std::fmt::Display| {
        Failure::new(Kind::Down, format!("{what}: {error}"))
    };
    let Some(destination) = Destination::of(request.uri()) else {
        return Err(Failure::new(Kind::Final, "the URL can't be called"));
    };
    let addresses: Vec<SocketAddr> = match &destination.host {
        Host::Ipv4(address) => vec![(*address, destination.port).into()],
        Host::Ipv6(address) => vec![(*address, destination.port).into()],
        Host::Domain(name) => network
            .resolver
            .resolve(name.clone(), destination.port)
            .await
            .map_err(|error| down("its name was not found", &error))?,
    };
    let stream = TcpStream::connect(&addresses[..])
        .await
        .map_err(|error| down("can't be reached", &error))?;
    if destination.tls {
        let stream = network
            .tls
            .connect(&destination.host, stream)
            .await
            .map_err(|error| down("TLS failed", &error))?;
        speak(TokioIo::new(stream), request, &destination).await
    } else {
        speak(TokioIo::new(stream), request, &destination).await
    }
}

async fn speak(
    stream: impl hyper::rt::Read + hyper::rt::Write + Unpin,
    mut request: Request<Full<Bytes>>,
    destination: &Destination,
) -> Result<StatusCode, Failure> {
    let broken = |error: hyper::Error| {
        Failure::new(Kind::Down, format!("broke the connection off: {error}"))
    };
    let target = request
        .uri()
        .path_and_query()
        .map(|path| path.as_str().parse());
    if let Some(Ok(target)) = target {
        *request.uri_mut() = target;
    }
    if let Ok(host) = destination.to_string().parse() {
        request.headers_mut().insert(header::HOST, host);
    }
    let (mut sender, connection) = http1::handshake(stream).await.map_err(broken)?;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    let mut open = true;
    let answer = loop {
        tokio::select! {
            answer = &mut answer => break answer,
            // Its error is the answer's, too.
            _ = &mut connection, if open => open = false,
        }
    };
    Ok(answer.map_err(broken)?.status())
}

fn judged(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let kind = match status.as_u16() {
        408 | 425 | 429 | 500.. => Kind::Refused,
        // Also redirects, which are not followed: the signature is for this place.
        _ => Kind::Final,
    };
    Err(Failure::new(kind, format!("answered {status}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The specification's own example.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn answers_say_whether_to_try_again() {
        let kind = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            judged(status).err().map(|failure| failure.kind)
        };
        assert_eq!(kind(204), None);
        for status in [408, 429, 500, 503] {
            assert_eq!(kind(status), Some(Kind::Refused), "{status}");
        }
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(kind(status), Some(Kind::Final), "{status}");
        }
    }
}
