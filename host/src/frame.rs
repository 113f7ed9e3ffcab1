//! Writing WebSocket frames (RFC 6455). Server frames are unmasked, so one ready-made
//! frame serves every socket.

/// Appends a text frame.
pub fn text(payload: &[u8], out: &mut Vec<u8>) {
    header(0x1, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a text frame whose payload `fill` appends. The header goes in front of it
/// afterwards, when the length is known: moving a few hundred bytes is cheaper than a
/// buffer of their own for each frame.
pub fn text_with(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    fill(out);
    let mut head = [0; LONGEST_HEADER];
    let length = header_into(0x1, out.len() - start, &mut head);
    out.splice(start..start, head[..length].iter().copied());
}

/// A close frame. A reason longer than 123 bytes is cut at a character.
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = Vec::with_capacity(4 + end);
    header(0x8, 2 + end, &mut out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
    out
}

/// A close frame without code, in answer to one without.
pub fn close_empty() -> Vec<u8> {
    vec![0x88, 0]
}

pub fn ping() -> Vec<u8> {
    vec![0x89, 0]
}

/// A pong with the ping's payload, which is at most 125 bytes.
pub fn pong(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + payload.len());
    header(0xA, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out
}

/// Opcode, length mark, 64-bit length.
const LONGEST_HEADER: usize = 10;

fn header(opcode: u8, length: usize, out: &mut Vec<u8>) {
    let mut head = [0; LONGEST_HEADER];
    let size = header_into(opcode, length, &mut head);
    out.extend_from_slice(&head[..size]);
}

/// Writes a header; returns its size.
fn header_into(opcode: u8, length: usize, head: &mut [u8; LONGEST_HEADER]) -> usize {
    head[0] = 0x80 | opcode;
    if length < 126 {
        head[1] = length as u8;
        2
    } else if let Ok(length) = u16::try_from(length) {
        head[1] = 126;
        head[2..4].copy_from_slice(&length.to_be_bytes());
        4
    } else {
        head[1] = 127;
        head[2..].copy_from_slice(&(length as u64).to_be_bytes());
        10
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use soketto::Parsing;
    use soketto::base::{Codec, OpCode};

    #[test]
    fn headers_are_what_a_codec_reads() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            let mut out = Vec::new();
            text(&vec![b'x'; length], &mut out);
            let Ok(Parsing::Done { value, offset }) = Codec::new().decode_header(&out) else {
                panic!("{length}: not a header");
            };
            assert_eq!(value.opcode(), OpCode::Text);
            assert!(value.is_fin() && !value.is_masked());
            assert_eq!((value.payload_len(), offset), (length, out.len() - length));
        }
    }

    #[test]
    fn a_payload_written_in_place_makes_the_same_frame() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let (mut whole, mut in_place) = (b"before".to_vec(), b"before".to_vec());
            text(&payload, &mut whole);
            text_with(&mut in_place, |out| out.extend_from_slice(&payload));
            assert!(whole == in_place, "{length}");
        }
    }

    #[test]
    fn close_reasons_are_cut_at_a_character() {
        let frame = close(1000, &"ä".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}
