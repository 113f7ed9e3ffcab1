//! The public listener: sockets in, requests to their endpoints.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

use crate::app::App;
use crate::auth::origin;
use crate::connection::handshake::{self, Arrival};
use crate::page;
use crate::problem::problem;

/// A client that has not sent its request by then is not going to.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request's head may take, and what of an answer may wait for a slow client. (Not
/// of a WebSocket: that has an outbox of its own.)
const BUFFER: usize = 64 * 1024;

/// After a failed accept (no file descriptors left), give others time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A place among the connections that the server takes; free again when dropped.
pub type Slot = Arc<OwnedSemaphorePermit>;

/// Accepts connections until `stop` says so.
pub async fn serve(app: Arc<App>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        match accepted {
            Ok((stream, address)) => admit(&app, stream, address, stop.clone()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(app: &Arc<App>, mut stream: TcpStream, address: SocketAddr, stop: watch::Receiver<bool>) {
    let Ok(permit) = Semaphore::try_acquire_owned(app.slots.clone()) else {
        metrics::counter!("hookcast_connections_refused_total").increment(1);
        tokio::spawn(async move {
            let full =
                b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
                         content-length: 0\r\n\r\n";
            // The client is told if it listens; it is not worth more.
            let _ = stream.write_all(full).await;
        });
        return;
    };
    // Frames are complete when they are written; waiting for more only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let (app, slot) = (app.clone(), Arc::new(permit));
    tokio::spawn(async move {
        if let Err(error) = converse(app, stream, address, slot, stop).await {
            tracing::debug!(%error, %address, "a connection ended before a response");
        }
    });
}

/// Speaks HTTP on one socket, up to an upgrade.
async fn converse(
    app: Arc<App>,
    stream: TcpStream,
    address: SocketAddr,
    slot: Slot,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let hangup = Arc::new(Notify::new());
    let line = (address, slot, hangup.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, line) = (app.clone(), line.clone());
        async move { Ok::<_, Infallible>(respond(app, line, request.map(Body::new)).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFER);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        () = hangup.notified() => return Ok(()),
        () = stopped(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        result = connection => result,
        () = hangup.notified() => Ok(()),
    }
}

async fn respond(
    app: Arc<App>,
    (address, slot, hangup): (SocketAddr, Slot, Arc<Notify>),
    request: Request<Body>,
) -> Response<Body> {
    let config = app.config();
    if let Err(refusal) = origin::check(&config.server, request.uri(), request.headers()) {
        return *refusal;
    }
    if config.server.page
        && let Some(file) = page::file(request.uri().path())
    {
        return file;
    }
    let routes = app.routes();
    let Some(found) = routes.find(request.uri().path()) else {
        let text =
            "no endpoint has this path; `GET /api/endpoints` on the admin listener lists them";
        return problem(StatusCode::NOT_FOUND, "no_endpoint", text);
    };
    let arrival = Arrival {
        address,
        path_parameters: found.parameters,
        slot,
        hangup,
    };
    if soketto::handshake::http::is_upgrade_request(&request) {
        handshake::accept(found.endpoint, arrival, request).await
    } else {
        crate::http::respond(found.endpoint, arrival, request).await
    }
}

/// Returns when the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}
