//! Endpoints, what needs somebody now, and the phone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use http::StatusCode;
use messaging::http::{Arrived, Console, Handsets};
use messaging::proto::{CreateEndpointRequest, SendSingleRequest};

use super::markup::faults;
use super::{Browser, EVERYTHING, MASKED, sent};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

async fn endpoint(app: &TestApp) -> String {
    // Nobody listens there.
    let new = CreateEndpointRequest { url: "http://127.0.0.1:9/hook".to_owned(), ..Default::default() };
    let made = app.hooks(app.alice, MASKED).create_endpoint(new).await.unwrap().into_inner();
    format!("/console/endpoints/{}", made.endpoint.unwrap().id)
}

/// A handset that says what was written.
#[derive(Debug)]
struct Handset {
    at: jiff::Timestamp,
    written: Mutex<Vec<String>>,
}

impl Handsets for Handset {
    fn arrived(&self, _: usize) -> Vec<Arrived> {
        let (to, from, text) = ("+306900000001".to_owned(), "Alice".to_owned(), "<b>Hello</b>".to_owned());
        // Another one of the same moment, as of one bulk call.
        let other = Arrived {
            to: "+306900000002".to_owned(),
            from: from.clone(),
            text: text.clone(),
            at: self.at,
            id: "B".to_owned(),
        };
        vec![other, Arrived { to, from, text, at: self.at, id: "A".to_owned() }]
    }

    fn write<'a>(&'a self, from: &'a str, to: &'a str, text: &'a str) -> BoxFuture<'a, bool> {
        self.written.lock().unwrap().push(format!("{from} {to} {text}"));
        Box::pin(std::future::ready(true))
    }

    fn outage(&self) -> String {
        "none".to_owned()
    }

    fn outages(&self) -> Vec<&'static str> {
        vec!["none", "503"]
    }

    fn set_outage(&self, name: &str) -> bool {
        name == "503"
    }
}

