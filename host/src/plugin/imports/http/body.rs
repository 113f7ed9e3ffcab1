//! Bodies that are measured while they flow.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

use super::failure;
use super::outbound::{Outbound, Room};
use crate::plugin::limits::Limit;

/// What headers take on the wire.
pub fn header_bytes(headers: &HeaderMap) -> usize {
    // `name: value\r\n`
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    headers.iter().map(line).sum()
}

fn frame_bytes(frame: &Frame<Bytes>) -> usize {
    match (frame.data_ref(), frame.trailers_ref()) {
        (Some(data), _) => data.len(),
        (None, Some(trailers)) => header_bytes(trailers),
        (None, None) => 0,
    }
}

/// A request's body, as the guest writes it.
pub struct Outgoing {
    body: WasiBody,
    room: Room,
    outbound: Arc<Outbound>,
}

impl Outgoing {
    pub fn new(body: WasiBody, room: Room, outbound: Arc<Outbound>) -> Self {
        Self {
            body,
            room,
            outbound,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && !self.room.take(frame_bytes(frame))
        {
            self.outbound
                .over(Limit::HttpBytes, "a request is too large");
            let limit = self.outbound.settings.limits.http_bytes;
            return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(limit)))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body, until the request's time is over or its call has no room left.
pub struct Response {
    body: Incoming,
    room: Room,
    outbound: Arc<Outbound>,
    /// End of `limits.http_time`.
    deadline: Instant,
    /// What the guest allows between two pieces.
    between: Option<Duration>,
    timer: Pin<Box<Sleep>>,
    failed: bool,
}

impl Response {
    pub fn new(
        body: Incoming,
        room: Room,
        outbound: Arc<Outbound>,
        deadline: Instant,
        between: Option<Duration>,
    ) -> Self {
        let mut response = Self {
            body,
            room,
            outbound,
            deadline,
            between,
            timer: Box::pin(sleep_until(deadline)),
            failed: false,
        };
        response.reset();
        response
    }

    /// Sets the timer to whichever comes first: the deadline, or the guest's patience.
    fn reset(&mut self) {
        let patience = self
            .between
            .and_then(|between| Instant::now().checked_add(between));
        let next = patience.map_or(self.deadline, |end| end.min(self.deadline));
        self.timer.as_mut().reset(next);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if !self.room.take(frame_bytes(&frame)) {
                    return Poll::Ready(Some(Err(too_large(&self.outbound))));
                }
                self.reset();
                Poll::Ready(Some(Ok(frame)))
            }
            // The connection is cut at the deadline, which may be noticed first.
            Poll::Ready(Some(Err(_))) if Instant::now() >= self.deadline => {
                Poll::Ready(Some(Err(self.late())))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(failure::of_hyper(&error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self
                .timer
                .as_mut()
                .poll(cx)
                .map(|()| Some(Err(self.late()))),
        }
    }

    fn late(&self) -> Error {
        if Instant::now() < self.deadline {
            return Error::ConnectionReadTimeout;
        }
        self.outbound
            .over(Limit::HttpTime, "a response took too long to arrive");
        Error::HttpResponseTimeout
    }
}

/// The error of a response that the call has no room for.
pub fn too_large(outbound: &Outbound) -> Error {
    outbound.over(Limit::HttpBytes, "a response is too large");
    Error::HttpResponseBodySize(Some(outbound.settings.limits.http_bytes))
}

impl Body for Response {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let polled = self.poll(cx);
        self.failed = matches!(polled, Poll::Ready(Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
