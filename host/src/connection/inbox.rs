//! Reading WebSocket frames. The codec is soketto's; this puts frames together.
//!
//! Bytes are read into a buffer on the stack and decoded in place. Only what is left of
//! an incomplete frame is kept, so an idle connection holds no read buffer at all.

use std::collections::VecDeque;
use std::io;

use soketto::Parsing;
use soketto::base::{Codec, Header, OpCode};
use tokio::net::TcpStream;

use crate::close_code;

/// Read at once from the socket. Bounds how many messages are taken in advance.
const READ: usize = 16 * 1024;

/// A message this many times the endpoint's limit is not even skipped.
const SKIP_FACTOR: usize = 256;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Text(String),
    Binary(Vec<u8>),
    /// A message over the limit, of this size; its bytes are skipped.
    TooLarge(usize),
    Ping(Vec<u8>),
    Pong,
    /// The client closes, with code and reason if it gave any. Nothing follows.
    Close(Option<(u16, String)>),
    /// What followed can't be read.
    Violation(Violation),
}

/// The connection can't go on: the close code and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub code: u16,
    pub reason: &'static str,
}

/// Bytes in, messages out.
pub struct Inbox {
    limit: usize,
    codec: Codec,
    /// The beginning of a frame whose end has not arrived.
    partial: Vec<u8>,
    /// Bytes to throw away: the rest of a frame that was too large.
    skip: usize,
    /// A message in several frames.
    fragments: Option<Fragments>,
    /// Nothing more is to be read: a close frame came, or a violation.
    ended: bool,
    pub received: VecDeque<Received>,
}

struct Fragments {
    text: bool,
    bytes: Vec<u8>,
    /// Size so far, when it is over the limit and only counted.
    too_large: Option<usize>,
}

impl Inbox {
    /// For messages up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let mut codec = Codec::new();
        codec.set_max_data_size(limit.saturating_mul(SKIP_FACTOR));
        Self {
            limit,
            codec,
            partial: Vec::new(),
            skip: 0,
            fragments: None,
            ended: false,
            received: VecDeque::new(),
        }
    }

    /// Reads what the socket has. False at its end, or when it is broken.
    pub fn read(&mut self, stream: &TcpStream) -> bool {
        let mut buffer = [0; READ];
        match stream.try_read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.feed(&mut buffer[..n]);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Takes bytes as they come, cut anywhere.
    pub fn feed(&mut self, bytes: &mut [u8]) {
        if self.ended {
            return;
        }
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        if let Err(violation) = self.decode(&mut bytes[skipped..]) {
            self.ended = true;
            self.received.push_back(Received::Violation(violation));
        }
    }

    fn decode(&mut self, bytes: &mut [u8]) -> Result<(), Violation> {
        // An empty `partial` owns no memory: an idle connection keeps no buffer.
        let mut joined = std::mem::take(&mut self.partial);
        if joined.is_empty() {
            let used = self.frames(bytes)?;
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            joined.extend_from_slice(bytes);
            let used = self.frames(&mut joined)?;
            if used < joined.len() {
                joined.drain(..used);
                self.partial = joined;
            }
        }
        Ok(())
    }

    /// Decodes whole frames; returns how many bytes they took.
    fn frames(&mut self, bytes: &mut [u8]) -> Result<usize, Violation> {
        let mut used = 0;
        while used < bytes.len() && !self.ended {
            let rest = &mut bytes[used..];
            let (header, offset) = match self.codec.decode_header(rest) {
                Ok(Parsing::Done { value, offset }) => (value, offset),
                Ok(Parsing::NeedMore(_)) => break,
                Err(soketto::base::Error::PayloadTooLarge { .. }) => {
                    return Err(Violation {
                        code: close_code::TOO_BIG.code,
                        reason: "message far too large",
                    });
                }
                Err(_) => return Err(protocol("malformed frame")),
            };
            if !header.is_masked() {
                return Err(protocol("frames from clients must be masked"));
            }
            let length = header.payload_len();
            if !header.opcode().is_control() && length > self.limit {
                self.oversized(&header)?;
                let present = length.min(rest.len() - offset);
                self.skip = length - present;
                used += offset + present;
                continue;
            }
            let Some(payload) = rest.get_mut(offset..offset + length) else {
                break;
            };
            Codec::apply_mask(&header, payload);
            self.frame(&header, payload)?;
            used += offset + length;
        }
        Ok(used)
    }

    fn frame(&mut self, header: &Header, payload: &[u8]) -> Result<(), Violation> {
        match header.opcode() {
            OpCode::Ping => self.received.push_back(Received::Ping(payload.to_vec())),
            OpCode::Pong => self.received.push_back(Received::Pong),
            OpCode::Close => {
                self.ended = true;
                let said = close_payload(payload)?;
                self.received.push_back(Received::Close(said));
            }
            OpCode::Continue => {
                let Some(fragments) = &mut self.fragments else {
                    return Err(protocol("continuation of nothing"));
                };
                fragments.add(payload, self.limit);
                self.complete(header)?;
            }
            opcode => {
                self.begin(opcode == OpCode::Text)?;
                if header.is_fin() {
                    self.fragments = None;
                    let message = whole(opcode == OpCode::Text, payload.to_vec())?;
                    self.received.push_back(message);
                } else if let Some(fragments) = &mut self.fragments {
                    fragments.add(payload, self.limit);
                }
            }
        }
        Ok(())
    }

    /// A data frame that alone is over the limit.
    fn oversized(&mut self, header: &Header) -> Result<(), Violation> {
        if header.opcode() == OpCode::Continue {
            if self.fragments.is_none() {
                return Err(protocol("continuation of nothing"));
            }
        } else {
            self.begin(header.opcode() == OpCode::Text)?;
        }
        if let Some(fragments) = &mut self.fragments {
            fragments.count(header.payload_len());
        }
        self.complete(header)
    }

    fn begin(&mut self, text: bool) -> Result<(), Violation> {
        if self.fragments.is_some() {
            return Err(protocol("a message within another"));
        }
        self.fragments = Some(Fragments {
            text,
            bytes: Vec::new(),
            too_large: None,
        });
        Ok(())
    }

    fn complete(&mut self, header: &Header) -> Result<(), Violation> {
        if header.is_fin()
            && let Some(fragments) = self.fragments.take()
        {
            self.received.push_back(match fragments.too_large {
                Some(size) => Received::TooLarge(size),
                None => whole(fragments.text, fragments.bytes)?,
            });
        }
        Ok(())
    }
}

