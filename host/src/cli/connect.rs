//! `hookcast connect`: a WebSocket client for people and scripts.

mod input;
mod screen;
mod session;

use std::process::ExitCode;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, http as ws_http};

use super::{fail, runtime, url};
use screen::Screen;
use session::Ending;

/// How long the server may take to accept the connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connect to an endpoint and talk to it
///
/// Each line of input is a message. A line that begins with `{` or `[` is sent as it is;
/// any other text as {"_method":"POST","body":TEXT}. `/quit` or Ctrl-D ends. From a
/// pipe, the end of input ends the connection once nothing has arrived for a second.
/// Frames go to standard output, everything else to standard error.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For example ws://127.0.0.1:8080/chat?topic=Help
    url: String,
    /// Resume after this position instead of loading the history
    #[arg(long, value_name = "TOKEN")]
    after: Option<String>,
    /// A header of the handshake, as "Cookie: session=1"; may be repeated
    #[arg(long = "header", short = 'H', value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

pub(super) fn run(args: Args) -> ExitCode {
    let request = match request(args) {
        Ok(request) => request,
        Err(error) => return fail(error),
    };
    match runtime() {
        Ok(runtime) => runtime.block_on(talk(request)),
        Err(code) => code,
    }
}

async fn talk(request: Request) -> ExitCode {
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, connect_async(request));
    let socket = match handshake.await {
        Ok(Ok((socket, _))) => socket,
        Ok(Err(error)) => return fail(refusal(error)),
        Err(_) => return fail("the server did not answer the handshake within 10 s"),
    };
    let reading = match input::start() {
        Ok(reading) => reading,
        Err(error) => return fail(format_args!("can't read from the terminal: {error}")),
    };
    let mut screen = Screen::new(reading.printer);
    screen.note("connected; /quit ends");
    let ending = session::run(socket, reading.input, &mut screen).await;
    screen.note(&ending.describe());
    if let Some(editing) = reading.editing {
        if !matches!(ending, Ending::Left) {
            screen.note("press Enter to leave");
        }
        // An error says that the editor has ended, as it should.
        let _ = editing.await;
    }
    match ending {
        Ending::Left => ExitCode::SUCCESS,
        Ending::Closed { code: 1000, .. } => ExitCode::SUCCESS,
        Ending::Closed { .. } | Ending::Broken(_) => ExitCode::FAILURE,
    }
}

/// The handshake's request.
fn request(args: Args) -> Result<Request, String> {
    let mut address = args.url.clone();
    if let Some(rest) = address.strip_prefix("http://") {
        address = format!("ws://{rest}");
    } else if !address.contains("://") {
        address = format!("ws://{address}");
    }
    if !address.starts_with("ws://") {
        let scheme = address.split("://").next().unwrap_or_default();
        return Err(format!(
            "can't speak {scheme}://; this client has no TLS: connect with ws:// to the \
             server itself, behind its proxy"
        ));
    }
    if let Some(after) = args.after {
        let separator = if address.contains('?') { '&' } else { '?' };
        address = format!("{address}{separator}_after={}", url::encode(&after));
    }
    let uri: ws_http::Uri = address
        .parse()
        .map_err(|error| format!("{:?} is no URL: {error}", args.url))?;
    let mut request = uri
        .into_client_request()
        .map_err(|error| format!("{:?} can't be connected to: {error}", args.url))?;
    for (name, value) in args.headers {
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header is NAME:VALUE, as \"Cookie: session=1\"")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("{name:?} can't be a header's name"))?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| format!("{value:?} can't be a header's value"))?;
    Ok((name, value))
}

/// Why there is no connection, in the server's words where it has any.
fn refusal(error: Error) -> String {
    let Error::Http(response) = error else {
        return format!("can't connect: {error}");
    };
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    // The server's own refusals are problem details (RFC 9457); a proxy's are anything.
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let body = screen::harmless(problem["detail"].as_str().unwrap_or(text.trim()));
    if body.is_empty() {
        return format!("the server answered {status}");
    }
    format!("the server answered {status}: {body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(url: &str, after: Option<&str>) -> Result<String, String> {
        let args = Args {
            url: url.to_owned(),
            after: after.map(str::to_owned),
            headers: vec![header("X-Test: a:b")?],
        };
        let request = request(args)?;
        assert_eq!(request.headers()["x-test"], "a:b");
        Ok(request.uri().to_string())
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let refused = |body: &str| {
            let response = ws_http::Response::builder()
                .status(403)
                .body(Some(body.as_bytes().to_vec()))
                .expect("a response");
            refusal(Error::Http(Box::new(response)))
        };
        let told = "the server answered 403 Forbidden: not your room";
        assert_eq!(
            refused("{\"code\":\"x\",\"detail\":\"not your room\"}"),
            told
        );
        assert_eq!(refused("not your room\n"), told);
        assert_eq!(refused(""), "the server answered 403 Forbidden");
    }

    #[test]
    fn makes_the_address_from_what_people_type() {
        for (typed, after, address) in [
            ("ws://h:1/chat", None, "ws://h:1/chat"),
            ("http://h:1/chat", None, "ws://h:1/chat"),
            ("h:1/chat", Some("a.1"), "ws://h:1/chat?_after=a.1"),
            (
                "h:1/chat?x=y",
                Some("a=1"),
                "ws://h:1/chat?x=y&_after=a%3D1",
            ),
        ] {
            assert_eq!(uri(typed, after).as_deref(), Ok(address));
        }
        assert!(uri("wss://h/chat", None).is_err_and(|error| error.contains("no TLS")));
        assert!(uri("h:1/a b", None).is_err());
    }
}
