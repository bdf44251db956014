//! `ListInbound`, `GetInbound` and `WatchInbound`: what recipients wrote, what it did, and who may read it.

use messaging::proto::*;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::http::post::{INBOUND, post};
use crate::support::app::{Inbox, ORDINARY, TestApp};
use crate::support::database::on_both_databases;

const NUMBER: &str = "+306900000001";

/// Somebody writes to a sender; it is read when this ends.
async fn wrote(app: &TestApp, from: &str, to: &str, text: &str) {
    post(app, INBOUND, json!({"from": from, "to": to, "text": text}).to_string()).await;
    app.run_due().await;
    app.advance(1);
}

async fn list(inbox: &mut Inbox, request: ListInboundRequest) -> Vec<InboundMessage> {
    inbox.list_inbound(request).await.unwrap().into_inner().messages
}

fn texts(messages: &[InboundMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

fn violated(status: &tonic::Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

/// Reads a stream until it told so many messages. Returns them, and the token after the last.
async fn watched(inbox: &mut Inbox, request: WatchInboundRequest, n: usize) -> (Vec<WatchInboundResponse>, String) {
    let mut stream = inbox.watch_inbound(request).await.unwrap().into_inner();
    let (mut told, mut token) = (Vec::new(), String::new());
    while told.len() < n {
        let next = tokio::time::timeout(std::time::Duration::from_mins(1), stream.message()).await.expect("it comes");
        let next = next.unwrap().unwrap();
        token.clone_from(&next.resume_token);
        told.extend(Some(next).filter(|next| next.message.is_some()));
    }
    (told, token)
}

fn told_texts(told: &[WatchInboundResponse]) -> Vec<&str> {
    told.iter().map(|told| told.message.as_ref().unwrap().text.as_str()).collect()
}

on_both_databases! { TestApp::start =>
    async fn a_watch_tells_each_message_once_and_goes_on_where_it_was_cut(app) {
        let mut inbox = app.inbox(app.alice, ORDINARY);
        let mut stream = inbox.watch_inbound(WatchInboundRequest::default()).await.unwrap().into_inner();
        let beat = stream.message().await.unwrap().unwrap();
        assert_eq!((beat.message, beat.event_id.as_str()), (None, ""), "a heartbeat comes first");
        drop(stream);
        wrote(&app, NUMBER, "Alice", "one").await;
        app.alice().send_single(to("+306900000009")).await.unwrap();
        wrote(&app, "+306900000002", "Alice", "STOP").await;
        let request = WatchInboundRequest { resume_token: beat.resume_token.clone(), ..Default::default() };
        let (told, token) = watched(&mut inbox, request.clone(), 1).await;
        assert_eq!(told_texts(&told), ["one"]);
        let listed = list(&mut inbox, ListInboundRequest::default()).await;
        assert_eq!(told[0].message.as_ref().unwrap(), &listed[1], "as it is listed");
        assert_eq!(told[0].event_id, format!("evt_{}_1", listed[1].id.replace('-', "")));
        wrote(&app, NUMBER, "Alice", "three").await;
        let (told, token) = watched(&mut inbox, WatchInboundRequest { resume_token: token, ..Default::default() }, 2).await;
        assert_eq!(told_texts(&told), ["STOP", "three"]);
        assert_eq!(told[0].message.as_ref().unwrap().effect(), InboundEffect::OptedOut);
        let only = WatchInboundRequest { number: NUMBER.to_owned(), verdict: InboundVerdict::Other.into(), ..request };
        assert_eq!(told_texts(&watched(&mut inbox, only, 2).await.0), ["one", "three"]);
        // The tokens are those of the other streams of this owner.
        let messages = WatchMessagesRequest { resume_token: token, ..Default::default() };
        let mut messages = app.alice().watch_messages(messages).await.unwrap().into_inner();
        assert_eq!(messages.message().await.unwrap().unwrap().event, None);
        app.run_due().await;
    }

    async fn a_watch_of_messages_tells_of_nothing_else(app) {
        let mut stream = app.alice().watch_messages(WatchMessagesRequest::default()).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        wrote(&app, NUMBER, "Alice", "STOP").await;
        let id = app.alice().send_single(to("+306900000009")).await.unwrap().into_inner().message.unwrap().id;
        loop {
            if let Some(event) = stream.message().await.unwrap().unwrap().event {
                assert_eq!(event.id, id);
                break;
            }
        }
    }

    async fn a_watch_is_for_who_may_read_the_owners_messages(app) {
        let (mut bob, mut sender) = (app.inbox(app.bob, ORDINARY), app.inbox(app.alice, "messages:send campaigns"));
        let mut alice = app.inbox(app.alice, ORDINARY);
        let mut stream = alice.watch_inbound(WatchInboundRequest::default()).await.unwrap().into_inner();
        let token = stream.message().await.unwrap().unwrap().resume_token;
        let of_alice = WatchInboundRequest { owner_id: Some(app.alice.0), ..Default::default() };
        assert_eq!(bob.watch_inbound(of_alice.clone()).await.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(sender.watch_inbound(WatchInboundRequest::default()).await.unwrap_err().code(), Code::PermissionDenied);
        let hers = WatchInboundRequest { resume_token: token.clone(), ..Default::default() };
        assert_eq!(violated(&bob.watch_inbound(hers).await.unwrap_err()), ["resume_token"]);
        let bad = WatchInboundRequest { number: "12".to_owned(), verdict: 9, ..Default::default() };
        assert_eq!(violated(&bob.watch_inbound(bad).await.unwrap_err()), ["number", "verdict"]);
        wrote(&app, NUMBER, "Alice", "to alice").await;
        let mut acting = app.inbox(app.bob, "messages:read act-as");
        let on = WatchInboundRequest { resume_token: token, ..of_alice };
        assert_eq!(told_texts(&watched(&mut acting, on, 1).await.0), ["to alice"]);
    }

    async fn every_entry_says_what_was_asked_and_what_it_did(app) {
        use InboundEffect::{AlreadyOptedOut, NothingToUndo, OptedIn, OptedOut, Unspecified};
        use InboundVerdict::{Other, PerhapsStop, Start, Stop};
        let said = [
            ("Thanks!", Other, Unspecified),
            ("START", Start, NothingToUndo),
            ("Revoke", Stop, OptedOut),
            ("opt-out", Stop, AlreadyOptedOut),
            ("start", Start, OptedIn),
            ("stop by tomorrow?", PerhapsStop, Unspecified),
        ];
        for (text, ..) in said {
            wrote(&app, NUMBER, "Alice", text).await;
        }
        let mut inbox = app.inbox(app.alice, "messages:read");
        let entries = list(&mut inbox, ListInboundRequest::default()).await;
        let told: Vec<_> = entries.iter().rev().map(|e| (e.text.as_str(), e.verdict(), e.effect())).collect();
        assert_eq!(told, said);
        for entry in &entries {
            assert_eq!((entry.number.as_str(), entry.to.as_str(), entry.owner_id), (NUMBER, "Alice", app.alice.0));
            assert_eq!(entry.in_review, entry.verdict() == PerhapsStop);
            let read = inbox.get_inbound(GetInboundRequest { id: entry.id.clone() }).await.unwrap().into_inner();
            assert_eq!(read.message.as_ref(), Some(entry));
        }
        assert!(entries.windows(2).all(|pair| pair[0].id > pair[1].id), "newest first");
        // Somebody has looked at it.
        let reviewed = app.store.inbound_to_review(None, 10).await.unwrap().remove(0).id;
        assert!(app.store.resolve_inbound(reviewed).await.unwrap());
        let read = inbox.get_inbound(GetInboundRequest { id: reviewed.to_string() }).await.unwrap().into_inner();
        assert!(!read.message.unwrap().in_review);
    }

    async fn a_message_is_read_by_the_owner_that_it_concerns_and_by_nobody_else(app) {
        app.bob().send_single(to(NUMBER)).await.unwrap();
        app.advance(1);
        wrote(&app, NUMBER, "Alice", "to alice").await;
        wrote(&app, NUMBER, "Unmatched", "to who wrote last").await;
        wrote(&app, "+306900000002", "Unmatched", "to nobody").await;
        let (mut alice, mut bob) = (app.inbox(app.alice, ORDINARY), app.inbox(app.bob, ORDINARY));
        let hers = list(&mut alice, ListInboundRequest::default()).await;
        assert_eq!(texts(&hers), ["to alice"]);
        assert_eq!(texts(&list(&mut bob, ListInboundRequest::default()).await), ["to who wrote last"]);
        let (about, none) = (GetInboundRequest { id: hers[0].id.clone() }, GetInboundRequest { id: uuid::Uuid::nil().to_string() });
        let (refused, missing) = (bob.get_inbound(about).await.unwrap_err(), bob.get_inbound(none).await.unwrap_err());
        assert_eq!((refused.code(), missing.code()), (Code::NotFound, Code::NotFound));
        assert_eq!(refused.get_details_error_info().unwrap().reason, "INBOUND_NOT_FOUND");
        assert_eq!(refused.message().replace(&hers[0].id, ""), missing.message().replace(&uuid::Uuid::nil().to_string(), ""));
        let of_alice = ListInboundRequest { owner_id: Some(app.alice.0), ..Default::default() };
        assert_eq!(bob.list_inbound(of_alice.clone()).await.unwrap_err().code(), Code::PermissionDenied);
        let mut acting = app.inbox(app.bob, "messages:read act-as");
        assert_eq!(texts(&list(&mut acting, of_alice).await), ["to alice"]);
        let mut sender = app.inbox(app.alice, "messages:send campaigns");
        assert_eq!(sender.list_inbound(ListInboundRequest::default()).await.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(sender.get_inbound(GetInboundRequest { id: hers[0].id.clone() }).await.unwrap_err().code(), Code::PermissionDenied);
    }

    async fn filters_narrow_the_list_and_pages_visit_every_message_once(app) {
        for n in 0..7 {
            wrote(&app, &format!("+30690000000{}", n % 2), "Alice", if n == 3 { "Stop" } else { "Hi" }).await;
        }
        let mut inbox = app.inbox(app.alice, ORDINARY);
        let all = list(&mut inbox, ListInboundRequest::default()).await;
        for page_size in [1, 3, 7, 100] {
            let (mut seen, mut request) = (Vec::new(), ListInboundRequest { page_size, ..Default::default() });
            loop {
                let page = inbox.list_inbound(request.clone()).await.unwrap().into_inner();
                seen.extend(page.messages);
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            assert_eq!(seen, all);
        }
        let of_one = list(&mut inbox, ListInboundRequest { number: "0030 6900000001".to_owned(), ..Default::default() }).await;
        assert_eq!(of_one.len(), 3);
        assert!(of_one.iter().all(|message| message.number == "+306900000001"));
        let stops = list(&mut inbox, ListInboundRequest { verdict: InboundVerdict::Stop.into(), ..Default::default() }).await;
        assert_eq!(texts(&stops), ["Stop"]);
        let (received_after, received_before) = (all[5].received_at, all[2].received_at);
        let between = list(&mut inbox, ListInboundRequest { received_after, received_before, ..Default::default() }).await;
        assert_eq!(between, all[3..=5]);
        let token = inbox.list_inbound(ListInboundRequest { page_size: 1, ..Default::default() }).await.unwrap().into_inner().next_page_token;
        for other in [
            ListInboundRequest { number: "+306900000001".to_owned(), ..Default::default() },
            ListInboundRequest { verdict: 1, ..Default::default() },
            ListInboundRequest { received_after, ..Default::default() },
        ] {
            let refused = inbox.list_inbound(ListInboundRequest { page_token: token.clone(), ..other }).await.unwrap_err();
            assert_eq!(violated(&refused), ["page_token"]);
        }
    }

    async fn a_request_that_cannot_be_is_refused_field_by_field_without_the_number(app) {
        let request = ListInboundRequest {
            page_size: -1, page_token: "AAAA".to_owned(), number: "4455".to_owned(), verdict: 9,
            received_after: Some(pbjson_types::Timestamp { seconds: i64::MAX, nanos: 0 }), ..Default::default()
        };
        let mut inbox = app.inbox(app.alice, ORDINARY);
        let refused = inbox.list_inbound(request).await.unwrap_err();
        assert!(!format!("{refused:?}").contains("4455"), "{refused:?}");
        assert_eq!(violated(&refused), ["received_after", "number", "verdict", "page_size", "page_token"]);
        for id in ["", "x", "../../etc"] {
            let refused = inbox.get_inbound(GetInboundRequest { id: id.to_owned() }).await.unwrap_err();
            assert_eq!(violated(&refused), ["id"], "{id}");
        }
    }
}
