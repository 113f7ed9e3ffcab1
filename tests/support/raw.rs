//! A WebSocket client that may break the protocol.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::within;

pub struct RawClient {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A frame as received: the first byte (FIN and opcode), and the payload.
#[derive(Debug, PartialEq)]
pub struct RawFrame {
    pub first: u8,
    pub payload: Vec<u8>,
}

impl RawFrame {
    pub fn is_close(&self) -> bool {
        self.first == 0x88
    }

    /// Code of a close frame.
    pub fn close_code(&self) -> u16 {
        assert!(self.is_close(), "{self:?}");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }
}

impl RawClient {
    pub async fn connect(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a TCP connection");
        let mut client = Self {
            stream,
            read: Vec::new(),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        client.send(request.as_bytes()).await;
        let end = loop {
            if let Some(at) = client
                .read
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                break at + 4;
            }
            assert!(client.more().await, "the handshake was not answered");
        };
        let head = String::from_utf8_lossy(&client.read[..end]).into_owned();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(
            head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "the key's answer is missing: {head}"
        );
        client.read.drain(..end);
        client
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        within("bytes to be sent", self.stream.write_all(bytes))
            .await
            .expect("sending");
    }

    /// Says that nothing more will be sent.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.expect("the end of sending");
    }

    /// The next frame; none at the end of the connection.
    pub async fn recv(&mut self) -> Option<RawFrame> {
        loop {
            if let Some((frame, length)) = parse(&self.read) {
                self.read.drain(..length);
                return Some(frame);
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Passes frames over until the close frame.
    pub async fn recv_close(&mut self) -> RawFrame {
        loop {
            let frame = self.recv().await.expect("a close frame before the end");
            if frame.is_close() {
                return frame;
            }
        }
    }

    /// Fails unless the server ends the connection without another frame.
    pub async fn ends(&mut self) {
        let frame = self.recv().await;
        assert_eq!(frame, None, "nothing follows a close frame");
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match within("bytes from the server", self.stream.read(&mut buffer)).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.read.extend_from_slice(&buffer[..n]);
                true
            }
        }
    }
}

/// A masked client frame with this first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length if length < 126 => bytes.push(0x80 | length as u8),
        length if length < 65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = [0x11, 0x22, 0x33, 0x44];
    bytes.extend_from_slice(&mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

/// A server frame at the beginning of `bytes`, and its length.
fn parse(bytes: &[u8]) -> Option<(RawFrame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server's frames are not masked");
    let (length, offset) = match second {
        126 => (
            u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?) as usize,
            4,
        ),
        127 => (
            u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize,
            10,
        ),
        length => (length as usize, 2),
    };
    let payload = bytes.get(offset..offset + length)?.to_vec();
    Some((RawFrame { first, payload }, offset + length))
}
