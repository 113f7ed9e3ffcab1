//! TLS of outgoing requests, and whom it trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

/// Root certificates of the operator's own, `engine.http_roots`.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Reads a PEM file; the error says what is wrong with it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
        let roots = read().map_err(|error| format!("can't be read as PEM: {error}"))?;
        if roots.is_empty() {
            return Err("has no certificate; it must have PEM blocks `BEGIN CERTIFICATE`".into());
        }
        let mut store = RootCertStore::empty();
        for (index, root) in roots.iter().enumerate() {
            store
                .add(root.clone())
                .map_err(|error| format!("certificate {} can't be used: {error}", index + 1))?;
        }
        Ok(Self(roots))
    }
}

/// Makes TLS connections.
#[derive(Default)]
pub struct Tls {
    roots: Roots,
    /// Made at the first request that needs it: reading the system's store takes some
    /// milliseconds, and most servers never send one.
    connector: OnceCell<TlsConnector>,
}

impl Tls {
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            connector: OnceCell::new(),
        }
    }

    /// Takes up TLS with the host of this name.
    pub async fn connect(
        &self,
        host: &Host<String>,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(io::Error::other)?,
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
        };
        let connector = self.connector.get_or_try_init(|| connector(&self.roots));
        connector.await?.connect(name, stream).await
    }
}

async fn connector(roots: &Roots) -> io::Result<TlsConnector> {
    let system = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let system = system.await.map_err(io::Error::other)?;
    let mut store = RootCertStore::empty();
    // Some systems have certificates in their store that nothing can use.
    store.add_parsable_certificates(system.certs);
    store.add_parsable_certificates(roots.0.iter().cloned());
    if store.is_empty() {
        return Err(io::Error::other(format!(
            "this system has no root certificates ({}); install them (package \
             `ca-certificates`), or set `engine.http_roots`",
            system
                .errors
                .first()
                .map_or("none found".to_owned(), ToString::to_string)
        )));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
