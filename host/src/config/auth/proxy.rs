//! `[auth.proxy]`: a proxy in front, and what it is believed.

use http::HeaderName;
use ipnet::IpNet;

use super::optional_text;
use crate::config::reader::{Section, Wrong};
use crate::config::value::Value;

/// Which peers are proxies of ours, and what their headers mean.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyConfig {
    /// Where they are. Headers from anywhere else count nothing.
    pub networks: Vec<IpNet>,
    /// Whether their `X-Forwarded-For` says where the client is.
    pub forwarded_for: bool,
    /// The header that names the user.
    pub user_header: Option<HeaderName>,
    /// The header with what else is known of the user, a JSON object.
    pub claims_header: Option<HeaderName>,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            forwarded_for: true,
            user_header: None,
            claims_header: None,
        }
    }
}

impl ProxyConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let config = Self {
            networks: section.list("networks", network).unwrap_or_default(),
            forwarded_for: section.read("forwarded_for", true, Value::flag),
            user_header: section.read("user_header", None, header),
            claims_header: section.read("claims_header", None, header),
        };
        if config.user_header.is_some() && config.networks.is_empty() {
            let what = format!("`{}.user_header` is believed from nowhere", section.key);
            let remedy = "name the proxy's network, as networks = [\"10.0.0.0/8\"]";
            section
                .reading
                .report(section.place_of("user_header"), what, remedy);
        }
        if config.claims_header.is_some() && config.user_header.is_none() {
            let what = format!("`{}.claims_header` has no user to belong to", section.key);
            let remedy = "set `user_header`, too";
            section
                .reading
                .report(section.place_of("claims_header"), what, remedy);
        }
        section.finish();
        config
    }
}

/// `10.0.0.0/8`, or one address.
fn network(value: &Value<'_>) -> Result<IpNet, Wrong> {
    let text = value.text()?;
    let remedy = "write a network as \"10.0.0.0/8\" or \"fd00::/8\", or one address";
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| Wrong::new(format!("has {text:?}, which is no network"), remedy))?;
    if network.prefix_len() == 0 {
        let what = format!("has {text:?}, which is everybody: any client could name itself anyone");
        return Err(Wrong::new(what, "name the network of the proxy alone"));
    }
    Ok(network.trunc())
}

fn header(value: &Value<'_>) -> Result<Option<HeaderName>, Wrong> {
    let Some(text) = optional_text(value)? else {
        return Ok(None);
    };
    let name = HeaderName::try_from(&text);
    let name = name.map_err(|_| {
        let what = format!("is {text:?}, which is no header's name");
        Wrong::new(what, "write it as \"X-Forwarded-User\"")
    })?;
    Ok(Some(name))
}
