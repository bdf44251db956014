//! The one style sheet and the one script.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use crate::http::console::Routes;

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");

/// Names this release of both in pages, so that browsers may keep them for ever.
pub(super) static RELEASE: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::digest([STYLE, SCRIPT].concat().as_bytes());
    digest.iter().take(6).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
});

/// The files.
pub(super) fn files() -> Routes {
    vec![
        ("/console/console.css", get(|| async { file("text/css; charset=utf-8", STYLE) })),
        ("/console/console.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) })),
    ]
}

fn file(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")], text).into_response()
}
