//! One request, from its admission to its response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout_at};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{self, header_bytes, too_large};
use super::destination::Destination;
use super::failure;
use super::outbound::{CallEnd, Outbound, Room};
use super::resolve::{Unreachable, addresses};
use crate::plugin::limits::Limit;

/// Bytes of a response's headers, and of what is read of its body ahead of the guest.
const READ_AHEAD: usize = 64 << 10;

/// Drives a connection whose response the guest reads.
pub type Driver = BoxFuture<'static, ()>;

/// An admitted request: granted, and counted.
pub struct Sending {
    pub outbound: Arc<Outbound>,
    pub destination: Destination,
    pub room: Room,
    pub end: CallEnd,
    pub options: RequestOptions,
    /// End of `limits.http_time`.
    pub deadline: Instant,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Sending {
    /// Sends the request and waits for the head of the response. Whatever takes too long
    /// is ended, and all of it with the call.
    pub async fn run(
        mut self,
        request: Request<WasiBody>,
    ) -> Result<(Response<WasiBody>, Driver), Error> {
        let mut end = self.end.clone();
        tokio::select! {
            biased;
            () = end.reached() => Err(Error::ConnectionTerminated),
            result = self.exchange(request) => result,
        }
    }

    async fn exchange(
        &mut self,
        request: Request<WasiBody>,
    ) -> Result<(Response<WasiBody>, Driver), Error> {
        let permit = self.permit().await?;
        let addresses = self.addresses().await?;
        let stream = self.dial(&addresses).await?;
        let stream: Box<dyn Stream> = if self.destination.tls {
            self.take_up_tls(stream).await?
        } else {
            Box::new(stream)
        };
        self.speak(request, stream, permit).await
    }

    /// Waits for one of the plugin's connections.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let concurrent = Arc::clone(&self.outbound.concurrent);
        match timeout_at(self.deadline, concurrent.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                let message = "a request found all of the plugin's connections busy";
                self.outbound.over(Limit::HttpConcurrent, message);
                Err(Error::ConnectionLimitReached)
            }
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let (resolver, grants) = (
            &*self.outbound.network.resolver,
            &self.outbound.settings.grants,
        );
        let found = addresses(resolver, &self.destination, grants);
        let found = timeout_at(self.deadline, found);
        let found = found.await.map_err(|_| self.late(Error::DnsTimeout))?;
        let destination = &self.destination;
        found.map_err(|error| match error {
            Unreachable::Prohibited(address, why) => {
                self.outbound.warn(&format!(
                    "`{destination}` was not called: its address {address} is not public but {why}. \
                     If the plugin may call it, add the address to its grants, too"
                ));
                Error::DestinationIpProhibited
            }
            Unreachable::NotFound(error) => {
                self.outbound
                    .warn(&format!("`{destination}` was not found: {error}"));
                Error::DnsError {
                    rcode: None,
                    info_code: None,
                }
            }
        })
    }

    /// Tries one address after the other, each for its share of the time that is left.
    async fn dial(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
        let end = self.end_of(self.options.connect_timeout);
        let mut failed = Error::DestinationUnavailable;
        for (tried, address) in addresses.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
            failed = match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are written in one piece; without it only latency changes.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => failure::of_dial(&error),
                Err(_) => self.late(Error::ConnectionTimeout),
            };
        }
        Err(failed)
    }

    async fn take_up_tls(&self, stream: TcpStream) -> Result<Box<dyn Stream>, Error> {
        let connected = self
            .outbound
            .network
            .tls
            .connect(&self.destination.host, stream);
        let end = self.end_of(self.options.connect_timeout);
        let connected = timeout_at(end, connected).await;
        match connected.map_err(|_| self.late(Error::ConnectionTimeout))? {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => {
                let destination = &self.destination;
                self.outbound
                    .warn(&format!("no TLS with `{destination}`: {error}"));
                Err(failure::of_tls(&error))
            }
        }
    }

    async fn speak(
        &self,
        request: Request<WasiBody>,
        stream: Box<dyn Stream>,
        permit: OwnedSemaphorePermit,
    ) -> Result<(Response<WasiBody>, Driver), Error> {
        let end = self.end_of(self.options.first_byte_timeout);
        let shaken = http1::Builder::new()
            .max_buf_size(READ_AHEAD)
            .handshake::<_, body::Outgoing>(TokioIo::new(stream))
            .await;
        let (mut sender, mut connection) = shaken.map_err(|error| failure::of_hyper(&error))?;

        let request = self.on_the_wire(request)?;
        let mut closed = false;
        let response = {
            let mut answer = std::pin::pin!(timeout_at(end, sender.send_request(request)));
            loop {
                tokio::select! {
                    answer = &mut answer => break answer,
                    // Its error is the answer's, too.
                    _ = &mut connection, if !closed => closed = true,
                }
            }
        };
        let response = response.map_err(|_| self.late(Error::HttpResponseTimeout))?;
        let response = response.map_err(|error| failure::of_hyper(&error))?;
        let response = self.measured(response)?;

        let (mut call, deadline) = (self.end.clone(), self.deadline);
        let driver = async move {
            // Until then the request counts as one of the plugin's.
            let _permit = permit;
            if !closed {
                tokio::select! {
                    _ = connection => {}
                    () = sleep_until(deadline) => {}
                    () = call.reached() => {}
                }
            }
        };
        Ok((response, driver.boxed()))
    }

    /// The request as a server gets it: the path alone, and the host that was checked.
    fn on_the_wire(&self, request: Request<WasiBody>) -> Result<Request<body::Outgoing>, Error> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path();
        let target = match parts.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        parts.uri = Uri::try_from(target).map_err(|_| Error::HttpRequestUriInvalid)?;
        let host = HeaderValue::try_from(self.destination.to_string());
        let host = host.map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.headers.insert(header::HOST, host);
        let body = body::Outgoing::new(body, self.room.clone(), Arc::clone(&self.outbound));
        Ok(Request::from_parts(parts, body))
    }

    /// The response, as far as the call has room for it.
    fn measured(
        &self,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Response<WasiBody>, Error> {
        let announced = hyper::body::Body::size_hint(response.body()).lower();
        if !self.room.take(header_bytes(response.headers())) || announced > self.room.left() {
            return Err(too_large(&self.outbound));
        }
        Ok(response.map(|body| {
            let between = self.options.between_bytes_timeout;
            let (room, outbound) = (self.room.clone(), Arc::clone(&self.outbound));
            body::Response::new(body, room, outbound, self.deadline, between).boxed_unsync()
        }))
    }

    /// When the guest's patience ends, at the latest with the request's time.
    fn end_of(&self, patience: Option<Duration>) -> Instant {
        let end = patience.and_then(|patience| Instant::now().checked_add(patience));
        end.map_or(self.deadline, |end| end.min(self.deadline))
    }

    /// Counts a request that ran out of the time that the operator gives it, not one that
    /// the guest itself gave less.
    fn late(&self, error: Error) -> Error {
        if Instant::now() >= self.deadline {
            let destination = &self.destination;
            let message = format!("`{destination}` did not answer in time");
            self.outbound.over(Limit::HttpTime, &message);
        }
        error
    }
}

/// What a request's head takes on the wire.
pub fn head_bytes(request: &Request<WasiBody>) -> usize {
    let uri = request.uri();
    request.method().as_str().len()
        + uri.path().len()
        + uri.query().map_or(0, str::len)
        + header_bytes(request.headers())
}
