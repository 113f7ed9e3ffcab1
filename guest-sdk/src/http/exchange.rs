//! One request and its response, through `wasi:http`.

use super::{Response, failure};
use crate::HostError;
use crate::bindings::http::wasi::http::outgoing_handler::handle;
use crate::bindings::http::wasi::http::types::{
    Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use crate::bindings::http::wasi::io::streams::StreamError;

/// Bytes read at once.
const PIECE: u64 = 64 << 10;

/// A URL as `wasi:http` takes it.
#[derive(Debug, PartialEq)]
struct Address<'a> {
    tls: bool,
    authority: &'a str,
    path: String,
}

/// Sends a request and reads its response.
pub fn run(
    method: &str,
    url: &str,
    mut headers: Vec<(String, Vec<u8>)>,
    body: &[u8],
) -> Result<Response, HostError> {
    let address = address(url)?;
    if !body.is_empty() {
        let length = body.len().to_string();
        headers.push(("content-length".to_owned(), length.into()));
    }
    let headers = Fields::from_list(&headers)
        .map_err(|error| HostError::new("invalid", format!("a header can't be sent: {error:?}")))?;
    let request = OutgoingRequest::new(headers);
    let scheme = if address.tls {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let made = request
        .set_method(&self::method(method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(address.authority)))
        .and_then(|()| request.set_path_with_query(Some(&address.path)));
    made.map_err(|()| no_url(url))?;

    let outgoing = match body {
        [] => None,
        _ => Some(request.body().map_err(|()| no_url(url))?),
    };
    let answer = handle(request, None).map_err(failure::of)?;
    if let Some(outgoing) = outgoing {
        // A server may answer before it has read everything, and a request that failed
        // says why below.
        let _ = write(&outgoing, body);
        let _ = OutgoingBody::finish(outgoing, None);
    }
    let response = loop {
        match answer.get() {
            Some(Ok(response)) => break response.map_err(failure::of)?,
            // Only a second `get` gets this.
            Some(Err(())) => return Err(HostError::new("unavailable", "the response is gone")),
            None => answer.subscribe().block(),
        }
    };
    read(&response)
}

fn write(outgoing: &OutgoingBody, mut body: &[u8]) -> Result<(), StreamError> {
    let stream = outgoing.write().map_err(|()| StreamError::Closed)?;
    while !body.is_empty() {
        let room = stream.check_write()?;
        let (piece, rest) =
            body.split_at(body.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        if piece.is_empty() {
            stream.subscribe().block();
        } else {
            stream.write(piece)?;
        }
        body = rest;
    }
    stream.flush()
}

fn read(response: &IncomingResponse) -> Result<Response, HostError> {
    let headers = response.headers().entries().into_iter();
    let headers = headers.map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()));
    let headers = headers.collect();
    let body = match response.consume() {
        Ok(incoming) => read_body(&incoming)?,
        Err(()) => Vec::new(),
    };
    Ok(Response {
        status: response.status(),
        headers,
        body,
    })
}

fn read_body(incoming: &IncomingBody) -> Result<Vec<u8>, HostError> {
    let mut body = Vec::new();
    let Ok(stream) = incoming.stream() else {
        return Ok(body);
    };
    loop {
        match stream.blocking_read(PIECE) {
            Ok(mut piece) => body.append(&mut piece),
            Err(StreamError::Closed) => return Ok(body),
            Err(StreamError::LastOperationFailed(error)) => return Err(failure::of_stream(&error)),
        }
    }
}

/// Takes a URL apart; whether its host is one is for the server to say.
fn address(url: &str) -> Result<Address<'_>, HostError> {
    let (tls, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err(no_url(url));
    };
    let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(no_url(url));
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Address {
        tls,
        authority,
        path: format!("{slash}{path}"),
    })
}

fn no_url(url: &str) -> HostError {
    HostError::new(
        "invalid",
        format!("{url:?} can't be requested; write it as https://HOST/PATH, characters escaped"),
    )
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, tls, authority, path) in [
            ("https://example.com", true, "example.com", "/"),
            (
                "http://example.com:8080/a/b?c=d#e",
                false,
                "example.com:8080",
                "/a/b?c=d",
            ),
            ("http://[::1]?q", false, "[::1]", "/?q"),
        ] {
            let path = path.to_owned();
            let expected = Address {
                tls,
                authority,
                path,
            };
            assert_eq!(address(url), Ok(expected), "{url}");
        }
        for url in ["example.com", "ftp://example.com", "https:///path", ""] {
            assert!(address(url).is_err(), "{url}");
        }
    }
}
