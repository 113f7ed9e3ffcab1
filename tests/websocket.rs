//! The WebSocket protocol itself, byte by byte.

use serde_json::Value;

use crate::support::raw::{RawClient, RawFrame, frame};
use crate::support::{Setup, TestServer};

const CONFIG: &str = r#"
    [endpoints.chat]
    path = "/chat"
    columns.body = "TEXT"
    message_limit = "1 KiB"
"#;

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

async fn connect() -> (TestServer, RawClient) {
    let server = Setup::new(CONFIG).start().await;
    let client = RawClient::connect(&server.address, "/chat").await;
    (server, client)
}

fn json(frame: Option<RawFrame>) -> Value {
    let frame = frame.expect("a frame");
    assert_eq!(frame.first, TEXT, "one whole text frame: {frame:?}");
    serde_json::from_slice(&frame.payload).expect("JSON")
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    let (_server, mut client) = connect().await;
    let long = vec![b'x'; 125];
    for payload in [&b""[..], b"hello", &[0, 0xff, 0x80], &long] {
        client.send(&frame(PING, payload)).await;
        let pong = RawFrame {
            first: PONG,
            payload: payload.to_vec(),
        };
        assert_eq!(client.recv().await, Some(pong));
    }
    client.send(&frame(PONG, b"unasked")).await;
    client
        .send(&frame(TEXT, b"{\"body\":\"still here\"}"))
        .await;
    assert_eq!(json(client.recv().await)["body"], "still here");
}

#[tokio::test]
async fn messages_may_come_in_pieces_with_pings_between() {
    let (_server, mut client) = connect().await;
    let text = "{\"body\":\"grün\"}".as_bytes();
    // Cut in the middle of a character.
    let cut = text.iter().position(|byte| *byte >= 0x80).unwrap() + 1;
    client.send(&frame(TEXT_BEGINS, &text[..cut])).await;
    client.send(&frame(PING, b"between")).await;
    client.send(&frame(CONTINUES, b"")).await;
    client.send(&frame(ENDS, &text[cut..])).await;
    assert_eq!(client.recv().await.map(|frame| frame.first), Some(PONG));
    assert_eq!(json(client.recv().await)["body"], "grün");
}

#[tokio::test]
async fn frames_may_arrive_byte_by_byte_or_many_at_once() {
    let (_server, mut client) = connect().await;
    for byte in frame(TEXT, b"{\"body\":\"slowly\"}") {
        client.send(&[byte]).await;
    }
    assert_eq!(json(client.recv().await)["body"], "slowly");
    let many: Vec<u8> = (0..50)
        .flat_map(|n| frame(TEXT, format!("{{\"body\":\"{n}\"}}").as_bytes()))
        .collect();
    client.send(&many).await;
    for n in 0..50 {
        assert_eq!(json(client.recv().await)["body"], n.to_string());
    }
}

#[tokio::test]
async fn a_message_right_behind_the_handshake_is_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Setup::new(CONFIG).start().await;
    let mut stream = tokio::net::TcpStream::connect(&server.address)
        .await
        .unwrap();
    let mut request = format!(
        "GET /chat HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    )
    .into_bytes();
    request.extend(frame(TEXT, b"{\"body\":\"early\"}"));
    stream.write_all(&request).await.unwrap();
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&read).contains("\"early\"") {
        let count = crate::support::within("the echo", stream.read(&mut buffer))
            .await
            .unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..count]);
    }
}

#[tokio::test]
async fn a_close_frame_is_echoed_and_ends_the_connection() {
    for code in [1000_u16, 1001, 3000, 4999] {
        let (_server, mut client) = connect().await;
        client
            .send(&frame(CLOSE, &[&code.to_be_bytes()[..], b"bye"].concat()))
            .await;
        assert_eq!(client.recv_close().await.close_code(), code);
        client.ends().await;
    }
    let (_server, mut client) = connect().await;
    client.send(&frame(CLOSE, b"")).await;
    assert_eq!(
        client.recv_close().await.payload,
        b"",
        "no code is answered with none"
    );
    client.ends().await;
}

#[tokio::test]
async fn messages_right_before_a_close_are_taken() {
    let (server, mut client) = connect().await;
    let mut listener = server.subscribe("/chat").await;
    let mut bytes: Vec<u8> = (0..5)
        .flat_map(|n| frame(TEXT, format!("{{\"body\":\"{n}\"}}").as_bytes()))
        .collect();
    bytes.extend(frame(CLOSE, &1000_u16.to_be_bytes()));
    client.send(&bytes).await;
    assert_eq!(client.recv_close().await.close_code(), 1000);
    client.ends().await;
    // `ws.send(…); ws.close()` is how many clients say one thing: it must not be lost.
    for n in 0..5 {
        assert_eq!(listener.recv().await["body"], n.to_string());
    }
}

