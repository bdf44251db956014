//! With credentials, one owner has half of everything at most, and the others theirs.

use axum::body::Body;
use http_body_util::BodyExt as _;
use messaging::admission::{Quota, Who};
use messaging::domain::audit::Act;
use messaging::domain::ids::OwnerId;
use messaging::http::{Front, routes};
use messaging::proto::{ListMessagesRequest, WatchMessagesRequest};
use messaging::store::User;
use tonic::Code;
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;

use super::strangers::{SEND, begin, channel, code, unfinished};
use crate::grpc::send::to;
use crate::http::call::{of, send};
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

/// 200 KiB are announced, and a good part of them comes.
static PART: [u8; 150_000] = {
    let mut part = [b'x'; 150_000];
    (part[0], part[1], part[2], part[3], part[4]) = (0, 0, 3, 0x20, 0);
    part
};

on_both_databases! { TestApp::with_few_places =>
    async fn calls_that_never_end_take_half_of_the_places_and_leave_the_others_theirs(app) {
        let (channel, token) = (channel(&app).await, app.token(app.alice, ORDINARY));
        app.bob().list_messages(ListMessagesRequest::default()).await.unwrap();
        let hanging: Vec<_> = (0..20).map(|_| {
            let (channel, token) = (channel.clone(), token.clone());
            tokio::spawn(async move { code(&begin(&channel, SEND, Some(&token), unfinished(b"\0")).await) })
        }).collect();
        let mut refused = 0;
        while refused < 12 {
            tokio::task::yield_now().await;
            refused = hanging.iter().filter(|call| call.is_finished()).count();
        }
        assert_eq!(app.service.admission().taken(Quota::Calls), 8);
        let error = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap_err();
        assert_eq!(error.code(), Code::ResourceExhausted);
        assert_eq!(error.get_details_error_info().unwrap().reason, "TOO_MANY_CALLS_OF_ONE_OWNER");
        assert!(error.get_details_quota_failure().is_some() && error.get_details_retry_info().is_some());
        app.bob().list_messages(ListMessagesRequest::default()).await.unwrap();
        let rest = send(&app, of(&app, app.alice, "GET", "/api/v1/messages"), "").await;
        assert_eq!((rest.status.as_u16(), &rest.headers["retry-after"]), (429, &"1".parse().unwrap()));
        for call in hanging {
            call.abort();
        }
    }

    async fn an_owner_has_as_much_as_an_operator_says_and_never_what_is_left_to_the_others(app) {
        app.bob().list_messages(ListMessagesRequest::default()).await.unwrap();
        // Of eight: one, all, and as any owner, which is half.
        for (own, most) in [(Some(1), 1), (Some(8), 7), (None, 4)] {
            let change = move |user: &mut User| {
                user.at_once.streams = own;
                Some(String::new())
            };
            assert_eq!(app.store.change_user(app.alice, Act::UserLimited, change).await.unwrap(), Some(true));
            app.advance(6);
            let theirs = app.bob().watch_messages(WatchMessagesRequest::default()).await.unwrap();
            drop(theirs);
            let mut streams = Vec::new();
            let refused = loop {
                match app.alice().watch_messages(WatchMessagesRequest::default()).await {
                    Ok(stream) => streams.push(stream),
                    Err(refused) => break refused,
                }
            };
            assert_eq!(streams.len(), most);
            assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_WATCHES_OF_ONE_OWNER");
            drop(streams);
            while app.service.admission().taken(Quota::Streams) > 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn bytes_are_counted_while_they_are_held(app) {
        let (channel, token) = (channel(&app).await, app.token(app.alice, ORDINARY));
        app.bob().list_messages(ListMessagesRequest::default()).await.unwrap();
        let mut hanging = Vec::new();
        for _ in 0..3 {
            let (channel, token) = (channel.clone(), token.clone());
            hanging.push(tokio::spawn(async move { code(&begin(&channel, SEND, Some(&token), unfinished(&PART)).await) }));
        }
        while app.service.admission().taken(Quota::Bytes) < 449_000 {
            tokio::task::yield_now().await;
        }
        let answer = begin(&channel, SEND, Some(&token), unfinished(&PART)).await;
        assert_eq!(code(&answer), Code::ResourceExhausted, "half a megabyte is one owner's at most");
        let sent = app.bob().send_single(to("+306900000001")).await;
        sent.unwrap();
        for call in hanging {
            call.abort();
        }
    }

    async fn streams_that_stay_take_no_place_among_the_calls_and_are_bounded_themselves(app) {
        app.alice().watch_messages(WatchMessagesRequest::default()).await.unwrap();
        let mut bob = app.bob();
        let mut streams = Vec::new();
        let refused = loop {
            match bob.watch_messages(WatchMessagesRequest::default()).await {
                Ok(stream) => streams.push(stream),
                Err(e) => break e,
            }
        };
        assert_eq!((streams.len(), refused.code()), (4, Code::ResourceExhausted));
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_WATCHES_OF_ONE_OWNER");
        assert!(app.service.admission().taken(Quota::Calls) == 0);
        let _alice = app.alice().watch_messages(WatchMessagesRequest::default()).await.unwrap();
        drop(streams);
        crate::support::store::eventually(async || bob.clone().watch_messages(WatchMessagesRequest::default()).await.is_ok()).await;
    }

    async fn health_is_told_while_every_place_is_taken_and_is_bounded_by_address(app) {
        use tonic_health::pb::HealthCheckRequest;
        use tonic_health::pb::health_client::HealthClient;
        let admission = app.service.admission().clone();
        let places: Vec<_> = (0..40).map_while(|n| {
            let who = Who::Owner(OwnerId(1000 + n));
            admission.take(Quota::Calls, who, None).ok()
        }).collect();
        assert_eq!(places.len(), 16);
        let mut health = HealthClient::new(channel(&app).await);
        health.check(HealthCheckRequest::default()).await.unwrap();
        let mut watches = Vec::new();
        let refused = loop {
            match health.watch(HealthCheckRequest::default()).await {
                Ok(watch) => watches.push(watch),
                Err(e) => break e,
            }
        };
        assert_eq!((watches.len(), refused.code()), (7, Code::ResourceExhausted));
        // Whoever comes from elsewhere finds a place all the same: the oldest watch makes room.
        let elsewhere = Who::Address([192, 0, 2, 7].into());
        let _checks = [admission.take(Quota::Open, elsewhere, None).unwrap(), admission.take(Quota::Open, elsewhere, None).unwrap()];
        let mut oldest = watches.swap_remove(0).into_inner();
        oldest.message().await.unwrap().expect("it serves");
        let ended = oldest.message().await.unwrap_err();
        assert_eq!((ended.code(), ended.get_details_error_info().unwrap().reason.as_str()), (Code::Unavailable, "TOO_MANY_CALLS"));
        let mut newest = watches.swap_remove(5).into_inner();
        newest.message().await.unwrap().expect("it serves");
        assert!(futures::poll!(Box::pin(newest.message())).is_pending());
    }

    async fn a_stream_over_http_makes_room_for_whoever_has_fewer(app) {
        let (admission, share) = (app.service.admission().clone(), |owner: OwnerId, n: usize| {
            let take = |_| app.service.admission().take(Quota::Streams, Who::Owner(owner), None).unwrap();
            (0..n).map(take).collect::<Vec<_>>()
        });
        let request = of(&app, app.alice, "GET", "/api/v1/messages/watch").body(Body::empty()).unwrap();
        let answer = routes(&app.service, Front::default()).oneshot(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), admission.taken(Quota::Streams)), (200, 1));
        let _held = [share(app.alice, 3), share(OwnerId(900), 3), share(OwnerId(901), 1)];
        let body = tokio::spawn(answer.into_body().collect());
        let _newcomer = share(OwnerId(902), 1);
        body.await.unwrap().unwrap();
        assert_eq!(admission.taken(Quota::Streams), 8);
    }
}
