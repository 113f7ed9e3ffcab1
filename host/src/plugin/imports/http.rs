//! `wasi:http`, outgoing: requests to the hosts that are granted, within the plugin's
//! limits, sent while the hook runs and not to be undone.
//!
//! The library gives guests the types; sending is done here, so that no request goes
//! where nobody looked: `destination` (where to, read once), `resolve` and `address`
//! (which addresses), `send` (dialled by the vetted address, never by name again),
//! `body` (measured while it flows). Redirects are answers like all others: the guest may
//! follow one by a request that is checked anew. No proxy is used.

use std::future::Future;
use std::sync::Arc;

use http::{Method, Request, Response};
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest,
};
use wasmtime_wasi_http::{Error, FieldMap, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use crate::plugin::limits::Limit;

mod address;
mod body;
mod destination;
mod failure;
mod outbound;
mod resolve;
mod send;
#[cfg(test)]
mod tests;

pub use outbound::{Network, Outbound};

pub use destination::Destination;
use outbound::CallRequests;
use send::{Sending, head_bytes};

/// Bytes of the headers in one `fields`, in memory.
const FIELDS: usize = 32 << 10;

/// Bytes a guest may write to a body at once. Two such pieces may wait in each body,
/// whether it is ever sent or not.
const CHUNK: usize = 16 << 10;

/// `wasi:http` of one instance.
pub struct Http {
    pub context: WasiHttpCtx,
    pub hooks: Requests,
}

/// Admits and sends the requests of one instance.
pub struct Requests {
    outbound: Arc<Outbound>,
    /// Those of the call being served; none while the guest is described, which sends no
    /// requests.
    call: Option<CallRequests>,
}

impl Http {
    pub fn new(outbound: Arc<Outbound>) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS);
        Self {
            context,
            hooks: Requests {
                outbound,
                call: None,
            },
        }
    }

    /// A call begins.
    pub fn begin(&mut self) {
        let outbound = &self.hooks.outbound;
        if outbound.settings.grants_http() {
            self.hooks.call = Some(CallRequests::new(outbound.settings.limits.http_bytes));
        }
    }

    /// Whether the call that ends wanted to send a request where none is sent.
    pub fn was_wanted(&self) -> bool {
        let call = self.hooks.call.as_ref();
        call.is_some_and(|call| call.refused)
    }

    /// The call is over: whatever it has on its way is ended. Returns whether it left
    /// requests or responses open. They would fill the instance's memory in the host, call
    /// by call, so such an instance is not used again.
    pub fn end(&mut self, table: &mut ResourceTable) -> bool {
        let left = self.hooks.call.take().is_some()
            && table.iter_mut().any(|entry| {
                entry.is::<HostFutureIncomingResponse>()
                    || entry.is::<HostIncomingResponse>()
                    || entry.is::<HostIncomingBody>()
                    || entry.is::<HostFutureTrailers>()
                    || entry.is::<HostOutgoingRequest>()
                    || entry.is::<HostOutgoingBody>()
                    || entry.is::<FieldMap>()
            });
        if left {
            self.hooks.outbound.warn(
                "the hook kept an HTTP request or response beyond its call, which costs it its \
                 instance; drop them before it returns",
            );
        }
        left
    }
}

impl Requests {
    /// Checks a request against grants and limits, and counts it.
    fn admit(
        &mut self,
        request: &Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Sending, Error> {
        let outbound = &self.outbound;
        let Some(call) = &mut self.call else {
            outbound.warn("no requests while `describe` runs; send them in a hook");
            return Err(Error::HttpRequestDenied);
        };
        let Some(destination) = Destination::of(request.uri()) else {
            return Err(Error::HttpRequestUriInvalid);
        };
        // It would make a tunnel of the connection.
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        if !destination.is_granted(&outbound.settings.grants) {
            let plugin = outbound.plugin();
            outbound.warn(&format!(
                "a request to `{destination}` was refused; if it may be called, add \
                 \"http:{destination}\" to `grants` of [plugins.{plugin}]"
            ));
            return Err(Error::HttpRequestDenied);
        }
        if outbound.is_closed {
            call.refused = true;
            return Err(Error::HttpRequestDenied);
        }
        let limits = &outbound.settings.limits;
        if call.sent >= limits.http_calls {
            outbound.over(Limit::HttpCalls, "a call sent too many requests");
            return Err(Error::ConnectionLimitReached);
        }
        if !call.room.take(head_bytes(request)) {
            outbound.over(Limit::HttpBytes, "a request is too large");
            return Err(Error::HttpRequestHeaderSectionSize(None));
        }
        call.sent += 1;
        let meter = &outbound.meter;
        meter.used(Limit::HttpCalls, call.sent.into());
        Ok(Sending {
            outbound: Arc::clone(outbound),
            destination,
            room: call.room.clone(),
            end: call.end(),
            options,
            deadline: Instant::now() + limits.http_time,
        })
    }
}

/// What [`WasiHttpHooks::send_request`] returns for the connection behind a response.
type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Requests {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let admitted = self.admit(&request, options.unwrap_or_default());
        Box::new(async move {
            let (response, driver) = admitted?.run(request).await?;
            let driver: Io = Box::new(async move {
                driver.await;
                Ok(())
            });
            Ok((response, driver))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}
