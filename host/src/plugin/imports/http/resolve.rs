//! From a host's name to addresses that may be dialled.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use url::Host;

use super::address::special;
use super::destination::Destination;
use crate::plugin::grant::{Grant, HttpGrant};

/// Names being looked up at the same time, for all plugins. The system's resolver can't
/// be interrupted; without a bound, names that answer slowly would take up all threads
/// for blocking work.
const LOOKUPS: usize = 32;

/// Most addresses of a name that are tried.
const ADDRESSES: usize = 8;

/// What looks names up.
pub trait Resolve: Send + Sync {
    /// All addresses of a name.
    fn resolve(&self, name: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
pub struct System {
    lookups: Arc<Semaphore>,
}

impl Default for System {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }
}

impl Resolve for System {
    fn resolve(&self, name: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        async move {
            let lookups = Arc::clone(&self.lookups);
            let permit = lookups.acquire_owned().await.map_err(io::Error::other)?;
            let lookup = move || {
                // Held until the look-up ends, whoever still waits for it.
                let _permit = permit;
                (name.as_str(), port)
                    .to_socket_addrs()
                    .map(Iterator::collect)
            };
            tokio::task::spawn_blocking(lookup)
                .await
                .map_err(io::Error::other)?
        }
        .boxed()
    }
}

/// Why no address may be dialled.
#[derive(Debug)]
pub enum Unreachable {
    /// The name has no address, or can't be looked up.
    NotFound(io::Error),
    /// An address of the name is not public, and not granted.
    Prohibited(IpAddr, &'static str),
}

/// The addresses to dial, looked up once and all of them vetted: whoever owns the name
/// can't have a second answer used that nobody has looked at.
pub async fn addresses(
    resolver: &dyn Resolve,
    destination: &Destination,
    grants: &[Grant],
) -> Result<Vec<SocketAddr>, Unreachable> {
    let port = destination.port;
    let name = match &destination.host {
        // Granted as it is, or the request would not have come this far.
        Host::Ipv4(address) => return Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address, port).into()]),
        Host::Domain(name) => name,
    };
    let found = resolver.resolve(name.clone(), port).await;
    let mut found = found.map_err(Unreachable::NotFound)?;
    if found.is_empty() {
        return Err(Unreachable::NotFound(io::ErrorKind::NotFound.into()));
    }
    for address in &mut found {
        let ip = address.ip();
        if let Some(why) = special(ip)
            && !(name == "localhost" && ip.is_loopback())
            && !named(grants, ip, destination)
        {
            return Err(Unreachable::Prohibited(ip, why));
        }
        address.set_port(port);
    }
    found.truncate(ADDRESSES);
    Ok(found)
}

/// Whether the address itself is granted, beside the name that led to it.
fn named(grants: &[Grant], address: IpAddr, destination: &Destination) -> bool {
    let host = match address {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    };
    let allows =
        |grant: &HttpGrant| grant.allows(&host, destination.port, destination.usual_port());
    grants
        .iter()
        .any(|grant| matches!(grant, Grant::Http(grant) if allows(grant)))
}