#[tokio::test]
async fn messages_right_before_the_connection_breaks_are_taken() {
    let (server, mut client) = connect().await;
    let mut listener = server.subscribe("/chat").await;
    let bytes: Vec<u8> = (0..50)
        .flat_map(|n| frame(TEXT, format!("{{\"body\":\"{n}\"}}").as_bytes()))
        .collect();
    client.send(&bytes).await;
    client.half_close().await;
    for n in 0..50 {
        assert_eq!(listener.recv().await["body"], n.to_string());
    }
}

#[tokio::test]
async fn broken_frames_close_with_1002() {
    let unmasked = b"\x81\x02{}".to_vec();
    let endless_ping = frame(PING, &[b'x'; 126]);
    let cut_ping = frame(0x09, b"x");
    let twice_begun = [frame(TEXT_BEGINS, b"{"), frame(TEXT, b"}")].concat();
    let mut bad_close_reason = 1000_u16.to_be_bytes().to_vec();
    bad_close_reason.push(0xff);
    let cases = [
        ("not masked", unmasked),
        ("a reserved bit", frame(0xc1, b"{}")),
        ("a reserved opcode", frame(0x83, b"{}")),
        ("a reserved control opcode", frame(0x8b, b"")),
        ("a continuation of nothing", frame(ENDS, b"{}")),
        ("a message within another", twice_begun),
        ("a ping that is too long", endless_ping),
        ("a ping in pieces", cut_ping),
        ("a close frame of one byte", frame(CLOSE, &[3])),
        (
            "a close code that is none",
            frame(CLOSE, &1005_u16.to_be_bytes()),
        ),
        (
            "a close code out of range",
            frame(CLOSE, &999_u16.to_be_bytes()),
        ),
        (
            "a close reason that is not UTF-8",
            frame(CLOSE, &bad_close_reason),
        ),
    ];
    for (what, bytes) in cases {
        let (_server, mut client) = connect().await;
        client.send(&bytes).await;
        let close = client.recv_close().await;
        assert_eq!(close.close_code(), 1002, "{what}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    let pieces = [frame(TEXT_BEGINS, b"{\"body\":\"\xc3"), frame(ENDS, b"\"}")].concat();
    for bytes in [
        frame(TEXT, b"\xff\xfe"),
        frame(TEXT, b"\xed\xa0\x80"),
        pieces,
    ] {
        let (_server, mut client) = connect().await;
        client.send(&bytes).await;
        assert_eq!(client.recv_close().await.close_code(), 1007);
    }
}

#[tokio::test]
async fn too_much_is_skipped_and_far_too_much_closes_with_1009() {
    let (_server, mut client) = connect().await;
    client.send(&frame(TEXT, &[b' '; 1025])).await;
    assert_eq!(json(client.recv().await)["_error"]["code"], "too_large");
    for _ in 0..3 {
        client.send(&frame(TEXT_BEGINS, &[b' '; 600])).await;
        client.send(&frame(ENDS, &[b' '; 600])).await;
        assert_eq!(
            json(client.recv().await)["_error"]["code"],
            "too_large",
            "pieces count together"
        );
    }
    client.send(&frame(TEXT, b"{\"body\":\"next\"}")).await;
    assert_eq!(json(client.recv().await)["body"], "next");
    // The announced length alone is enough: nobody waits for terabytes.
    let mut endless = vec![TEXT, 0xff];
    endless.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    endless.extend_from_slice(&[1, 2, 3, 4]);
    client.send(&endless).await;
    assert_eq!(client.recv_close().await.close_code(), 1009);
}

#[tokio::test]
async fn an_endless_message_in_pieces_does_not_fill_the_memory() {
    let (server, mut client) = connect().await;
    client.send(&frame(TEXT_BEGINS, b"{")).await;
    let piece = frame(CONTINUES, &[b' '; 1000]).repeat(1000);
    for _ in 0..64 {
        client.send(&piece).await;
    }
    client.send(&frame(ENDS, b"}")).await;
    let answer = json(client.recv().await);
    assert_eq!(answer["_error"]["code"], "too_large");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(
        peak < 100 * 1024,
        "64 MB of pieces were kept: peak {peak} KiB"
    );
}