on_both_databases! { TestApp::start =>
    async fn an_endpoint_is_tested_disabled_enabled_rotated_and_told_again(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let place = endpoint(&app).await;
        assert!(browser.page("/console/endpoints").await.contains("http://127.0.0.1:9/hook"));
        let test = browser.post(&format!("{place}/test"), &[]).await;
        assert!(test.status == StatusCode::OK && test.text().contains("The test event: no connection."), "{}", test.text());
        assert_eq!(browser.led(&format!("{place}/disable"), &[]).await, format!("{place}?done=disabled"));
        assert!(browser.page(&place).await.contains("Disabled by hand"));
        assert_eq!(browser.led(&format!("{place}/enable"), &[("start", "now")]).await, format!("{place}?done=enabled"));
        let seen = browser.page(&place).await.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        app.advance(1);
        let rotated = browser.post(&format!("{place}/rotate"), &[("seen", &seen)]).await;
        assert!(rotated.text().contains("whsec_") && rotated.text().contains("signed by the old one, too"));
        assert!(!browser.page(&place).await.contains("whsec_"), "shown once");
        let again = browser.post(&format!("{place}/rotate"), &[("seen", &seen)]).await;
        assert!(again.status == StatusCode::CONFLICT && !again.text().contains("whsec_"), "a reload makes no third one");
        let from = app.clock.now().checked_sub(jiff::SignedDuration::from_hours(1)).unwrap().strftime("%Y-%m-%dT%H:%M").to_string();
        assert_eq!(browser.led(&format!("{place}/replay"), &[("from", &from), ("to", "")]).await, format!("{place}?done=replayed"));
        let wrong = browser.post(&format!("{place}/replay"), &[("from", "x")]).await;
        assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text().contains("href=\"#from\""));
        let (bob, _) = Browser::signed_in(&app, app.bob, MASKED).await;
        assert_eq!(bob.get(&place).await.status, StatusCode::NOT_FOUND);
        for act in ["test", "rotate", "enable", "disable", "replay"] {
            assert!(bob.post(&format!("{place}/{act}"), &[("from", &from)]).await.status == StatusCode::NOT_FOUND, "{act}");
        }
    }

    async fn now_says_what_needs_somebody_and_where_it_is_dealt_with(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        assert!(browser.page("/console").await.contains("Nothing needs you"));
        let request = SendSingleRequest { destination: "+306900000010".to_owned(), delivery_guarantee: 2, ..Default::default() };
        sent(&app, request).await;
        let page = browser.page("/console").await;
        assert!(page.contains("1 message of the last day: nobody knows whether the provider took them."), "{page}");
        let link = page.split("<ul class=\"needs\">").nth(1).unwrap().split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let listed = browser.page(&link.replace("&amp;", "&")).await;
        assert!(listed.contains("Not known whether sent"), "{listed}");
        app.outage("unauthorized").await;
        sent(&app, SendSingleRequest::default()).await;
        assert!(browser.page("/console").await.contains("The provider takes nothing"));
    }

    async fn a_single_message_that_is_due_and_not_sent_needs_an_operator(app) {
        app.outage("503").await;
        sent(&app, SendSingleRequest { delivery_guarantee: 1, ..Default::default() }).await;
        app.advance(600);
        let (browser, _) = Browser::signed_in(&app, app.alice, &format!("{EVERYTHING} ops")).await;
        assert!(browser.page("/console").await.contains("A single message has been due for "));
        let (support, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        assert!(!support.page("/console").await.contains("A single message has been due for "));
        app.leaves_work("a message waits for its next try");
    }

    async fn nows_numbers_move_by_one_stream_of_the_pages_own_markup(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, &format!("{EVERYTHING} ops")).await;
        let page = browser.page("/console").await;
        assert!(page.contains("None was accepted.") && page.contains("The queue, of all owners"), "{page}");
        assert_eq!(page.matches("data-stream=\"/console/events\"").count(), 1);
        let mut told = browser.follow("/console/events").await;
        assert!(told.part().await.contains("None was accepted."));
        sent(&app, SendSingleRequest::default()).await;
        let moved = told.part().await;
        assert!(moved.contains("event: part") && moved.contains("1 message:") && moved.contains("Sent, no report yet"), "{moved}");
        let (masked, _) = Browser::signed_in(&app, app.bob, MASKED).await;
        let page = masked.page("/console").await;
        assert!(!page.contains("The queue, of all owners") && page.contains("None was accepted."), "{page}");
        // A tab that is left open does not outlive the session.
        app.advance(12 * 3600);
        let ended = async { while told.part().await.contains("event: part") {} };
        tokio::time::timeout(Duration::from_mins(1), ended).await.unwrap();
        app.leaves_work("the message is to be asked about");
    }

    async fn what_needs_somebody_comes_by_nows_stream(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let mut told = browser.follow("/console/events").await;
        assert!(told.part().await.contains("Nothing needs you."));
        // The provider takes it, and its answer is lost.
        let request = SendSingleRequest { destination: "+306900000010".to_owned(), delivery_guarantee: 2, ..Default::default() };
        sent(&app, request).await;
        let moved = told.part().await;
        assert!(moved.contains("1 message of the last day: nobody knows whether the provider took them."), "{moved}");
        assert!(!moved.contains("Nothing needs you."), "{moved}");
        // The page has the same in the part that the stream is for.
        let page = browser.page("/console").await;
        let (before, live) = page.split_once("id=\"live\"").unwrap();
        assert!(live.contains("nobody knows") && !before.contains("nobody knows"), "{page}");
    }

    async fn an_endpoint_that_takes_nothing_is_told_however_many_are_newer(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        for _ in 0..60 {
            endpoint(&app).await;
        }
        assert!(browser.page("/console").await.contains("Nothing needs you"));
        // One that is on the last of their pages.
        app.execute("UPDATE webhook_endpoints SET state = 3 WHERE id = (SELECT id FROM webhook_endpoints ORDER BY id LIMIT 1)").await;
        let page = browser.page("/console").await;
        assert_eq!(page.matches("does not take its events").count(), 1, "{page}");
    }

    async fn the_phone_is_there_with_a_sandbox_alone_and_answers(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        assert_eq!(browser.get("/console/phone").await.status, StatusCode::NOT_FOUND);
        assert!(!browser.page("/console").await.contains("Phone"));
        let handset = Arc::new(Handset { at: app.clock.now(), written: Mutex::default() });
        let console = Console { handsets: Some(handset.clone()), ..Console::default() };
        let phone = Browser { console, cookie: browser.cookie, ..Browser::at(&app.service) };
        let page = phone.page("/console/phone").await;
        assert!(page.contains("&lt;b&gt;Hello") && faults(&page).is_empty(), "{page}");
        assert_eq!(phone.led("/console/phone/answer", &[("id", "A"), ("text", "STOP")]).await, "/console/phone?done=answered");
        assert_eq!(*handset.written.lock().unwrap(), ["+306900000001 Alice STOP"]);
        assert_eq!(phone.post("/console/phone/answer", &[("id", "C"), ("text", "x")]).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(phone.led("/console/phone/outage", &[("outage", "503")]).await, "/console/phone?done=outage");
        assert_eq!(phone.post("/console/phone/outage", &[("outage", "x")]).await.status, StatusCode::BAD_REQUEST);
        let (reader, _) = Browser::signed_in(&app, app.alice, "messages:read").await;
        let reader = Browser { console: phone.console.clone(), cookie: reader.cookie, ..Browser::at(&app.service) };
        assert_eq!(reader.post("/console/phone/outage", &[("outage", "503")]).await.status, StatusCode::FORBIDDEN);
        assert!(!reader.page("/console/phone").await.contains("<form class=\"answer\""), "what is refused is not offered");
        let (other, _) = Browser::signed_in(&app, app.alice, "campaigns").await;
        let other = Browser { console: phone.console.clone(), cookie: other.cookie, ..Browser::at(&app.service) };
        assert_eq!(other.get("/console/phone").await.status, StatusCode::FORBIDDEN);
        assert!(!other.page("/console").await.contains("Messages"), "nor is a place that is shut");
    }
}
