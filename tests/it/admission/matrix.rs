//! Every method and every route, without credentials: it is refused at once, nothing is held, and not a byte of its body is read.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use messaging::admission::Quota;
use messaging::http::{Console, Front, act_paths, page_paths, routes};
use messaging::proto::METHODS;
use tonic::Code;
use tower::ServiceExt as _;

use super::strangers::{begin, channel, code, unfinished};
use crate::http::document::{document, operations};
use crate::support::app::TestApp;
use crate::support::database::Kind;

/// A body that never ends and knows whether somebody asked for it.
struct Watched(Arc<AtomicBool>);

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.store(true, Ordering::Relaxed);
        Poll::Pending
    }
}

/// Asks without credentials. Returns the status, and whether the body was asked for.
async fn ask(app: &TestApp, front: Front, method: &str, path: &str) -> (u16, bool) {
    let asked = Arc::<AtomicBool>::default();
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let own = request.header("host", "console.example").header("origin", "http://console.example");
    let request = own.body(Body::new(Watched(asked.clone()))).unwrap();
    let answer = routes(&app.service, front).oneshot(request).await.unwrap();
    (answer.status().as_u16(), asked.load(Ordering::Relaxed))
}

fn nothing_is_held(app: &TestApp, by: &str) {
    let taken = Quota::ALL.map(|quota| app.service.admission().taken(quota));
    assert_eq!(taken, [0; Quota::ALL.len()], "{by}");
}

/// A path whose parameters are something.
fn concrete(path: &str) -> String {
    path.replace(['{', '}'], "").replace('*', "")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_refuses_a_stranger_whose_message_never_comes() {
    let app = TestApp::start(Kind::Sqlite).await;
    let channel = channel(&app).await;
    for method in METHODS {
        for beginning in [&b""[..], b"\0\0\x3f\xff\xff"] {
            let answer = begin(&channel, &format!("/{method}"), None, unfinished(beginning)).await;
            assert_eq!(code(&answer), Code::Unauthenticated, "{method}");
        }
        nothing_is_held(&app, method);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_needs_credentials_refuses_a_stranger_and_reads_nothing() {
    let app = TestApp::start(Kind::Sqlite).await;
    let mut refused = 0;
    for (path, method, operation) in operations(&document(&app).await) {
        let (status, asked) = ask(&app, Front::default(), &method, &concrete(&path)).await;
        if operation["security"].as_array().is_some_and(Vec::is_empty) {
            assert!(status < 500 && !asked, "{method} {path}: {status}");
        } else if operation["security"][0]["webhook"].is_null() {
            assert_eq!((status, asked), (401, false), "{method} {path}");
            refused += 1;
        }
        nothing_is_held(&app, &path);
    }
    assert!(refused > 40, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_and_act_of_the_console_leads_a_stranger_to_the_sign_in_and_reads_nothing() {
    let app = TestApp::start(Kind::Sqlite).await;
    let acts = act_paths().into_iter().map(|path| ("POST", path));
    let pages = page_paths().into_iter().map(|path| ("GET", path));
    let front = || Front { console: Some(Console::default()), ..Front::default() };
    let closed = acts
        .chain(pages)
        .filter(|(_, path)| !path.starts_with("/console/sign-in") && !path.starts_with("/console/link"));
    for (method, path) in closed {
        let (status, asked) = ask(&app, front(), method, &concrete(path)).await;
        assert!(matches!(status, 303 | 401 | 403) && !asked, "{method} {path}: {status}, {asked}");
        nothing_is_held(&app, path);
    }
}
