//! The page to try an endpoint with: static files inside the binary.

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};

/// Path, media type, content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/_hookcast/page.css", CSS, include_str!("page/page.css")),
    ("/_hookcast/page.js", JS, include_str!("page/page.js")),
    (
        "/_hookcast/connection.js",
        JS,
        include_str!("page/connection.js"),
    ),
    ("/_hookcast/frames.js", JS, include_str!("page/frames.js")),
    (
        "/_hookcast/messages.js",
        JS,
        include_str!("page/messages.js"),
    ),
    ("/_hookcast/paint.js", JS, include_str!("page/paint.js")),
    ("/_hookcast/storage.js", JS, include_str!("page/storage.js")),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// The file at this path, if it is one of the page's.
pub fn file(path: &str) -> Option<Response<Body>> {
    let (_, media_type, content) = FILES.iter().find(|(known, ..)| *known == path)?;
    let mut response = Response::new(Body::from(*content));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // A new build of the server serves a new page.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The rest of the policy is in the page; this part works as a header only.
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("frame-ancestors 'none'"),
    );
    Some(response)
}
