//! `/llms.txt`, `/docs/…` and `/clients/…`: the pages of `docs/` in Markdown, the programs that they tell to copy, and the pages' list, for
//! programs that read.

use std::path::Path;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::Path as Named;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::problem::Problem;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The type of a page.
const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// The page that lists the others, a line of a table each.
const INDEX: &str = "docs/README.md";

/// The list, made once, when somebody asks.
static LIST: OnceLock<String> = OnceLock::new();

pub(super) fn routes() -> Router {
    let list = || async { ([(CONTENT_TYPE, MARKDOWN)], LIST.get_or_init(list).as_str()) };
    let of = |folder: &'static str| {
        get(move |Named(name): Named<String>| async move { answer(&format!("{folder}/{name}")) })
    };
    let client =
        |Named((language, file)): Named<(String, String)>| async move { answer(&format!("clients/{language}/{file}")) };
    Router::new()
        .route("/llms.txt", get(list))
        .route("/docs/{page}", of("docs"))
        .route("/docs/clients/{file}", of("docs/clients"))
        .route("/clients/{language}/{file}", get(client))
}

fn answer(name: &str) -> Response {
    let Some(text) = text_of(name) else { return Problem::NoRoute.into_response() };
    if Path::new(name).extension().is_some_and(|kind| kind == "md") {
        ([(CONTENT_TYPE, MARKDOWN)], linked(name, text)).into_response()
    } else {
        ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
    }
}

/// A page whose links lead somewhere here: what is in the sources alone is named without one.
fn linked(page: &str, text: &str) -> String {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("](") {
        let (target, after) = link.split_once(')').unwrap_or((link, ""));
        match before.rfind('[').filter(|_| !is_here(folder, target)) {
            Some(begin) => {
                out.push_str(before.get(..begin).unwrap_or_default());
                out.push_str(before.get(begin + 1..).unwrap_or_default());
            }
            None => out.extend([before, "](", target, ")"]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a link of a page in this folder leads elsewhere in the world, within the page, or to a file that is served.
fn is_here(folder: &str, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    let served = match path.strip_prefix("../") {
        Some(above) => text_of(above).is_some(),
        None => text_of(&format!("{folder}/{path}")).is_some(),
    };
    path.is_empty() || path.starts_with('/') || path.contains(':') || served
}

fn text_of(name: &str) -> Option<&'static str> {
    PAGES.iter().find(|(page, _)| *page == name).map(|(_, text)| *text)
}

/// The list in the form of llmstxt.org: a heading for each table of the index, a link for each of its rows.
fn list() -> String {
    let mut list = String::from(
        "# messaging\n\n\
         > A gRPC service, with an HTTP API and a command line, that backends put between their code and an SMS provider. It never loses a \
         message that it accepted, and a send with an idempotency key is one SMS however often it is repeated.\n\n\
         The API itself: [OpenAPI](/openapi.json); over gRPC by reflection, or as files from `messaging proto --out DIR`.\n",
    );
    for line in text_of(INDEX).unwrap_or_default().lines() {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let (Some(name), Some(about)) = (cells.next(), cells.next()) else { continue };
        let about = about.trim_end_matches(" |");
        match name.strip_prefix('[').and_then(|name| name.split_once("](")) {
            // Those of other folders are not here.
            Some((page, _)) if text_of(&format!("docs/{page}")).is_some() => {
                list.extend(["- [", page, "](/docs/", page, "): ", about, "\n"]);
            }
            None if about.is_empty() => list.extend(["\n## ", name, "\n\n"]),
            _ => {}
        }
    }
    list
}
