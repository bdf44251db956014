//! `WatchMessages`: a token at once, replay and then live, filters, foreign tokens, limits and ends.

use std::time::Duration;

use messaging::proto::watch_messages_response::Event;
use messaging::proto::*;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;

use super::recipients::made;
use super::send::to;
use crate::support::app::{Client, ORDINARY, TestApp};
use crate::support::database::{Kind, on_both_databases};

type Stream = Streaming<WatchMessagesResponse>;

async fn watch(client: &mut Client, request: WatchMessagesRequest) -> Stream {
    client.watch_messages(request).await.unwrap().into_inner()
}

fn from(token: &str) -> WatchMessagesRequest {
    WatchMessagesRequest { resume_token: token.to_owned(), ..Default::default() }
}

/// The token of the first answer, which is a heartbeat.
async fn begun(stream: &mut Stream) -> String {
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.event, None);
    first.resume_token
}

/// The next event and its token, past heartbeats.
async fn next(stream: &mut Stream) -> (Event, String) {
    loop {
        let answer = stream.message().await.unwrap().unwrap();
        if let Some(event) = answer.event {
            return (event, answer.resume_token);
        }
    }
}

async fn refused(client: &mut Client, request: WatchMessagesRequest) -> Status {
    client.watch_messages(request).await.unwrap_err()
}

fn violated(status: &Status) -> String {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    status.get_details_bad_request().unwrap().field_violations.remove(0).field
}

async fn send(app: &TestApp, campaign_id: Option<i64>) -> String {
    let request = SendSingleRequest { campaign_id, ..to("+306900000001") };
    app.alice().send_single(request).await.unwrap().into_inner().message.unwrap().id
}

use MessageStatus::{Sending, Sent, Unspecified};

