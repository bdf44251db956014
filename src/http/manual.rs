//! `/llms.txt` and `/docs/{page}`: the pages of `docs/` as they are, in Markdown, and their list, for programs that read.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::problem::Problem;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page that lists the others, a line of a table each.
const INDEX: &str = "README.md";

/// The list, made once, when somebody asks.
static LIST: OnceLock<String> = OnceLock::new();

pub(super) fn routes() -> Router {
    let markdown = |text: &'static str| ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], text);
    let list = move || async move { markdown(LIST.get_or_init(list)) };
    let page = move |Path(name): Path<String>| async move {
        let found = text_of(&name).map(|text| markdown(text).into_response());
        found.unwrap_or_else(|| -> Response { Problem::NoRoute.into_response() })
    };
    Router::new().route("/llms.txt", get(list)).route("/docs/{page}", get(page))
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
            Some((page, _)) if text_of(page).is_some() => {
                list.extend(["- [", page, "](/docs/", page, "): ", about, "\n"]);
            }
            None if about.is_empty() => list.extend(["\n## ", name, "\n\n"]),
            _ => {}
        }
    }
    list
}
