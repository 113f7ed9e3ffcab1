//! A small document behind a URL of the config, fetched within bounds.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use crate::tls::Tls;

/// From the look-up of the name to the last byte.
const TIME: Duration = Duration::from_secs(5);

/// Largest document, in bytes.
const SIZE: usize = 1 << 20;

/// Fetches a document; nothing but 200 will do, and redirects are not followed: where keys
/// come from is the config's decision alone.
///
/// # Errors
/// What went wrong, to be said after the URL.
pub async fn get(url: &Url, tls: &Tls) -> Result<Bytes, String> {
    match timeout(TIME, exchange(url, tls)).await {
        Ok(result) => result,
        Err(_) => Err(format!("did not answer within {} s", TIME.as_secs())),
    }
}

/// A URL for messages: its query may be a secret.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

async fn exchange(url: &Url, tls: &Tls) -> Result<Bytes, String> {
    let host = url.host().ok_or("has no host")?.to_owned();
    let port = url.port_or_known_default().ok_or("has no port")?;
    let stream = match &host {
        Host::Domain(name) => TcpStream::connect((name.as_str(), port)).await,
        Host::Ipv4(address) => TcpStream::connect((*address, port)).await,
        Host::Ipv6(address) => TcpStream::connect((*address, port)).await,
    };
    let stream = stream.map_err(|error| format!("can't be reached: {error}"))?;
    if url.scheme() == "https" {
        let stream = tls.connect(&host, stream).await;
        speak(
            url,
            stream.map_err(|error| format!("offers no TLS: {error}"))?,
        )
        .await
    } else {
        speak(url, stream).await
    }
}

async fn speak(
    url: &Url,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Bytes, String> {
    let broken = |error: hyper::Error| format!("broke off: {error}");
    let shaken = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(broken)?;
    // Ends with the sender or with the peer; what fails is the response's failure, too.
    tokio::spawn(connection);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = Request::get(target)
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .body(Empty::new())
        .map_err(|error| format!("can't be asked for: {error}"))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    if response.status() != StatusCode::OK {
        return Err(format!("answered {}", response.status()));
    }
    let body = Limited::new(response.into_body(), SIZE).collect().await;
    let body = body.map_err(|error| format!("can't be read to its end: {error}"))?;
    Ok(body.to_bytes())
}
