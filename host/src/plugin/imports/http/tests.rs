//! Requests with a resolver that answers what a test wants, to servers on this machine.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wasmtime_wasi_http::{Error, WasiHttpHooks as _};

use super::resolve::Resolve;
use super::{Http, Network, Outbound};
use crate::plugin::grant::Grant;
use crate::plugin::limits::Limits;
use crate::plugin::log::{Books, PluginLog};
use crate::plugin::meter::Meter;
use crate::plugin::settings::PluginSettings;
use crate::tls::Tls;

/// Answers in turn; the last answer again and again.
#[derive(Default)]
struct Answers {
    left: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Resolve for Arc<Answers> {
    fn resolve(&self, _: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut left = self.left.lock();
        let answer = match left.len() {
            0 | 1 => left.front().cloned(),
            _ => left.pop_front(),
        };
        let answer = answer.ok_or_else(|| io::ErrorKind::NotFound.into());
        let answer = answer.map(|found| found.into_iter().map(|ip| (ip, port).into()).collect());
        async { answer }.boxed()
    }
}

fn answers(answers: &[&[&str]]) -> Arc<Answers> {
    let read = |ip: &&str| ip.parse().expect("an address");
    let answers = answers.iter().map(|ips| ips.iter().map(read).collect());
    Arc::new(Answers {
        left: Mutex::new(answers.collect()),
        asked: AtomicUsize::new(0),
    })
}

/// A plugin with these grants, serving a call.
fn plugin(resolver: &Arc<Answers>, grants: &[String], limits: Limits) -> Http {
    let grants = grants
        .iter()
        .map(|grant| Grant::parse(grant).expect("a grant"));
    let settings = Arc::new(PluginSettings {
        grants: grants.collect(),
        limits,
        ..PluginSettings::default()
    });
    let meter = Arc::new(Meter::new(&settings.limits));
    let log = Arc::new(PluginLog::new(
        "p".into(),
        1,
        meter,
        Books::default().of("p"),
    ));
    let network = Network {
        resolver: Box::new(Arc::clone(resolver)),
        tls: Tls::default(),
    };
    let outbound = Outbound::new(Arc::new(network), settings, log);
    let mut http = Http::new(Arc::new(outbound));
    http.begin();
    http
}

/// Patient enough for a loaded machine.
fn patient() -> Limits {
    Limits {
        http_time: std::time::Duration::from_secs(30),
        ..Limits::default()
    }
}

async fn get(http: &mut Http, uri: &str) -> Result<String, Error> {
    let body = Empty::<Bytes>::new().map_err(Into::into).boxed_unsync();
    let request = Request::get(uri)
        .header("host", "set.by.library")
        .body(body);
    let sent = http.hooks.send_request(
        request.expect("a request"),
        None,
        Box::new(std::future::ready(Ok(()))),
    );
    let (response, driver) = Pin::from(sent).await?;
    let driver = tokio::spawn(Pin::from(driver));
    let body = response.into_body().collect().await?.to_bytes();
    driver.await.expect("the driver ends").expect("well");
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// A server on 127.0.0.1 that answers with the request's head.
struct Server {
    port: u16,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(echo_head(stream));
            }
        });
        Self { port, accepted }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn echo_head(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let length = head.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.write_all(&head).await
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_called() {
    let server = Server::start().await;
    let port = server.port;
    let resolver = answers(&[&["127.0.0.1"]]);
    let name = format!("http:harmless.example:{port}");
    let mut http = plugin(&resolver, &[name], patient());
    let error = get(&mut http, &format!("http://harmless.example:{port}/")).await;
    assert!(
        matches!(error, Err(Error::DestinationIpProhibited)),
        "{error:?}"
    );
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn one_address_that_is_not_public_is_enough_to_refuse() {
    for found in [
        ["1.1.1.1", "10.0.0.1"],
        ["::ffff:1.1.1.1", "2606:4700::1111"],
    ] {
        let resolver = answers(&[&found]);
        let mut http = plugin(&resolver, &["http:*.example.com".into()], patient());
        let error = get(&mut http, "http://api.example.com/").await;
        assert!(
            matches!(error, Err(Error::DestinationIpProhibited)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_the_vetted_address_dialled() {
    let server = Server::start().await;
    let port = server.port;
    // The second answer would lead elsewhere.
    let resolver = answers(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let grants = [
        format!("http:inner.example:{port}"),
        format!("http:127.0.0.1:{port}"),
    ];
    let mut http = plugin(&resolver, &grants, patient());
    let head = get(&mut http, &format!("http://INNER.example.:{port}?q=1")).await;
    let head = head.expect("an answer of the server on 127.0.0.1");
    assert!(head.starts_with("GET /?q=1 HTTP/1.1\r\n"), "{head}");
    let host = format!("host: inner.example:{port}\r\n");
    assert!(
        head.contains(&host),
        "the name that was checked, once: {head}"
    );
    assert_eq!(head.matches("host:").count(), 1, "{head}");
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 1);
    assert_eq!(server.accepted(), 1);

    // The next request looks it up anew, and is vetted anew.
    let error = get(&mut http, &format!("http://inner.example:{port}/")).await;
    assert!(
        matches!(error, Err(Error::DestinationIpProhibited)),
        "{error:?}"
    );
}

#[tokio::test]
async fn localhost_is_this_machine_and_nothing_else() {
    let server = Server::start().await;
    let port = server.port;
    let resolver = answers(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let mut http = plugin(&resolver, &[format!("http:localhost:{port}")], patient());
    let url = format!("http://localhost:{port}/");
    get(&mut http, &url).await.expect("an answer");
    let error = get(&mut http, &url).await;
    assert!(
        matches!(error, Err(Error::DestinationIpProhibited)),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_address_is_called_without_a_resolver() {
    let server = Server::start().await;
    let port = server.port;
    let resolver = answers(&[]);
    let mut http = plugin(&resolver, &[format!("http:127.0.0.1:{port}")], patient());
    let url = format!("http://2130706433:{port}/");
    get(&mut http, &url).await.expect("an answer");
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 0);
    let error = get(&mut http, &format!("http://127.0.0.2:{port}/")).await;
    assert!(matches!(error, Err(Error::HttpRequestDenied)), "{error:?}");
}

#[tokio::test]
async fn what_is_not_granted_is_not_even_looked_up() {
    let resolver = answers(&[&["1.1.1.1"]]);
    let mut http = plugin(&resolver, &["http:api.example.com".into()], patient());
    for uri in [
        "http://evil.example/",
        "http://example.com/",
        "http://api.example.com:8080/",
        "http://x.api.example.com/",
    ] {
        let error = get(&mut http, uri).await;
        assert!(
            matches!(error, Err(Error::HttpRequestDenied)),
            "{uri}: {error:?}"
        );
    }
    let error = get(&mut http, "http://api.example.com@evil.example/").await;
    assert!(
        matches!(error, Err(Error::HttpRequestUriInvalid)),
        "{error:?}"
    );
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_name_without_address_is_an_error() {
    for nothing in [answers(&[]), answers(&[&[]])] {
        let mut http = plugin(&nothing, &["http:api.example.com".into()], patient());
        let error = get(&mut http, "http://api.example.com/").await;
        assert!(matches!(error, Err(Error::DnsError { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn requests_of_one_plugin_wait_for_one_another() {
    let server = Server::start().await;
    let port = server.port;
    let limits = Limits {
        http_time: std::time::Duration::from_millis(50),
        http_concurrent: 1,
        ..Limits::default()
    };
    let grants = [format!("http:127.0.0.1:{port}")];
    let mut http = plugin(&answers(&[]), &grants, limits);
    let concurrent = Arc::clone(&http.hooks.outbound.concurrent);
    let _busy = concurrent.acquire_owned().await.expect("a free connection");
    let error = get(&mut http, &format!("http://127.0.0.1:{port}/")).await;
    assert!(
        matches!(error, Err(Error::ConnectionLimitReached)),
        "{error:?}"
    );
    assert_eq!(server.accepted(), 0);

    let mut http = plugin(&answers(&[]), &grants, patient());
    let url = format!("http://127.0.0.1:{port}/");
    let free = http.hooks.outbound.concurrent.available_permits();
    get(&mut http, &url).await.expect("an answer");
    let left = http.hooks.outbound.concurrent.available_permits();
    assert_eq!(free, left, "a request that is over takes no connection");
}

#[tokio::test]
async fn requests_end_with_their_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (closed, mut waiting) = mpsc::channel(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        closed.send("accepted").await.expect("a test that waits");
        // No answer; the end of what the client sends.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        closed.send("closed").await.expect("a test that waits");
    });
    let mut http = plugin(
        &answers(&[]),
        &[format!("http:127.0.0.1:{port}")],
        patient(),
    );
    let body = Empty::<Bytes>::new().map_err(Into::into).boxed_unsync();
    let request = Request::get(format!("http://127.0.0.1:{port}/")).body(body);
    let nothing = Box::new(std::future::ready(Ok(())));
    let sent = http
        .hooks
        .send_request(request.expect("a request"), None, nothing);
    let sent = tokio::spawn(Pin::from(sent));
    assert_eq!(waiting.recv().await, Some("accepted"));
    let concurrent = Arc::clone(&http.hooks.outbound.concurrent);
    assert_eq!(
        concurrent.available_permits(),
        patient().http_concurrent - 1
    );
    http.end(&mut wasmtime::component::ResourceTable::new());
    assert_eq!(waiting.recv().await, Some("closed"));
    let ended = sent.await.expect("no panic");
    assert!(matches!(ended, Err(Error::ConnectionTerminated)));
    assert_eq!(concurrent.available_permits(), patient().http_concurrent);

    let error = get(&mut http, &format!("http://127.0.0.1:{port}/")).await;
    assert!(
        matches!(error, Err(Error::HttpRequestDenied)),
        "outside of calls: {error:?}"
    );
}
