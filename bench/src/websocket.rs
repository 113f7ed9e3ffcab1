//! The little of RFC 6455 that a load generator needs: a handshake, masked frames out, and a walk
//! over the frames that come in. Fragmented messages don't occur with these servers and are errors.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub const TEXT: u8 = 0x1;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_HEAD: usize = 16 * 1024;

/// Connects and upgrades. Gives the socket, now non-blocking, and what came behind the response.
/// The accept key isn't checked: the servers are ours, and a wrong one would not harm the figures.
pub fn connect(server: SocketAddr, path: &str) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&server, HANDSHAKE_TIMEOUT)
        .with_context(|| format!("connect to {server}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .context("send the WebSocket handshake")?;
    let (head, rest) = read_head(&mut stream).context("WebSocket handshake")?;
    ensure!(
        head.starts_with("HTTP/1.1 101"),
        "{server}{path} refused the handshake: {head}"
    );
    stream.set_nonblocking(true)?;
    Ok((stream, rest))
}

/// Reads up to the blank line that ends a request's or a response's head.
pub fn read_head(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            bail!("closed in the middle of the head");
        }
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        ensure!(
            bytes.len() < LONGEST_HEAD,
            "the head is longer than {LONGEST_HEAD} bytes"
        );
    }
}

/// Appends a client's frame. The mask key is zero, which the protocol allows and which leaves the
/// payload as it is; the server unmasks it at the same cost.
pub fn write_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, 0x80, payload.len());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Appends a server's frame.
pub fn write_unmasked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    write_header(out, opcode, 0, payload.len());
    out.extend_from_slice(payload);
}

fn write_header(out: &mut Vec<u8>, opcode: u8, mask_bit: u8, length: usize) {
    out.push(0x80 | opcode);
    match u16::try_from(length) {
        Ok(short) if short < 126 => out.push(mask_bit | short as u8),
        Ok(medium) => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        Err(_) => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
    /// Header and payload.
    pub length: usize,
}

/// The first frame of `bytes`, or none if it isn't complete yet.
pub fn first_frame(bytes: &[u8]) -> Result<Option<Frame<'_>>> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    ensure!(
        first & 0xF0 == 0x80,
        "a fragmented or extended frame ({first:#04x}) is not expected"
    );
    let (length, header) = match second {
        126 => match rest {
            &[a, b, ..] => (usize::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(bytes) => (u64::from_be_bytes(*bytes) as usize, 10),
            None => return Ok(None),
        },
        short if short < 126 => (usize::from(short), 2),
        _ => bail!("a masked frame came from the server"),
    };
    Ok(bytes
        .get(header..)
        .and_then(|tail| tail.get(..length))
        .map(|payload| Frame {
            opcode: first & 0x0F,
            payload,
            length: header + length,
        }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_form_are_walked_and_cut_ones_wait() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            write_unmasked(&mut bytes, TEXT, &payload);
            assert!(first_frame(&bytes[..bytes.len() - 1]).unwrap().is_none());
            let frame = first_frame(&bytes).unwrap().unwrap();
            assert_eq!(
                (frame.opcode, frame.payload, frame.length),
                (TEXT, &payload[..], bytes.len())
            );
        }
    }

    #[test]
    fn a_masked_frame_has_the_right_length_and_a_zero_key() {
        for (length, header) in [(5, 6), (128, 8)] {
            let mut bytes = Vec::new();
            write_masked(&mut bytes, TEXT, &vec![b'x'; length]);
            assert_eq!(bytes.len(), header + length);
            assert_eq!(bytes[0], 0x81);
            assert_eq!(&bytes[header - 4..header], &[0; 4]);
        }
    }
}