on_both_databases! { TestApp::start =>
    async fn a_watcher_gets_a_token_at_once_then_what_happens_and_can_go_on_anywhere(app) {
        let mut alice = app.alice();
        let mut stream = watch(&mut alice, from("")).await;
        let start = begun(&mut stream).await;
        let first = send(&app, None).await;
        let (accepted, token) = next(&mut stream).await;
        assert_eq!((accepted.id.as_str(), accepted.from(), accepted.to()), (first.as_str(), Unspecified, Sending));
        assert!(accepted.at.is_some() && accepted.campaign_id.is_none());
        let (settled, _) = next(&mut stream).await;
        assert_eq!((settled.from(), settled.to()), (Sending, Sent));
        drop(stream);
        let second = send(&app, None).await;
        // From the start: all of it; from the first event: the rest.
        for (token, expected) in [(start, 4), (token, 3)] {
            let mut again = watch(&mut alice, from(&token)).await;
            assert_eq!(begun(&mut again).await.len(), token.len());
            let mut seen = Vec::new();
            for _ in 0..expected {
                let (event, _) = next(&mut again).await;
                seen.push((event.id.clone(), event.from(), event.to()));
            }
            let all = [
                (first.clone(), Unspecified, Sending),
                (first.clone(), Sending, Sent),
                (second.clone(), Unspecified, Sending),
                (second.clone(), Sending, Sent),
            ];
            assert_eq!(seen, all[4 - expected..]);
        }
    }

    async fn filters_let_through_what_they_name_and_the_tokens_go_past_the_rest(app) {
        let mut alice = app.alice();
        let id = made(&mut app.campaigns_of(app.alice), "Hi").await;
        let start = begun(&mut watch(&mut alice, from("")).await).await;
        send(&app, None).await;
        let counted = send(&app, Some(id)).await;
        let last = send(&app, None).await;
        let mut of_campaign = watch(&mut alice, WatchMessagesRequest { campaign_id: Some(id), ..from(&start) }).await;
        for to in [Sending, Sent] {
            let (event, _) = next(&mut of_campaign).await;
            assert_eq!((event.id.clone(), event.campaign_id, event.to()), (counted.clone(), Some(id), to));
        }
        let statuses = vec![Sent.into(), MessageStatus::Delivered.into()];
        let mut sent = watch(&mut alice, WatchMessagesRequest { statuses, ..from(&start) }).await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            let (event, _) = next(&mut sent).await;
            assert_eq!(event.to(), Sent);
            seen.push(event.id);
        }
        assert_eq!(seen.last(), Some(&last));
        // Live, too.
        let live = send(&app, Some(id)).await;
        assert_eq!(next(&mut of_campaign).await.0.id, live);
        assert_eq!(next(&mut sent).await.0.id, live);
    }

    async fn a_token_of_somebody_else_somewhere_else_or_long_ago_is_refused_by_name(app) {
        let (mut alice, mut bob) = (app.alice(), app.bob());
        let token = begun(&mut watch(&mut alice, from("")).await).await;
        assert_eq!(violated(&refused(&mut bob, from(&token)).await), "resume_token");
        assert_eq!(violated(&refused(&mut alice, from("nonsense")).await), "resume_token");
        assert_eq!(violated(&refused(&mut alice, from(&token[1..])).await), "resume_token");
        let kind = if app.store.kind() == "postgres" { Kind::Postgres } else { Kind::Sqlite };
        let elsewhere = TestApp::start(kind).await;
        assert_eq!(elsewhere.alice, app.alice, "the same id in another database");
        assert_eq!(violated(&refused(&mut elsewhere.alice(), from(&token)).await), "resume_token");
        app.advance(7 * 24 * 3600 + 1);
        let mut alice = app.alice();
        assert_eq!(violated(&refused(&mut alice, from(&token)).await), "resume_token");
        assert!(!begun(&mut watch(&mut alice, from("")).await).await.is_empty());
    }

    async fn a_token_beyond_the_end_is_refused(app) {
        let mut alice = app.alice();
        send(&app, None).await;
        let token = begun(&mut watch(&mut alice, from("")).await).await;
        if app.store.kind() == "sqlite" {
            app.execute("UPDATE journal SET place = 0").await;
            assert_eq!(violated(&refused(&mut alice, from(&token)).await), "resume_token");
        } else {
            // No transaction can be taken back there; the token is good.
            assert_eq!(begun(&mut watch(&mut alice, from(&token)).await).await.len(), token.len());
        }
    }

    async fn another_owners_campaign_reads_like_none_and_statuses_have_to_be_known(app) {
        let mut alice = app.alice();
        let theirs = made(&mut app.campaigns_of(app.bob), "Hi").await;
        let request = |campaign_id| WatchMessagesRequest { campaign_id: Some(campaign_id), ..Default::default() };
        let (one, other) = (refused(&mut alice, request(theirs)).await, refused(&mut alice, request(999_999)).await);
        assert_eq!(one.code(), Code::NotFound);
        assert_eq!(one.message().replace(&theirs.to_string(), "999999"), other.message());
        let of = |status: &Status| status.get_details_error_info().map(|info| (info.reason, info.metadata));
        assert_eq!(of(&one), of(&other));
        for unknown in [0, 77] {
            let request = WatchMessagesRequest { statuses: vec![Sent.into(), unknown], ..Default::default() };
            assert_eq!(violated(&refused(&mut alice, request).await), "statuses");
        }
    }

    async fn scopes_decide_whose_messages_are_watched(app) {
        let mut sender = app.client_of(app.alice, "messages:send");
        assert_eq!(refused(&mut sender, from("")).await.code(), Code::PermissionDenied);
        let of_alice = || WatchMessagesRequest { owner_id: Some(app.alice.0), ..Default::default() };
        assert_eq!(refused(&mut app.bob(), of_alice()).await.code(), Code::PermissionDenied);
        let mut acting = app.client_of(app.bob, &format!("{ORDINARY} act-as"));
        let mut stream = watch(&mut acting, of_alice()).await;
        let mut bobs = watch(&mut app.bob(), from("")).await;
        begun(&mut stream).await;
        begun(&mut bobs).await;
        let id = send(&app, None).await;
        assert_eq!(next(&mut stream).await.0.id, id);
        let theirs = app.bob().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap().id;
        assert_eq!(next(&mut bobs).await.0.id, theirs, "and nothing of hers");
    }

    async fn a_process_that_stops_ends_its_watches_and_the_token_is_good_elsewhere(app) {
        let mut alice = app.alice();
        let mut stream = watch(&mut alice, from("")).await;
        let token = begun(&mut stream).await;
        app.service.stop_sending();
        let end = stream.message().await.unwrap_err();
        assert_eq!((end.code(), end.get_details_retry_info().is_some()), (Code::Unavailable, true));
        let id = send(&app, None).await;
        let other = app.service_with(Vec::new());
        let caller = messaging::auth::Caller::new(app.alice, "messages:read");
        let request = messaging::service::WatchMessages { resume_token: token, ..Default::default() };
        let mut again = other.watch_messages(&caller, request).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let watched = futures::StreamExt::next(&mut again).await.unwrap().unwrap();
            seen.push(watched.event.map(|change| change.message.to_string()));
        }
        assert_eq!(seen, [None, Some(id.clone()), Some(id)]);
    }

    async fn a_deadline_ends_the_stream_as_such(app) {
        // Asked of the service itself without the client's timer, which would end the call by itself.
        let channel = tonic::transport::Channel::from_shared(format!("http://{}", app.grpc)).unwrap();
        let mut client = messaging_service_client::MessagingServiceClient::new(channel.connect().await.unwrap());
        let mut request = Request::new(from(""));
        let token = format!("Bearer {}", app.token(app.alice, ORDINARY));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
        let end = async {
            let mut stream = client.watch_messages(request).await?.into_inner();
            while stream.message().await?.is_some() {}
            Err::<(), Status>(Status::unknown("ended well"))
        };
        let end = tokio::time::timeout(Duration::from_mins(1), end).await.unwrap().unwrap_err();
        assert_eq!(end.code(), Code::DeadlineExceeded, "{end:?}");
    }
}

mod with_few_watches {
    use super::*;

    on_both_databases! { TestApp::with_few_watches =>
    async fn a_watcher_who_leaves_leaves_nothing_and_takes_no_place_of_other_calls(app) {
        let mut alice = app.alice();
        for _ in 0..30 {
            begun(&mut watch(&mut alice, from("")).await).await;
        }
        let mut open = Vec::new();
        for _ in 0..8 {
            let mut stream = watch(&mut alice, from("")).await;
            begun(&mut stream).await;
            open.push(stream);
        }
        let id = send(&app, None).await;
        for stream in &mut open {
            assert_eq!(next(stream).await.0.id, id);
        }
        drop(open);
        let streams = async || app.service.render_metrics().await.contains("\nmessaging_watch_streams 0\n");
        crate::support::store::eventually(streams).await;
    }
    }
}
