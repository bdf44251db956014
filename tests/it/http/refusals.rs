//! What the document says that a route is refused for, held to what it is refused for.

use axum::body::Body;
use http::StatusCode;
use messaging::http::{Front, routes};
use tower::ServiceExt as _;

use super::call::with_scopes;
use super::document::{document, operations};
use super::matrix::{asked, ids, named};
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::Kind;

/// The status of an answer, whose body may have no end.
async fn status(app: &TestApp, method: &str, path: &str, body: String) -> StatusCode {
    let request = with_scopes(app, app.bob, &format!("{ORDINARY} ops act-as"), method, path);
    let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
    routes(&app.service, Front::default()).oneshot(request).await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_can_answer_404_where_the_document_says_so_and_nowhere_else() {
    let app = TestApp::start(Kind::Sqlite).await;
    let (_, nobodys) = ids(&app).await;
    let mut missing = 0;
    for (path, method, operation) in operations(&document(&app).await) {
        let name = operation["operationId"].as_str().unwrap();
        // What a stream's URL opens has been asked for before.
        if !path.starts_with("/api/") || name == "openStream" {
            continue;
        }
        let responses = operation["responses"].as_object().unwrap();
        let mut is_missing = false;
        for (query, body) in asked(name).unwrap_or_else(|| panic!("{name} is not in the matrix")) {
            let path = nobodys.fill(&format!("{}{query}", named(&path)));
            let status = status(&app, &method, &path, nobodys.fill(body)).await;
            assert!(responses.contains_key(status.as_str()), "{method} {path} answers {status}, which {name} lacks");
            is_missing |= status == StatusCode::NOT_FOUND;
        }
        assert_eq!(responses.contains_key("404"), is_missing, "{method} {path}, {name}");
        missing += usize::from(is_missing);
    }
    assert!(missing >= 40, "{missing}");
}
