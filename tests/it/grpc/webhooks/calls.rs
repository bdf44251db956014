//! Endpoints that are called: tests, what was refused, and places that streams and endpoints take from each other.

use std::time::Duration as Time;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::grpc::send::to;
use crate::support::store::eventually;

/// A receiver on this machine that answers with this status, and hands over the bodies that it gets.
async fn receiver(status: u16) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>, AbortOnDropHandle<()>) {
    let (heard, bodies) = tokio::sync::mpsc::unbounded_channel();
    let status = StatusCode::from_u16(status).unwrap();
    let take = move |body: String| {
        let heard = heard.clone();
        async move {
            let _ = heard.send(body);
            status
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let serving =
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await.unwrap() });
    (url, bodies, AbortOnDropHandle::new(serving))
}

async fn look(app: &TestApp) {
    while app.service.webhooks().look().await.unwrap() {}
}

/// The next event that the receiver hears, while the engine looks, as the worker has it do.
async fn heard(app: &TestApp, bodies: &mut tokio::sync::mpsc::UnboundedReceiver<String>) -> serde_json::Value {
    let next = async {
        loop {
            look(app).await;
            if let Ok(body) = tokio::time::timeout(Time::from_millis(100), bodies.recv()).await {
                return body.unwrap();
            }
        }
    };
    serde_json::from_str(&tokio::time::timeout(Time::from_mins(1), next).await.expect("an event comes")).unwrap()
}

use CallOutcome::{Failed, Redirected, Refused, Taken};

/// The id of a message that was sent, and waits for no report.
async fn sent(app: &TestApp) -> String {
    app.alice().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap().id
}

/// The next events of a watch from this token.
async fn watched(app: &TestApp, token: &str, n: usize) -> Vec<watch_messages_response::Event> {
    let request = WatchMessagesRequest { resume_token: token.to_owned(), ..Default::default() };
    let mut stream = app.alice().watch_messages(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while events.len() < n {
        let next = tokio::time::timeout(Time::from_secs(30), stream.message()).await.expect("an event comes");
        events.extend(next.unwrap().unwrap().event);
    }
    events
}

on_both_databases! { TestApp::start =>
    async fn a_test_says_what_came_of_it_and_nothing_more(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        for (status, outcome) in [(204, Taken), (422, Refused), (500, Failed), (302, Redirected)] {
            let (url, mut bodies, _serving) = receiver(status).await;
            let id = create(&mut hooks, CreateEndpointRequest { url, disabled: true, ..new() }).await.id;
            let answer = hooks.send_test_event(SendTestEventRequest { id: id.clone(), ..Default::default() }).await.unwrap().into_inner();
            assert_eq!((answer.outcome(), answer.http_status), (outcome, i32::from(status)));
            let body: serde_json::Value = serde_json::from_str(&bodies.recv().await.unwrap()).unwrap();
            assert_eq!((body["type"].as_str(), body["data"]["endpoint_id"].as_str()), (Some("endpoint.test"), Some(id.as_str())));
        }
    }

    async fn what_an_endpoint_refused_is_listed_under_the_ids_of_streams_and_explanations(app) {
        let (url, mut bodies, _serving) = receiver(422).await;
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let request = CreateEndpointRequest { url, types: vec!["message.sent".to_owned()], ..new() };
        let id = create(&mut hooks, request).await.id;
        let (_, standing) = get(&mut hooks, &id).await;
        look(&app).await;
        let message = sent(&app).await;
        let body = heard(&app, &mut bodies).await;
        let list = ListDeliveriesRequest { id: id.clone(), ..Default::default() };
        let deliveries = async || {
            app.hooks(app.alice, ORDINARY).list_deliveries(list.clone()).await.unwrap().into_inner().deliveries
        };
        eventually(async || {
            look(&app).await;
            !deliveries().await.is_empty()
        }).await;
        let refused = deliveries().await.remove(0);
        assert_eq!((refused.message_id.as_str(), refused.r#type.as_str()), (message.as_str(), "message.sent"));
        assert_eq!(refused.state(), DeliveryState::Waiting);
        assert_eq!((refused.tries, refused.last_outcome(), refused.last_http_status), (1, Refused, 422));
        assert!(refused.next_try_at.is_some() && refused.first_tried_at.is_some());
        assert_eq!(body["id"], refused.event_id);
        // Everywhere the same.
        let events = watched(&app, &standing.resume_token, 2).await;
        let ids: Vec<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
        assert_eq!(ids[1], refused.event_id);
        assert_eq!(body["data"]["version"], events[1].version);
        let explained = app.alice().explain_message(ExplainMessageRequest { id: message, ..Default::default() }).await.unwrap().into_inner();
        let changes = explained.entries.iter().filter(|entry| entry.from != entry.to);
        assert_eq!(changes.map(|entry| entry.event_id.as_str()).collect::<Vec<_>>(), ids);
        assert!(explained.entries.iter().all(|entry| (entry.from == entry.to) == entry.event_id.is_empty()));
        eventually(async || get(&mut app.hooks(app.alice, ORDINARY), &id).await.1.waiting == 1).await;
        hooks.delete_endpoint(DeleteEndpointRequest { id, ..Default::default() }).await.unwrap();
        app.service.webhooks().leave().await;
    }

    async fn a_place_is_taken_by_streams_from_endpoints_and_by_endpoints_from_streams(app) {
        let (url, mut bodies, _serving) = receiver(200).await;
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let request = CreateEndpointRequest { url, types: vec!["message.sent".to_owned()], disabled: true, ..new() };
        let id = create(&mut hooks, request).await.id;
        let (first, second) = (sent(&app).await, sent(&app).await);
        // On Postgres an open transaction of anybody's, of another test too, keeps the journal from being read to its end.
        eventually(async || get(&mut app.hooks(app.alice, ORDINARY), &id).await.1.lag.is_some()).await;
        // An endpoint's place is before both, and a stream goes on from there.
        let (_, standing) = get(&mut hooks, &id).await;
        let seen = watched(&app, &standing.resume_token, 4).await;
        assert_eq!(seen.iter().filter(|event| event.id == first).count(), 2);
        // A stream's place is behind the first, and an endpoint goes on from there.
        let request = WatchMessagesRequest { resume_token: standing.resume_token, ..Default::default() };
        let mut stream = app.alice().watch_messages(request).await.unwrap().into_inner();
        let mut place = String::new();
        let mut left = 2;
        while left > 0 {
            let next = stream.message().await.unwrap().unwrap();
            if next.event.is_some() {
                (place, left) = (next.resume_token, left - 1);
            }
        }
        drop(stream);
        enable(&mut hooks, &id, Some(Start::ResumeToken(place))).await.unwrap();
        look(&app).await;
        let body = heard(&app, &mut bodies).await;
        assert_eq!(body["data"]["id"], second, "the first was before the place");
        // A place of another owner's is none here.
        let bobs = create(&mut app.hooks(app.bob, ORDINARY), new()).await.id;
        let (_, foreign) = get(&mut app.hooks(app.bob, ORDINARY), &bobs).await;
        let refused = enable(&mut hooks, &id, Some(Start::ResumeToken(foreign.resume_token))).await.unwrap_err();
        assert_eq!(violated(&refused), ["resume_token"]);
        app.service.webhooks().leave().await;
    }
}
