//! `SendMany`: each message of a stream is sent once and told for itself, whatever becomes of the others or of the stream.

use std::collections::{BTreeMap, BTreeSet};

use futures::{Stream, StreamExt as _};
use messaging::admission::Quota;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::send_many_response::Result as Told;
use messaging::proto::{ListMessagesRequest, MessageStatus, SendManyRequest, SendManyResponse, SendSingleRequest};
use messaging::store::{Filter, User};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::{Client, Credentials, ORDINARY, TestApp};
use crate::support::database::on_both_databases;

/// The message that is called so, with a key and a number of its own.
fn item(sequence: i64) -> SendManyRequest {
    let request = SendSingleRequest {
        idempotency_key: format!("key-{sequence}"),
        ..to(&format!("+306911{:06}", sequence % 10_000 * 100 + 1))
    };
    SendManyRequest { sequence, message: Some(request) }
}

/// The same, a day from now: it is stored, and the provider not asked.
fn later(app: &TestApp, sequence: i64) -> SendManyRequest {
    let at = app.clock.now() + jiff::SignedDuration::from_hours(24);
    with(sequence, |request| {
        request.scheduled_at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
    })
}

fn with(sequence: i64, change: impl FnOnce(&mut SendSingleRequest)) -> SendManyRequest {
    let mut item = item(sequence);
    change(item.message.as_mut().unwrap());
    item
}

/// All that is told of these, and how the stream ends.
async fn tell(
    client: &mut Client,
    items: impl Stream<Item = SendManyRequest> + Send + 'static,
) -> (Vec<SendManyResponse>, Result<(), Status>) {
    let mut stream = client.send_many(items).await.unwrap().into_inner();
    let mut told = Vec::new();
    let end = rest(&mut stream, &mut told).await;
    (told, end)
}

async fn rest(stream: &mut Streaming<SendManyResponse>, told: &mut Vec<SendManyResponse>) -> Result<(), Status> {
    while let Some(one) = stream.message().await? {
        told.push(one);
    }
    Ok(())
}

/// The id and the status of a message that was sent.
fn sent(told: &SendManyResponse) -> Option<(String, MessageStatus)> {
    let Some(Told::Sent(sent)) = &told.result else { return None };
    let message = sent.message.as_ref().unwrap();
    Some((message.id.clone(), message.status()))
}

/// The reason of each one's error, by its name; none of those that were sent.
fn reasons(told: &[SendManyResponse]) -> BTreeMap<i64, String> {
    let reason = |told: &SendManyResponse| match told.result.as_ref().unwrap() {
        Told::Sent(_) => (told.sequence, String::new()),
        Told::Error(error) => (told.sequence, error.as_end().get_details_error_info().unwrap().reason),
    };
    told.iter().map(reason).collect()
}

