//! A WebSocket client that says what it waited for.

use std::collections::VecDeque;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::within;

pub struct TestClient {
    /// For failures.
    url: String,
    socket: WebSocketStream<TcpStream>,
    /// Frames that were read while waiting for another.
    waiting: VecDeque<String>,
    /// Everything received, for failures.
    seen: VecDeque<String>,
    /// Message ids given so far.
    sent: u64,
}

/// The last frames that a failure shows.
const SHOWN: usize = 12;

/// A handshake that the server refused: status and body.
pub type Refused = (u16, Value);

impl TestClient {
    pub async fn connect(url: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        Self::connect_from(TcpSocket::new_v4().expect("a socket"), url, headers).await
    }

    /// A client whose kernel takes little for it: the server soon notices that it does
    /// not read.
    pub async fn connect_narrow(url: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(2_048).expect("SO_RCVBUF");
        // Small segments also keep the server's end from growing its buffer.
        SockRef::from(&socket).set_tcp_mss(536).expect("TCP_MAXSEG");
        let connected = Self::connect_from(socket, url, &[]).await;
        connected.unwrap_or_else(|refused| panic!("{url}: {refused:?}"))
    }

    /// A client at another address of this machine.
    pub async fn connect_by(address: &str, url: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let address = std::net::SocketAddr::new(address.parse().expect("an address"), 0);
        socket.bind(address).expect("an address of this machine");
        let connected = Self::connect_from(socket, url, &[]).await;
        connected.unwrap_or_else(|refused| panic!("{url}: {refused:?}"))
    }

