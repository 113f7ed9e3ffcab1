//! A client for server-sent events, as the specification of `EventSource` reads them.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::within;

pub struct EventStream {
    body: Incoming,
    /// Keeps the TCP connection going.
    line: JoinHandle<()>,
    read: String,
    /// What `EventSource` would send as `Last-Event-ID`.
    pub last_id: String,
    /// What the server wants to be waited for, in milliseconds.
    pub retry: Option<u64>,
    /// Comments received.
    pub comments: usize,
}

/// An event that a page would see.
#[derive(Debug)]
pub struct Event {
    /// `message` unless it says otherwise.
    pub kind: String,
    pub data: Value,
    /// The last id when it was dispatched.
    pub id: String,
}

impl EventStream {
    pub async fn open(address: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let stream = within("a TCP connection", TcpStream::connect(address)).await;
        Self::over(stream.expect("a TCP connection"), address, path, headers).await
    }

    /// A client whose kernel takes little for it: the server soon notices that it does
    /// not read.
    pub async fn open_narrow(address: &str, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(2_048).expect("SO_RCVBUF");
        SockRef::from(&socket).set_tcp_mss(536).expect("TCP_MAXSEG");
        let connected = socket.connect(address.parse().expect("an address"));
        let stream = within("a TCP connection", connected).await;
        Self::over(stream.expect("a TCP connection"), address, path, &[]).await
    }

    async fn over(stream: TcpStream, host: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .expect("an HTTP connection");
        let line = tokio::spawn(async move {
            // Its end is seen in the body.
            let _ = connection.await;
        });
        let mut request = hyper::Request::get(path)
            .header("host", host)
            .header("accept", "text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let response = within("the stream's head", sender.send_request(request)).await;
        let response = response.expect("a response");
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            line,
            read: String::new(),
            last_id: String::new(),
            retry: None,
            comments: 0,
        }
    }

    /// The next event that a page would see; none at the stream's end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if let Some(event) = self.dispatch(&block) {
                return Some(event);
            }
        }
    }

    /// The data of the next event, which must be an ordinary one.
    pub async fn recv(&mut self) -> Value {
        let event = self.next().await.expect("an event before the end");
        assert_eq!(event.kind, "message", "{event:?}");
        event.data
    }

    /// Reads until there is an id: that of history's end, where no event has come since.
    pub async fn id(&mut self) -> String {
        while self.last_id.is_empty() {
            let block = self.block().await.expect("an id before the end");
            let event = self.dispatch(&block);
            assert!(event.is_none(), "{event:?} before an id");
        }
        self.last_id.clone()
    }

    /// Reads on until a heartbeat.
    pub async fn heartbeat(&mut self) {
        let before = self.comments;
        while self.comments == before {
            let block = self.block().await.expect("a heartbeat before the end");
            let event = self.dispatch(&block);
            assert!(event.is_none(), "{event:?} before a heartbeat");
        }
    }

    /// The lines up to the next empty one.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let block = self.read[..end].to_owned();
                self.read.drain(..end + 2);
                return Some(block);
            }
            let frame = within("bytes of a stream", self.body.frame()).await?;
            let data = frame.ok()?.into_data().expect("data");
            let text = std::str::from_utf8(&data).expect("UTF-8, whole characters in a piece");
            self.read.push_str(text);
        }
    }

    fn dispatch(&mut self, block: &str) -> Option<Event> {
        let (mut kind, mut data) = ("message".to_owned(), Vec::new());
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => self.comments += 1,
                "id" => self.last_id = value.to_owned(),
                "retry" => self.retry = Some(value.parse().expect("milliseconds")),
                "event" => kind = value.to_owned(),
                "data" => data.push(value),
                other => panic!("an unknown field {other:?}"),
            }
        }
        (!data.is_empty()).then(|| Event {
            kind,
            data: serde_json::from_str(&data.join("\n")).expect("JSON"),
            id: self.last_id.clone(),
        })
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.line.abort();
    }
}
