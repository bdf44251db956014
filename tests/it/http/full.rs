//! A server that is full, over HTTP.

use axum::body::Body;
use messaging::admission::Quota;
use messaging::http::{Front, routes};
use tower::ServiceExt as _;

use super::call::of;
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

on_both_databases! { TestApp::with_one_place =>
    async fn a_full_server_says_when_to_come_back_and_streams_that_stay_do_not_fill_it(app) {
        let routes = routes(&app.service, Front::default());
        let call = async |method: &str, path: &str, body: Body| {
            routes.clone().oneshot(of(&app, app.alice, method, path).body(body).unwrap()).await.unwrap()
        };
        let stays = call("GET", "/api/v1/messages/watch", Body::empty()).await;
        assert_eq!(call("GET", "/api/v1/messages", Body::empty()).await.status(), 200, "a watch takes no place");

        let (body, uploaded) = tokio::sync::mpsc::channel::<Result<&[u8], std::io::Error>>(1);
        let upload = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(uploaded));
        let mut slow = Box::pin(call("POST", "/api/v1/messages", upload));
        while app.service.admission().taken(Quota::Calls) == 0 {
            assert!(futures::poll!(&mut slow).is_pending(), "its body is still to come");
            tokio::task::yield_now().await;
        }
        let full = call("GET", "/api/v1/messages", Body::empty()).await;
        assert_eq!((full.status().as_u16(), &full.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        for path in ["/healthz", "/readyz", "/metrics", "/docs"] {
            assert_eq!(call("GET", path, Body::empty()).await.status(), 200, "{path}");
        }
        drop(body);
        assert_eq!(slow.await.status(), 400);
        assert_eq!(call("GET", "/api/v1/messages", Body::empty()).await.status(), 200);
        drop(stays);
    }
}