impl Fragments {
    fn add(&mut self, payload: &[u8], limit: usize) {
        if self.too_large.is_some() || self.bytes.len() + payload.len() > limit {
            self.count(payload.len());
        } else {
            self.bytes.extend_from_slice(payload);
        }
    }

    fn count(&mut self, more: usize) {
        self.too_large = Some(self.too_large.unwrap_or(self.bytes.len()) + more);
        self.bytes = Vec::new();
    }
}

fn whole(text: bool, bytes: Vec<u8>) -> Result<Received, Violation> {
    if !text {
        return Ok(Received::Binary(bytes));
    }
    let text = String::from_utf8(bytes).map_err(|_| Violation {
        code: close_code::INVALID_UTF8.code,
        reason: "text that is not UTF-8",
    })?;
    Ok(Received::Text(text))
}

fn close_payload(payload: &[u8]) -> Result<Option<(u16, String)>, Violation> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            match std::str::from_utf8(reason) {
                Ok(reason) if valid => Ok(Some((code, reason.to_owned()))),
                _ => Err(protocol("invalid close frame")),
            }
        }
        _ => Err(protocol("invalid close frame")),
    }
}

fn protocol(reason: &'static str) -> Violation {
    Violation {
        code: close_code::PROTOCOL_ERROR.code,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A masked client frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n if n < 126 => out.push(0x80 | n as u8),
            n if n < 65_536 => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        out.extend_from_slice(&mask);
        out.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        out
    }

    fn received(limit: usize, pieces: &[&[u8]]) -> Vec<Received> {
        let mut inbox = Inbox::new(limit);
        for piece in pieces {
            inbox.feed(&mut piece.to_vec());
        }
        inbox.received.into()
    }

    #[test]
    fn a_message_over_the_limit_is_skipped_and_the_next_one_read() {
        let mut bytes = frame(0x81, &[b'x'; 300]);
        bytes.extend(frame(0x81, b"next"));
        let expected = vec![Received::TooLarge(300), Received::Text("next".into())];
        assert_eq!(received(100, &[&bytes]), expected);
    }

    #[test]
    fn fragments_count_against_the_limit_together() {
        let parts = [
            frame(0x01, &[b'x'; 60]),
            frame(0x89, b"hi"),
            frame(0x80, &[b'x'; 60]),
        ];
        let expected = vec![Received::Ping(b"hi".to_vec()), Received::TooLarge(120)];
        assert_eq!(received(100, &[&parts.concat()]), expected);
    }

    #[test]
    fn violations_close_with_their_code() {
        let code = |bytes: &[u8]| match &received(100, &[bytes])[..] {
            [Received::Violation(violation)] => violation.code,
            other => panic!("expected a violation, got {other:?}"),
        };
        assert_eq!(
            code(&[0x81, 0x01, b'x']),
            close_code::PROTOCOL_ERROR.code,
            "not masked"
        );
        assert_eq!(
            code(&frame(0x80, b"x")),
            close_code::PROTOCOL_ERROR.code,
            "continues nothing"
        );
        assert_eq!(
            code(&frame(0xC1, b"x")),
            close_code::PROTOCOL_ERROR.code,
            "reserved bit"
        );
        assert_eq!(code(&frame(0x81, &[0xff])), close_code::INVALID_UTF8.code);
        assert_eq!(code(&frame(0x88, &[0x03])), close_code::PROTOCOL_ERROR.code);
        assert_eq!(
            code(&frame(0x88, &[0x03, 0xed])),
            close_code::PROTOCOL_ERROR.code,
            "1005 is reserved"
        );
        assert_eq!(
            code(&frame(0x82, &vec![0; 30_000])),
            close_code::TOO_BIG.code
        );
    }

    proptest! {
        /// However the bytes are cut, the messages are the same.
        #[test]
        fn cuts_do_not_matter(
            messages in prop::collection::vec((0_u8..3, prop::collection::vec(any::<u8>(), 0..300)), 1..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let bytes: Vec<u8> = messages
                .iter()
                .flat_map(|(kind, payload)| match kind {
                    0 => frame(0x82, payload),
                    1 => [frame(0x02, payload), frame(0x80, payload)].concat(),
                    _ => frame(0x89, &payload[..payload.len().min(125)]),
                })
                .collect();
            let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(received(200, &pieces), received(200, &[&bytes]));
        }
    }
}
