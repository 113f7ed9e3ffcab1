//! HTTP servers that plugins call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// What a server does with a request.
#[derive(Clone)]
pub enum Behaviour {
    /// Answers with the request's body.
    Echo,
    /// Answers with these bytes, head and all, and closes.
    Says(String),
    /// Answers with this, and then with this piece over and over, as fast as it is read.
    Endless(String, String),
    /// Says this and nothing more.
    Stalls(String),
    /// Hands on head and body, and answers with 503 to the first so many requests, with 204
    /// to the others.
    Takes(mpsc::UnboundedSender<(String, String)>, usize),
}

/// A server on 127.0.0.1. It ends with the test's runtime.
pub struct HttpServer {
    pub port: u16,
    requests: Arc<AtomicUsize>,
    /// One entry for each connection that has ended.
    ended: mpsc::UnboundedReceiver<()>,
}

impl HttpServer {
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::with(behaviour, None).await
    }

    /// Where something is expected to be.
    pub async fn start_at(address: SocketAddr, behaviour: Behaviour) -> Self {
        Self::on(TcpListener::bind(address).await.unwrap(), behaviour, None)
    }

    /// With TLS as `localhost`, by a certificate of an authority of its own. Returns that
    /// authority's certificate as PEM.
    pub async fn start_tls(behaviour: Behaviour) -> (Self, String) {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertifiedIssuer::self_signed(authority, key).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                key.serialize_der().try_into().unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        (Self::with(behaviour, Some(acceptor)).await, authority.pem())
    }

    async fn with(behaviour: Behaviour, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, behaviour, tls)
    }

    fn on(listener: TcpListener, behaviour: Behaviour, tls: Option<TlsAcceptor>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let (end, ended) = mpsc::unbounded_channel();
        let counted = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (behaviour, tls) = (behaviour.clone(), tls.clone());
                let (counted, end) = (counted.clone(), end.clone());
                tokio::spawn(async move {
                    // A client that goes away is what some tests wait for.
                    let _ = match tls {
                        None => serve(stream, behaviour, &counted).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, behaviour, &counted).await,
                            Err(error) => Err(error),
                        },
                    };
                    let _ = end.send(());
                });
            }
        });
        Self {
            port,
            requests,
            ended,
        }
    }

    /// Requests that have arrived.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Waits for the end of a connection.
    pub async fn ended(&mut self) {
        super::within("the end of a connection", self.ended.recv())
            .await
            .unwrap();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    behaviour: Behaviour,
    requests: &AtomicUsize,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let before = requests.fetch_add(1, Ordering::Relaxed);
    match behaviour {
        Behaviour::Echo => {
            let body = body_of(&mut stream, &String::from_utf8(head).unwrap()).await?;
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await?;
        }
        Behaviour::Takes(taken, failures) => {
            let head = String::from_utf8(head).unwrap();
            let body = body_of(&mut stream, &head).await?;
            let _ = taken.send((head, String::from_utf8(body).unwrap()));
            let status = if before < failures {
                "503 Busy"
            } else {
                "204 Taken"
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
        }
        Behaviour::Says(answer) => stream.write_all(answer.as_bytes()).await?,
        Behaviour::Endless(answer, piece) => {
            stream.write_all(answer.as_bytes()).await?;
            loop {
                stream.write_all(piece.as_bytes()).await?;
            }
        }
        Behaviour::Stalls(answer) => {
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
            stream.read_to_end(&mut Vec::new()).await?;
        }
    }
    stream.shutdown().await
}

/// The body of a request, by the length that its head names.
async fn body_of(stream: &mut (impl AsyncRead + Unpin), head: &str) -> std::io::Result<Vec<u8>> {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}