    async fn connect_from(
        socket: TcpSocket,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        // As browsers do it.
        let url = url.replace('<', "%3C").replace('>', "%3E");
        let mut request = url.as_str().into_client_request().expect("a WebSocket URL");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            request.headers_mut().insert(
                name,
                HeaderValue::from_str(value).expect("a header's value"),
            );
        }
        let authority = request.uri().authority().expect("an address");
        let address = authority
            .as_str()
            .parse()
            .expect("an IP address and a port");
        let stream = within("a TCP connection", socket.connect(address)).await;
        let stream = stream.unwrap_or_else(|error| panic!("{url}: {error}"));
        stream.set_nodelay(true).expect("TCP_NODELAY");
        match within("the handshake", client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Self {
                url: url.to_owned(),
                socket,
                waiting: VecDeque::new(),
                seen: VecDeque::new(),
                sent: 0,
            }),
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((
                    response.status().as_u16(),
                    serde_json::from_slice(body).unwrap_or(Value::Null),
                ))
            }
            Err(error) => panic!("{url}: the handshake failed: {error}"),
        }
    }

    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send_frame(Message::text(text)).await;
    }

    pub async fn send_frame(&mut self, frame: Message) {
        let sent = within("a frame to be sent", self.socket.send(frame)).await;
        sent.unwrap_or_else(|error| panic!("{}: can't send: {error}; {}", self.url, self.story()));
    }

    /// The next frame of any kind; none when the connection is gone.
    pub async fn next_frame(&mut self) -> Option<Message> {
        let what = format!("a frame on {}; {}", self.url, self.story());
        within(&what, self.socket.next()).await.and_then(Result::ok)
    }

    /// The next text frame as it came.
    pub async fn recv_text(&mut self) -> String {
        match self.waiting.pop_front() {
            Some(text) => text,
            None => self.read_text().await,
        }
    }

    /// The next text frame.
    pub async fn recv(&mut self) -> Value {
        parse(&self.recv_text().await)
    }

    /// Reads on until a frame fits; returns those before it, and it.
    pub async fn recv_until(&mut self, fits: impl Fn(&Value) -> bool) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let frame = self.recv().await;
            if fits(&frame) {
                return (before, frame);
            }
            before.push(frame);
        }
    }

    /// What arrives before the event whose `body` is this: all of it, because a
    /// connection's frames have an order.
    pub async fn recv_before(&mut self, body: &str) -> Vec<Value> {
        self.recv_until(|frame| frame["body"] == body).await.0
    }

    /// History up to its end, for a connection with `_after=`: rows and position. What
    /// plugins say meanwhile is passed over.
    pub async fn history(&mut self) -> (Vec<Value>, String) {
        let (mut rows, end) = self
            .recv_until(|frame| frame.get("_history").is_some())
            .await;
        rows.retain(|frame| frame.get("id").is_some());
        assert_eq!(end["_history"]["rows"], rows.len(), "{end}");
        (
            rows,
            end["_history"]["position"]
                .as_str()
                .expect("a position")
                .to_owned(),
        )
    }

    /// Sends a message with an id of its own and waits until it is acknowledged;
    /// returns its position. Other frames wait to be received.
    pub async fn acked(&mut self, message: Value) -> String {
        let answer = self.answered(message).await;
        let position = answer["_ack"]["position"].as_str();
        position
            .unwrap_or_else(|| panic!("not acknowledged: {answer}"))
            .to_owned()
    }

    /// Sends a message that must be refused; returns the error without its `_msg_id`.
    pub async fn refused(&mut self, message: Value) -> Value {
        let mut answer = self.answered(message).await;
        let error = answer.get_mut("_error").map(Value::take);
        let Some(Value::Object(mut error)) = error else {
            panic!("not refused: {answer}")
        };
        error.shift_remove("_msg_id");
        Value::Object(error)
    }

    /// The code of the error that a message gets.
    pub async fn refused_with(&mut self, message: Value) -> String {
        let error = self.refused(message).await;
        let sentence = error["message"].as_str().unwrap_or_default();
        assert!(!sentence.is_empty(), "an error has a sentence: {error}");
        error["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends with an id; the `_ack` or `_error` that has it.
    async fn answered(&mut self, mut message: Value) -> Value {
        self.sent += 1;
        let id = format!("test-{}", self.sent);
        message["_msg_id"] = id.as_str().into();
        self.send(message).await;
        self.answer_to(&id).await
    }

    /// The `_ack` or `_error` for this id. Other frames wait to be received.
    pub async fn answer_to(&mut self, id: &str) -> Value {
        let answers = |text: &str| {
            let frame = parse(text);
            let ids = [&frame["_ack"]["_msg_id"], &frame["_error"]["_msg_id"]];
            ids.into_iter().any(|known| known == id)
        };
        if let Some(at) = self.waiting.iter().position(|text| answers(text)) {
            return parse(&self.waiting.remove(at).unwrap_or_default());
        }
        loop {
            let text = self.read_text().await;
            if answers(&text) {
                return parse(&text);
            }
            self.waiting.push_back(text);
        }
    }

    /// Waits for the server's close frame; returns code and reason. Frames before it
    /// are passed over.
    pub async fn closed(&mut self) -> (u16, String) {
        let what = format!("a close frame on {}; {}", self.url, self.story());
        let close = within(&what, async {
            while let Some(Ok(frame)) = self.socket.next().await {
                match frame {
                    Message::Close(close) => return Some(close),
                    other => self.seen.push_back(other.to_string()),
                }
            }
            None
        });
        match close.await {
            Some(Some(close)) => (close.code.into(), close.reason.to_string()),
            Some(None) => (1005, String::new()),
            None => panic!(
                "{}: ended without a close frame; {}",
                self.url,
                self.story()
            ),
        }
    }

    /// Says goodbye and waits for the answer.
    pub async fn close(mut self) {
        within("the closing handshake", async {
            // The server may have been the first to close.
            let _ = self.socket.close(None).await;
            while let Some(Ok(frame)) = self.socket.next().await {
                if frame.is_close() {
                    return;
                }
            }
        })
        .await;
    }

    /// Proves that the socket works: an error is answered on it.
    pub async fn is_alive(&mut self) {
        let code = self.refused_with(json!({"_method": "ALIVE?"})).await;
        assert_eq!(code, "unknown_method");
    }

    async fn read_text(&mut self) -> String {
        let what = format!("a text frame on {}; {}", self.url, self.story());
        // One deadline for all: the server's pings must not put it off.
        let received = within(&what, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => return Err(other),
                }
            }
        });
        let text = received.await.unwrap_or_else(|other| {
            panic!(
                "{}: no text frame but {other:?}; {}",
                self.url,
                self.story()
            )
        });
        self.seen.push_back(text.clone());
        if self.seen.len() > SHOWN {
            self.seen.pop_front();
        }
        text
    }

    fn story(&self) -> String {
        let frames = self
            .seen
            .iter()
            .map(|text| text.chars().take(200).collect::<String>());
        format!("last received: {:#?}", frames.collect::<Vec<_>>())
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}
