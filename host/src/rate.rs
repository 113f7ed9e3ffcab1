//! How fast clients may send and connect.
//!
//! Each limit is a set of buckets, one per connection, user or address, that fill at a
//! steady rate up to a burst (governor's GCRA). A bucket that is full again is the same
//! as none, so it is forgotten; and however many keys there are, a set holds no more than
//! [`MOST_KEYS`].

mod buckets;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::config::{Rate, RateConfig};
use crate::connection::Client;
use crate::id::ConnectionId;
use crate::rejection::{Rejection, code};

use buckets::Buckets;
pub use buckets::MOST_KEYS;

/// The limits of an endpoint and how far each is used.
pub struct Rates {
    config: RateConfig,
    connection: Option<Buckets<ConnectionId>>,
    user: Option<Buckets<Arc<str>>>,
    address: Option<Buckets<IpAddr>>,
    connects: Option<Buckets<IpAddr>>,
}

/// More than a limit allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// The limit's key in `rate`.
    pub limit: &'static str,
    pub rate: Rate,
    /// After this the same would be allowed.
    pub wait: Duration,
}

impl Rates {
    pub fn new(config: &RateConfig) -> Self {
        Self {
            connection: config.connection.map(Buckets::new),
            user: config.user.map(Buckets::new),
            address: config.address.map(Buckets::new),
            connects: config.connects.map(Buckets::new),
            config: config.clone(),
        }
    }

    /// Whether these are the limits of this config. A reload that changes none must not
    /// fill the buckets.
    pub fn are(&self, config: &RateConfig) -> bool {
        self.config == *config
    }

    /// Counts a message of a client against each limit, the narrowest first.
    ///
    /// # Errors
    /// One of them allows no more; what its sender is told.
    pub fn message(&self, client: &Client) -> Result<(), Rejection> {
        self.limits(client).map_err(|excess| {
            excess.count(&client.endpoint.name);
            excess.to_rejection()
        })
    }

    fn limits(&self, client: &Client) -> Result<(), Excess> {
        if let Some(buckets) = &self.connection {
            buckets.take("connection", &client.id)?;
        }
        if let Some((buckets, user)) = self.user.as_ref().zip(client.user.get()) {
            buckets.take("user", &user.id)?;
        }
        if let Some(buckets) = &self.address {
            buckets.take("address", &host(client.address.ip()))?;
        }
        Ok(())
    }

    /// Counts a handshake, or another request, from an address to an endpoint.
    ///
    /// # Errors
    /// There were too many; what the client is told.
    pub fn connect(&self, endpoint: &str, address: IpAddr) -> Result<(), Rejection> {
        let Some(buckets) = &self.connects else {
            return Ok(());
        };
        buckets.take("connects", &host(address)).map_err(|excess| {
            excess.count(endpoint);
            excess.to_rejection()
        })
    }

    /// Forgets the buckets that are full again.
    pub fn shed(&self) {
        if let Some(buckets) = &self.connection {
            buckets.shed();
        }
        if let Some(buckets) = &self.user {
            buckets.shed();
        }
        for buckets in self.address.iter().chain(&self.connects) {
            buckets.shed();
        }
    }
}

impl Excess {
    /// What the sender is told.
    fn to_rejection(&self) -> Rejection {
        let millis = whole_millis(self.wait);
        let message = if self.limit == "connects" {
            format!(
                "more connections than {} from this address; try again in {millis} ms",
                self.rate
            )
        } else {
            format!(
                "more messages than {} from this {}; nothing of this one took effect. Send it \
                 again in {millis} ms",
                self.rate, self.limit
            )
        };
        let details = json!({
            "limit": self.limit,
            "rate": self.rate.to_string(),
            "retry_ms": millis,
        });
        Rejection {
            details: Some(details),
            ..Rejection::new(code::RATE_LIMITED, message)
        }
    }

    /// Counts that something was refused.
    fn count(&self, endpoint: &str) {
        metrics::counter!(
            "hookcast_rate_limited_total",
            "endpoint" => endpoint.to_owned(), "limit" => self.limit
        )
        .increment(1);
    }
}

/// Rounded up: who waits that long must not be refused again.
fn whole_millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// What counts as one address. A network gives each of its customers at least a /64 of
/// IPv6, and who has one can take a new address for each message.
fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_s_ipv6_network_is_one_address() {
        let host = |text: &str| super::host(text.parse().expect("an address"));
        assert_eq!(host("2001:db8:1:2::7"), host("2001:db8:1:2:ffff::1"));
        assert_ne!(host("2001:db8:1:2::7"), host("2001:db8:1:3::7"));
        assert_eq!(host("::ffff:192.0.2.7"), host("192.0.2.7"));
        assert_ne!(host("192.0.2.7"), host("192.0.2.8"));
    }

    #[test]
    fn waits_are_rounded_up() {
        let rate = Rate {
            count: 1.try_into().expect("one"),
            per: Duration::from_secs(1),
            burst: 1.try_into().expect("one"),
        };
        let excess = |wait| Excess {
            limit: "connects",
            rate,
            wait,
        };
        let rejection = excess(Duration::from_micros(1_001)).to_rejection();
        assert_eq!(rejection.details.expect("details")["retry_ms"], 2);
    }
}
