//! Requests by hand, for the admin listener of the server under test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// An upload is answered when it has been compiled.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Status and body of a GET.
pub fn get(server: SocketAddr, path: &str, bearer: &str) -> Result<(u16, String)> {
    request(server, "GET", path, bearer, &[])
}

/// Status and body. HTTP/1.0, so that the body ends with the connection and is never chunked.
pub fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    bearer: &str,
    body: &[u8],
) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)
        .with_context(|| format!("connect to {server}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {server}\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut response = String::new();
    stream
        .read_to_string(&mut response)
        .with_context(|| format!("read {server}{path}"))?;
    let (head, body) = response
        .split_once("\r\n\r\n")
        .context("no HTTP response")?;
    let status = head
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.context("no HTTP status")?, body.to_owned()))
}