on_both_databases! { TestApp::start =>
    async fn ten_thousand_messages_of_one_stream_are_stored_and_told_once_each(app) {
        let items: Vec<_> = (0..10_000).map(|n| later(&app, n)).collect();
        let (told, end) = tell(&mut app.alice(), futures::stream::iter(items)).await;
        end.unwrap();
        let names: BTreeSet<i64> = told.iter().map(|told| told.sequence).collect();
        let ids: BTreeSet<String> = told.iter().map(|told| sent(told).unwrap().0).collect();
        assert_eq!((told.len(), names.len(), ids.len()), (10_000, 10_000, 10_000));
        assert_eq!(app.count("messages").await, 10_000);
        let (batches, writes) = app.store.pulse().0;
        assert!(writes >= 10_000 && batches < 5_000, "{writes} writes took {batches} transactions");
    }

    async fn a_cut_stream_that_is_given_again_sends_nothing_twice(app) {
        let mut alice = app.alice();
        let items = || futures::stream::iter((0..300).map(item));
        let mut cut = alice.send_many(items()).await.unwrap().into_inner();
        let mut first = BTreeMap::new();
        while first.len() < 50 {
            let told = cut.message().await.unwrap().unwrap();
            first.insert(told.sequence, sent(&told).unwrap().0);
        }
        drop(cut);
        let (told, end) = tell(&mut alice, items()).await;
        end.unwrap();
        assert_eq!(told.len(), 300);
        for told in &told {
            let (id, status) = sent(told).unwrap();
            assert_eq!(status, MessageStatus::Sent);
            assert_eq!(first.get(&told.sequence).unwrap_or(&id), &id, "the same message");
            assert_eq!(app.ledger(&format!("reference={id}")).await.len(), 1);
        }
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 300);
        assert_eq!(app.service.admission().taken(Quota::Calls) + app.service.admission().taken(Quota::Sends), 0);
    }

    async fn an_error_of_one_message_is_told_of_it_as_a_call_alone_tells_it(app) {
        let mut alice = app.alice();
        app.opt_out(app.alice, "+306911000901").await;
        let faults = vec![
            with(1, |r| "1".clone_into(&mut r.destination)),
            with(2, |r| (r.text, r.sender) = (String::new(), Some("!".to_owned()))),
            with(3, |r| r.campaign_id = Some(9)),
            with(4, |r| r.user_id = Some(app.bob.0)),
            with(9, |r| r.reference = Some("x".to_owned())),
            with(6, |r| "+306900000016".clone_into(&mut r.destination)),
        ];
        let mut items = faults.clone();
        items.extend([item(7), with(8, |r| r.idempotency_key.clear()), SendManyRequest { sequence: 5, message: None }]);
        let (told, end) = tell(&mut alice, futures::stream::iter(items)).await;
        end.unwrap();
        let expected = [(1, "VALIDATION_ERROR"), (2, "VALIDATION_ERROR"), (3, "CAMPAIGN_NOT_FOUND"), (4, "SCOPE_REQUIRED"),
            (5, "VALIDATION_ERROR"), (6, "PROVIDER_REJECTED"), (7, ""), (8, "VALIDATION_ERROR"), (9, "OPTED_OUT")];
        assert_eq!(reasons(&told), expected.map(|(n, reason)| (n, reason.to_owned())).into());
        let error = |n: i64| match told.iter().find(|told| told.sequence == n).unwrap().result.as_ref().unwrap() {
            Told::Error(error) => error.as_end(),
            Told::Sent(_) => panic!("{n} was sent"),
        };
        for fault in faults {
            let alone = alice.send_single(fault.message.unwrap()).await.unwrap_err();
            let streamed = error(fault.sequence);
            assert_eq!((streamed.code(), streamed.message(), streamed.details()), (alone.code(), alone.message(), alone.details()));
        }
        let fields = |n| -> Vec<String> { error(n).get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect() };
        assert_eq!(fields(8), ["idempotency_key"]);
        assert_eq!(fields(5), ["idempotency_key", "destination", "text"]);
    }

    async fn one_key_of_a_stream_stands_for_one_message(app) {
        let same = |n| SendManyRequest { sequence: n, ..item(0) };
        let other = SendManyRequest { sequence: 9, ..with(0, |r| "Other".clone_into(&mut r.text)) };
        let items: Vec<_> = (0..8).map(same).chain([other]).collect();
        let (told, end) = tell(&mut app.alice(), futures::stream::iter(items)).await;
        end.unwrap();
        let reused: Vec<i64> = reasons(&told).into_iter().filter(|(_, reason)| reason == "IDEMPOTENCY_KEY_REUSED").map(|(n, _)| n).collect();
        let ids: BTreeSet<String> = told.iter().filter_map(|told| Some(sent(told)?.0)).collect();
        assert_eq!((told.len(), ids.len()), (9, 1));
        assert!(reused == [9] || reused == [0, 1, 2, 3, 4, 5, 6, 7], "{reused:?}");
        assert_eq!(app.ledger("").await.len(), 1);
    }

    async fn who_does_not_read_is_not_read_from(app) {
        let endpoint = Channel::from_shared(format!("http://{}", app.grpc)).unwrap().initial_stream_window_size(65_535);
        let token = Credentials("authorization", format!("Bearer {}", app.token(app.alice, ORDINARY)));
        let mut client = MessagingServiceClient::with_interceptor(endpoint.connect().await.unwrap(), token);
        let items: Vec<_> = (0..6_000).map(|n| later(&app, n)).collect();
        let mut stream = client.send_many(futures::stream::iter(items)).await.unwrap().into_inner();
        let mut before = -1;
        loop {
            let stored = app.count("messages").await;
            if stored == before && stored > 0 {
                break;
            }
            before = stored;
            for _ in 0..50 {
                app.bob().list_messages(ListMessagesRequest::default()).await.unwrap();
            }
        }
        assert!(before < 3_000, "{before} are stored, and none was read");
        let mut told = Vec::new();
        rest(&mut stream, &mut told).await.unwrap();
        assert_eq!((told.len(), app.count("messages").await), (6_000, 6_000));
    }

    async fn who_may_not_send_is_refused_at_once(app) {
        for (mut client, code) in [
            (app.client("authorization", String::new()), Code::Unauthenticated),
            (app.client_of(app.alice, "messages:read"), Code::PermissionDenied),
        ] {
            let refused = client.send_many(futures::stream::pending()).await.unwrap_err();
            assert_eq!(refused.code(), code);
        }
        assert_eq!(app.service.admission().taken(Quota::Sends), 0);
    }

    async fn a_stream_ends_with_the_credentials_that_opened_it(app) {
        let (items, given) = tokio::sync::mpsc::unbounded_channel();
        let mut stream = app.alice().send_many(UnboundedReceiverStream::new(given)).await.unwrap().into_inner();
        items.send(item(1)).unwrap();
        assert!(sent(&stream.message().await.unwrap().unwrap()).is_some());
        app.advance(1);
        assert!(app.store.end_tokens(app.alice).await.unwrap());
        assert_eq!(stream.message().await.unwrap_err().code(), Code::Unauthenticated);
    }

    async fn a_process_that_stops_tells_what_is_in_hand_and_reads_no_more(app) {
        let mut alice = app.alice();
        let (items, given) = tokio::sync::mpsc::unbounded_channel();
        let mut stream = alice.send_many(UnboundedReceiverStream::new(given)).await.unwrap().into_inner();
        (0..5_000).for_each(|n| items.send(later(&app, n)).unwrap());
        let mut told = vec![stream.message().await.unwrap().unwrap()];
        app.service.stop_sending();
        let end = rest(&mut stream, &mut told).await.unwrap_err();
        assert_eq!((end.code(), end.get_details_error_info().unwrap().reason.as_str()), (Code::Unavailable, "STOPPING"));
        assert!(end.get_details_retry_info().is_some() && told.len() < 5_000, "{}", told.len());
        let ids: BTreeSet<String> = told.iter().map(|told| sent(told).unwrap().0).collect();
        let stored = app.store.messages(app.alice, &Filter::default(), None, 10_000).await.unwrap();
        assert_eq!(ids, stored.into_iter().map(|message| message.id.to_string()).collect());
    }

    async fn a_message_that_is_too_large_or_none_ends_the_stream_after_those_before_it(app) {
        let mut items: Vec<_> = (0..40).map(|n| later(&app, n)).collect();
        items.push(with(40, |r| r.text = "x".repeat(300_000)));
        items.push(later(&app, 41));
        let (told, end) = tell(&mut app.alice(), futures::stream::iter(items)).await;
        let end = end.unwrap_err();
        assert_eq!((end.code(), end.get_details_error_info().unwrap().reason.as_str()), (Code::ResourceExhausted, "BODY_TOO_LARGE"));
        assert!(told.len() <= 40 && told.iter().all(|told| sent(told).is_some()));
    }

    async fn empty_messages_are_refused_one_by_one_and_hold_no_more_than_a_few_places(app) {
        let items = futures::stream::iter((0..20_000).map(|sequence| SendManyRequest { sequence, message: None }));
        let mut stream = app.alice().send_many(items).await.unwrap().into_inner();
        let (mut told, mut most) = (0, 0);
        while let Some(one) = stream.message().await.unwrap() {
            assert!(sent(&one).is_none());
            told += 1;
            most = most.max(app.service.admission().taken(Quota::Calls));
        }
        assert_eq!((told, app.count("messages").await), (20_000, 0));
        assert!(most <= 128, "{most}");
    }

    async fn each_message_counts_into_the_owners_limits(app) {
        let change = |user: &mut User| {
            user.limits.per_day = Some(5);
            Some(String::new())
        };
        assert_eq!(app.store.change_user(app.alice, messaging::domain::audit::Act::UserLimited, change).await.unwrap(), Some(true));
        let (told, end) = tell(&mut app.alice(), futures::stream::iter((0..20).map(item))).await;
        end.unwrap();
        let reasons: Vec<String> = reasons(&told).into_values().collect();
        let refused = reasons.iter().filter(|reason| *reason == "SPEND_LIMIT").count();
        assert_eq!((told.len(), refused, app.ledger("").await.len()), (20, 15, 5));
    }
}

