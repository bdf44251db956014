//! Keeps other sites out: an act counts only from a page of the console's own, and a page runs nothing but the console's files.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use url::Url;

use crate::http::console::{Site, layout, words};

/// Own scripts, styles and posts, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The headers of every answer. A page tells its own site whence a post comes, and no other; by `no-referrer` a browser would say
/// `Origin: null` to its own site, too.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "same-origin"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Refuses posts of other sites, and puts the headers on every answer.
pub(super) async fn kept(State(site): State<Site>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut answer = if safe || is_own(request.headers(), site.console.origin.as_ref()) {
        next.run(request).await
    } else {
        layout::bare(&site, StatusCode::FORBIDDEN, words::FOREIGN.0, words::FOREIGN.1)
    };
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Whether a post comes from a page of this site. Browsers say so themselves (Fetch Metadata); those from before 2023 name the page's
/// origin. Who says neither is no browser that could be led here, and has the API.
fn is_own(headers: &HeaderMap, origin: Option<&Url>) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key("sec-fetch-site") {
        return text(HeaderName::from_static("sec-fetch-site")) == Some("same-origin");
    }
    let Some(shown) = text(ORIGIN).and_then(|shown| Url::parse(shown).ok()) else { return false };
    match origin {
        Some(own) => shown.origin() == own.origin(),
        None => text(HOST).is_some_and(|host| {
            let named = Url::parse(&format!("{}://{host}", shown.scheme()));
            named.is_ok_and(|named| named.origin() == shown.origin())
        }),
    }
}
