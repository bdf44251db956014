//! Server-Sent Events: what a browser reads, how it comes back, and the URLs for those that can send no header.

use axum::body::Body;
use futures::StreamExt as _;
use http::Request;
use messaging::http::{Front, routes};
use messaging::proto::{CancelCampaignRequest, CreateCampaignRequest, SendSingleRequest};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::call::{Answer, ask, of, post, send};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// An event: id, name, data.
type Event = (String, String, Value);

/// The events of a stream's text; comments are left out.
fn events(text: &str) -> Vec<Event> {
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let blocks = text.split("\n\n").filter(|block| block.contains("event:"));
    blocks
        .map(|block| {
            let data = serde_json::from_str(&field(block, "data:")).unwrap();
            (field(block, "id:"), field(block, "event:"), data)
        })
        .collect()
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|(_, name, _)| name.as_str()).collect()
}

/// Reads a stream until it has so many events, and hangs up.
async fn cut(app: &TestApp, request: Request<Body>, n: usize) -> Vec<Event> {
    let answer = routes(&app.service, Front::default()).oneshot(request).await.unwrap();
    let mut body = answer.into_body().into_data_stream();
    let mut text = String::new();
    while events(&text).len() < n {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    events(&text)[..n].to_vec()
}

async fn campaign(app: &TestApp) -> i64 {
    let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
    let made = app.campaigns_of(app.alice).create_campaign(new).await.unwrap().into_inner();
    made.campaign.unwrap().id
}

async fn over(app: &TestApp, campaign_id: i64) {
    app.campaigns_of(app.alice).cancel_campaign(CancelCampaignRequest { campaign_id }).await.unwrap();
    app.run_due().await;
}

async fn sent(app: &TestApp, campaign: i64, n: usize) {
    let request = || SendSingleRequest {
        destination: "+306900000001".to_owned(),
        text: "x".to_owned(),
        campaign_id: Some(campaign),
        ..Default::default()
    };
    for _ in 0..n {
        app.alice().send_single(request()).await.unwrap();
    }
}

async fn url(app: &TestApp, stream: &Value) -> String {
    let made = post(app, app.alice, "/api/v1/stream-urls", stream).await.ok();
    made["url"].as_str().unwrap().to_owned()
}

async fn open(app: &TestApp, url: &str, last: Option<&str>) -> Answer {
    let request = Request::get(url);
    let request = if let Some(id) = last { request.header("last-event-id", id) } else { request };
    send(app, request, Body::empty()).await
}

on_both_databases! { TestApp::start =>
    async fn a_campaign_is_watched_until_it_is_over(app) {
        let id = campaign(&app).await;
        over(&app, id).await;
        let path = format!("/api/v1/campaigns/{id}/watch");
        let answer = ask(&app, app.alice, "GET", &path).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &"text/event-stream".parse().unwrap()));
        let told = events(&answer.text());
        assert_eq!(names(&told), ["stats", "end"]);
        assert_eq!(told[0].2["state"], "CAMPAIGN_STATE_CANCELLED");
        // Who comes back with what it has is told nothing twice, and after the end nothing at all.
        let back = |last: &str| of(&app, app.alice, "GET", &path).header("last-event-id", last);
        assert_eq!(names(&events(&send(&app, back(&told[0].0), "").await.text())), ["end"]);
        assert_eq!(send(&app, back("end"), "").await.status, 204);
        assert_eq!(ask(&app, app.bob, "GET", &path).await.status, 404);
    }

    async fn changes_of_messages_are_told_and_a_reader_comes_back_after_the_last_it_has(app) {
        let id = campaign(&app).await;
        let path = format!("/api/v1/messages/watch?campaign_id={id}&statuses=MESSAGE_STATUS_SENT");
        let begun = routes(&app.service, Front::default());
        let begun = begun.oneshot(of(&app, app.alice, "GET", &path).body(Body::empty()).unwrap()).await.unwrap();
        let mut begun = begun.into_body().into_data_stream();
        // Its place is told before there is any change, and is no event.
        let first = String::from_utf8(begun.next().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(first.contains("id: ") && !first.contains("data"), "{first}");
        let place = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        drop(begun);
        sent(&app, id, 3).await;
        let back = |last: &str| of(&app, app.alice, "GET", &path).header("last-event-id", last).body(Body::empty()).unwrap();
        let told = cut(&app, back(&place), 3).await;
        assert_eq!(names(&told), ["change"; 3]);
        assert!(told.iter().all(|e| e.2["event"]["to"] == "MESSAGE_STATUS_SENT" && e.2["resumeToken"] == e.0.as_str()));
        let rest = cut(&app, back(&told[0].0), 2).await;
        assert_eq!(rest.iter().map(|e| &e.2["event"]["id"]).collect::<Vec<_>>(),
            told[1..].iter().map(|e| &e.2["event"]["id"]).collect::<Vec<_>>());
        let forged = send(&app, of(&app, app.alice, "GET", &path).header("last-event-id", "AAAA"), "").await.error();
        assert_eq!((forged.0, &forged.1["code"]), (400, &json!("VALIDATION_ERROR")));
    }

    async fn a_stream_url_opens_the_changes_of_messages_too(app) {
        let id = campaign(&app).await;
        sent(&app, id, 1).await;
        let url = url(&app, &json!({"watchMessages": {"campaignId": id.to_string()}})).await;
        let get = |last: Option<&str>| {
            let request = Request::get(&url);
            let request = if let Some(id) = last { request.header("last-event-id", id) } else { request };
            request.body(Body::empty()).unwrap()
        };
        let begun = routes(&app.service, Front::default()).oneshot(get(None)).await.unwrap();
        let mut begun = begun.into_body().into_data_stream();
        let first = String::from_utf8(begun.next().await.unwrap().unwrap().to_vec()).unwrap();
        let place = first.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        drop(begun);
        sent(&app, id, 1).await;
        // A new message is SENDING, then SENT.
        let told = cut(&app, get(Some(&place)), 2).await;
        assert_eq!(told.iter().map(|e| e.2["event"]["to"].as_str().unwrap()).collect::<Vec<_>>(),
            ["MESSAGE_STATUS_SENDING", "MESSAGE_STATUS_SENT"]);
    }

    async fn a_cut_refresh_goes_on_where_its_reader_stopped(app) {
        let id = campaign(&app).await;
        sent(&app, id, 12).await;
        app.advance(2);
        let request = || of(&app, app.alice, "POST", "/api/mitto/refresh-status-bulk")
            .header("content-type", "application/json").header("accept", "text/event-stream");
        let body = json!({"campaignId": id}).to_string();
        let first = cut(&app, request().body(Body::from(body.clone())).unwrap(), 5).await;
        assert_eq!(first[4].0, first[4].2["resumeToken"].as_str().unwrap());
        let rest = send(&app, request().header("last-event-id", &first[4].0), body.clone()).await;
        let rest = events(&rest.text());
        assert_eq!(rest.len(), 7 + 2);
        assert_eq!(names(&rest[7..]), ["summary", "end"]);
        assert_eq!((&rest[7].2["completed"], &rest[7].2["summary"]["total"]), (&json!("12"), &json!("12")));
        let mut ids: Vec<&Value> = first.iter().chain(&rest[..7]).map(|e| &e.2["result"]["providerMessageId"]).collect();
        ids.sort_by_key(ToString::to_string);
        ids.dedup();
        assert_eq!(ids.len(), 12);
        let forged = send(&app, request().header("last-event-id", "AAAA"), body.clone()).await.error();
        assert_eq!((forged.0, &forged.1["code"]), (400, &json!("VALIDATION_ERROR")));
        assert_eq!(send(&app, request().header("last-event-id", "end"), body).await.status, 204);
    }

    async fn a_stream_ends_with_an_error_when_the_process_stops(app) {
        let id = campaign(&app).await;
        let front = Front { stop: CancellationToken::new(), ..Front::default() };
        let request = of(&app, app.alice, "GET", &format!("/api/v1/campaigns/{id}/watch")).body(Body::empty()).unwrap();
        let answer = routes(&app.service, front.clone()).oneshot(request).await.unwrap();
        let mut body = answer.into_body().into_data_stream();
        assert_eq!(names(&events(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap())), ["stats"]);
        front.stop.cancel();
        let last = body.next().await.unwrap().unwrap();
        let (_, name, data) = events(std::str::from_utf8(&last).unwrap()).remove(0);
        assert_eq!((name.as_str(), data), ("error", json!({"message": "The server is stopping. Connect again.", "code": "STOPPING"})));
        assert!(body.next().await.is_none());
    }

    async fn an_error_after_the_start_is_an_event(app) {
        let id = campaign(&app).await;
        let request = of(&app, app.alice, "GET", &format!("/api/v1/campaigns/{id}/watch")).body(Body::empty()).unwrap();
        let answer = routes(&app.service, Front::default()).oneshot(request).await.unwrap();
        let mut body = answer.into_body().into_data_stream();
        body.next().await.unwrap().unwrap();
        app.execute("ALTER TABLE campaigns RENAME TO elsewhere").await;
        let mut text = String::new();
        while let Some(chunk) = body.next().await {
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
        app.execute("ALTER TABLE elsewhere RENAME TO campaigns").await;
        let last = events(&text).pop().unwrap();
        let said = "The service's database is out of reach or takes no write. Try again, with the same idempotency key.";
        assert_eq!((last.1.as_str(), last.2), ("error", json!({"message": said, "code": "DATABASE_UNAVAILABLE"})));
    }

    async fn a_stream_url_opens_its_stream_without_credentials_for_a_minute(app) {
        let id = campaign(&app).await;
        over(&app, id).await;
        let url = url(&app, &json!({"watchCampaign": {"campaignId": id.to_string()}})).await;
        assert!(!url.contains(&app.token(app.alice, "campaigns")));
        let told = events(&open(&app, &url, None).await.text());
        assert_eq!(names(&told), ["stats", "end"]);
        app.advance(59);
        assert_eq!(open(&app, &url, None).await.status, 200);
        app.advance(2);
        let late = open(&app, &url, None).await.error();
        assert_eq!(late, (401, json!({"message": "The stream URL has expired"})));
        // Whoever was connected comes back for an hour; an id that this stream did not give opens nothing.
        assert_eq!(names(&events(&open(&app, &url, Some(&told[0].0)).await.text())), ["end"]);
        assert_eq!(open(&app, &url, Some(&told[1].0)).await.status, 204);
        for forged in ["end", "x", "x~AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(open(&app, &url, Some(forged)).await.error(), (401, json!({"message": "Invalid token"})));
        }
        app.advance(3600);
        assert_eq!(open(&app, &url, Some(&told[0].0)).await.status, 401);
    }

    async fn a_stream_url_is_signed_and_for_what_its_caller_may_read(app) {
        let id = campaign(&app).await;
        over(&app, id).await;
        let stream = json!({"watchCampaign": {"campaignId": id.to_string()}});
        let good = url(&app, &stream).await;
        let other = url(&app, &json!({"refreshStatusBulk": {"campaignId": id.to_string()}})).await;
        let (head, _) = good.rsplit_once('.').unwrap();
        let (_, signature) = other.rsplit_once('.').unwrap();
        for forged in [format!("{head}.{signature}"), head.to_owned(), format!("{head}."), "/api/v1/streams/x".to_owned()] {
            assert_eq!(open(&app, &forged, None).await.error(), (401, json!({"message": "Invalid token"})), "{forged}");
        }
        // A token that lets its bearer in opens no stream, and a URL's is no token.
        let token = format!("/api/v1/streams/{}", app.token(app.alice, "campaigns"));
        assert_eq!(open(&app, &token, None).await.status, 401);
        let shown = good.rsplit('/').next().unwrap();
        let bearer = Request::get("/api/v1/messages").header("authorization", format!("Bearer {shown}"));
        assert_eq!(send(&app, bearer, "").await.status, 401);
        let urls = "/api/v1/stream-urls";
        let none = (404, json!({"message": format!("Campaign not found: {id}"), "code": "RESOURCE_NOT_FOUND"}));
        assert_eq!(post(&app, app.bob, urls, &stream).await.error(), none);
        for wrong in [json!({}), json!({"watchAll": {}}), json!([]), json!({"watchCampaign": {}, "refreshStatusBulk": {}})] {
            assert_eq!(post(&app, app.alice, urls, &wrong).await.status, 400, "{wrong}");
        }
        let ids: Vec<String> = (0..1000).map(|n| format!("01M83P4RNSAM3N65TXC5{n:06}")).collect();
        let long = json!({"refreshStatusBulk": {"providerMessageIds": {"ids": ids}}});
        assert_eq!(post(&app, app.alice, urls, &long).await.status, 400);
        assert_eq!(send(&app, Request::post(urls), "").await.error(), (401, json!({"message": "Missing token"})));
    }

    async fn a_cut_refresh_behind_a_url_goes_on_with_the_same_url(app) {
        let id = campaign(&app).await;
        sent(&app, id, 8).await;
        app.advance(2);
        let url = url(&app, &json!({"refreshStatusBulk": {"campaignId": id.to_string()}})).await;
        let first = cut(&app, Request::get(&url).body(Body::empty()).unwrap(), 3).await;
        app.advance(600);
        let rest = events(&open(&app, &url, Some(&first[2].0)).await.text());
        assert_eq!((rest.len(), names(&rest[5..])), (5 + 2, vec!["summary", "end"]));
        assert_eq!(rest[5].2["completed"], "8");
    }
}