mod with_few_places {
    use super::*;

    on_both_databases! { TestApp::with_few_places =>
        async fn what_has_no_place_waits_for_one_and_streams_have_places_of_their_own(app) {
            let mut alice = app.alice();
            let items: Vec<_> = (0..200).map(|n| later(&app, n)).collect();
            let mut stream = alice.send_many(futures::stream::iter(items)).await.unwrap().into_inner();
            let (mut told, mut most) = (0, 0);
            while let Some(one) = stream.message().await.unwrap() {
                assert!(sent(&one).is_some(), "{:?}", reasons(&[one]));
                told += 1;
                most = most.max(app.service.admission().taken(Quota::Calls));
            }
            assert_eq!(told, 200);
            assert!(most <= 14, "{most}");

            let mut open = Vec::new();
            let refused = loop {
                match alice.send_many(futures::stream::pending()).await {
                    Ok(stream) => open.push(stream),
                    Err(refused) => break refused,
                }
            };
            let reason = refused.get_details_error_info().unwrap().reason;
            assert_eq!((open.len(), refused.code(), reason.as_str()), (7, Code::ResourceExhausted, "TOO_MANY_SEND_STREAMS_OF_ONE_OWNER"));
            assert_eq!(refused.get_details_quota_failure().unwrap().violations[0].subject, "sends");
            assert!(app.bob().send_many(futures::stream::empty()).await.unwrap().into_inner().next().await.is_none());
        }
    }
}
