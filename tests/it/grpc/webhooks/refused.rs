//! What is refused: field by field, and what belongs to others as what does not exist.

use super::*;

/// A length of time that is none.
const NO_TIME: Option<Duration> = Some(Duration { seconds: 1, nanos: -1 });

on_both_databases! { TestApp::start =>
    async fn a_request_that_cannot_be_is_refused_field_by_field_without_the_url(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let id = create(&mut hooks, new()).await.id;
        let url = "https://user:canary-7391@receiver.example/".to_owned();
        let (types, metadata) = (vec!["message.nonsense".to_owned()], [(String::new(), String::new())].into());
        let description = "\n".to_owned();
        let wrong = CreateEndpointRequest {
            url: url.clone(), types: types.clone(), campaign_id: Some(99), metadata, max_batch: 501,
            max_wait: NO_TIME, max_rate: -1, max_age: NO_TIME, description: description.clone(), ..Default::default()
        };
        let refused = hooks.create_endpoint(wrong).await.unwrap_err();
        assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
        let all = ["max_wait", "max_age", "url", "description", "max_batch", "max_rate", "types", "campaign_id", "metadata"];
        assert_eq!(violated(&refused), all);
        let wrong = UpdateEndpointRequest {
            id: "x".to_owned(), url: Some(url), types: Some(Types { types }), campaign_id: Some(99),
            metadata: Some(Pairs { metadata: [(String::new(), String::new())].into() }), max_batch: Some(-1),
            max_wait: NO_TIME, max_rate: Some(10_001), max_age: NO_TIME, description: Some(description), ..Default::default()
        };
        let refused = hooks.update_endpoint(wrong).await.unwrap_err();
        let mut fields = violated(&refused);
        fields.sort();
        assert_eq!(fields, ["campaign_id", "description", "id", "max_age", "max_batch", "max_rate", "max_wait", "metadata", "types", "url"]);
        let span = |seconds, nanos| Some(Duration { seconds, nanos });
        for (max_wait, max_age) in [(span(5, 1), span(59, 999_999_999)), (span(-1, 0), span(259_200, 1))] {
            let refused = hooks.create_endpoint(CreateEndpointRequest { max_wait, max_age, ..new() }).await.unwrap_err();
            assert_eq!(violated(&refused), ["max_age", "max_wait"]);
        }
        // Half of what they say would be left out.
        let refused = hooks.create_endpoint(CreateEndpointRequest { max_wait: span(1, 1), max_age: span(90, 500_000_000), ..new() }).await.unwrap_err();
        assert_eq!(violated(&refused), ["max_age", "max_wait"]);
        let long = UpdateEndpointRequest { id: id.clone(), max_wait: span(1, 999_999), max_age: span(90, 1), ..Default::default() };
        assert_eq!(violated(&hooks.update_endpoint(long).await.unwrap_err()), ["max_age", "max_wait"]);
        for url in [" https://receiver.example/", "https://receiver.example/\n", "https://receiver.example/a\tb", "https://receiver.example/a b",
            "https://receiver.example/\u{7f}", "https://receiver.example/\0", "https://receiver.example/\u{2028}"] {
            let refused = hooks.create_endpoint(CreateEndpointRequest { url: url.to_owned(), ..new() }).await.unwrap_err();
            assert_eq!(violated(&refused), ["url"], "{url:?}");
            let change = UpdateEndpointRequest { id: id.clone(), url: Some(url.to_owned()), ..Default::default() };
            assert_eq!(violated(&hooks.update_endpoint(change).await.unwrap_err()), ["url"], "{url:?}");
        }
        for url in ["", "receiver.example", "ftp://receiver.example/", "https://10.0.0.1/", "https://[::1]/", "http://192.0.2.1/"] {
            let refused = hooks.create_endpoint(CreateEndpointRequest { url: url.to_owned(), ..new() }).await.unwrap_err();
            assert_eq!(violated(&refused), ["url"], "{url}");
        }
        let refused = hooks.replay_events(ReplayEventsRequest::default()).await.unwrap_err();
        assert_eq!(violated(&refused), ["id", "from"]);
        let late = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() - 8 * 86_400, nanos: 0 });
        let refused = hooks.replay_events(ReplayEventsRequest { id: id.clone(), from: late, to: late, ..Default::default() }).await.unwrap_err();
        assert_eq!(violated(&refused), ["to"]);
        let refused = hooks.replay_events(ReplayEventsRequest { id: id.clone(), from: late, ..Default::default() }).await.unwrap_err();
        assert_eq!(violated(&refused), ["from"]);
        let to_come = pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 100, nanos: 0 };
        let refused = hooks.replay_events(ReplayEventsRequest { id: id.clone(), from: Some(to_come), ..Default::default() }).await.unwrap_err();
        assert_eq!(violated(&refused), ["from"]);
        let list = ListDeliveriesRequest { page_size: -1, page_token: "x".to_owned(), ..Default::default() };
        assert_eq!(violated(&hooks.list_deliveries(list).await.unwrap_err()), ["id", "page_size", "page_token"]);
        let list = ListEndpointsRequest { page_size: -1, page_token: "x".to_owned(), ..Default::default() };
        assert_eq!(violated(&hooks.list_endpoints(list).await.unwrap_err()), ["page_size", "page_token"]);
        let never = pbjson_types::Timestamp { seconds: i64::MAX, nanos: 0 };
        let refused = enable(&mut hooks, "x", Some(Start::FromTime(never))).await.unwrap_err();
        assert_eq!(violated(&refused), ["from_time", "id"]);
        let refused = enable(&mut hooks, &id, Some(Start::FromTime(to_come))).await.unwrap_err();
        assert_eq!(violated(&refused), ["from_time"]);
        let refused = enable(&mut hooks, &id, Some(Start::ResumeToken("mangled".to_owned()))).await.unwrap_err();
        assert_eq!(violated(&refused), ["resume_token"]);
    }

    async fn an_endpoint_of_another_owner_reads_like_none(app) {
        let mut alice = app.hooks(app.alice, ORDINARY);
        let hers = create(&mut alice, new()).await.id;
        let mut bob = app.hooks(app.bob, ORDINARY);
        let nobodys = uuid::Uuid::nil().to_string();
        let mut told = Vec::new();
        for id in [hers.clone(), nobodys] {
            let from = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second(), nanos: 0 });
            let refused = [
                bob.get_endpoint(GetEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
                bob.update_endpoint(UpdateEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
                bob.delete_endpoint(DeleteEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
                enable(&mut bob, &id, None).await.unwrap_err(),
                bob.disable_endpoint(DisableEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
                bob.rotate_secret(RotateSecretRequest { id: id.clone(), at_once: false, ..Default::default() }).await.unwrap_err(),
                bob.send_test_event(SendTestEventRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
                bob.list_deliveries(ListDeliveriesRequest { id: id.clone(), ..Default::default() }).await.unwrap_err(),
                bob.replay_events(ReplayEventsRequest { id: id.clone(), from, ..Default::default() }).await.unwrap_err(),
            ];
            told.push(refused.map(|status| {
                assert_eq!(reason(&status), (Code::NotFound, "ENDPOINT_NOT_FOUND".to_owned()));
                status.message().replace(&id, "")
            }));
        }
        assert_eq!(told[0], told[1]);
        assert!(bob.list_endpoints(ListEndpointsRequest::default()).await.unwrap().into_inner().endpoints.is_empty());
        assert_eq!(get(&mut alice, &hers).await.0.state(), EndpointState::Enabled);
        // Who may act as her makes one for her, and sees hers.
        let for_her = CreateEndpointRequest { owner_id: Some(app.alice.0), ..new() };
        assert_eq!(bob.create_endpoint(for_her.clone()).await.unwrap_err().code(), Code::PermissionDenied);
        let mut acting = app.hooks(app.bob, "messages:read messages:send act-as");
        assert_eq!(create(&mut acting, for_her).await.owner_id, app.alice.0);
        let list = ListEndpointsRequest { owner_id: Some(app.alice.0), ..Default::default() };
        assert_eq!(acting.list_endpoints(list).await.unwrap().into_inner().endpoints.len(), 2);
        let nobody = CreateEndpointRequest { owner_id: Some(9), ..new() };
        assert_eq!(reason(&acting.create_endpoint(nobody).await.unwrap_err()), (Code::NotFound, "USER_NOT_FOUND".to_owned()));
    }

    async fn reading_needs_one_scope_and_changing_two(app) {
        let id = create(&mut app.hooks(app.alice, ORDINARY), new()).await.id;
        for (scopes, reads) in [("messages:read", true), ("messages:send campaigns", false)] {
            let mut hooks = app.hooks(app.alice, scopes);
            let read = [
                hooks.get_endpoint(GetEndpointRequest { id: id.clone(), ..Default::default() }).await.err(),
                hooks.list_endpoints(ListEndpointsRequest::default()).await.err(),
                hooks.list_deliveries(ListDeliveriesRequest { id: id.clone(), ..Default::default() }).await.err(),
            ];
            for refused in read {
                assert_eq!(refused.map(|status| status.code()), (!reads).then_some(Code::PermissionDenied), "{scopes}");
            }
            // Requests that cannot be are told no more than others.
            let changed = [
                hooks.create_endpoint(CreateEndpointRequest::default()).await.err(),
                hooks.update_endpoint(UpdateEndpointRequest::default()).await.err(),
                hooks.delete_endpoint(DeleteEndpointRequest::default()).await.err(),
                hooks.enable_endpoint(EnableEndpointRequest::default()).await.err(),
                hooks.disable_endpoint(DisableEndpointRequest::default()).await.err(),
                hooks.rotate_secret(RotateSecretRequest::default()).await.err(),
                hooks.send_test_event(SendTestEventRequest::default()).await.err(),
                hooks.replay_events(ReplayEventsRequest::default()).await.err(),
            ];
            for refused in changed {
                assert_eq!(refused.unwrap().code(), Code::PermissionDenied, "{scopes}");
            }
        }
    }

    async fn what_the_state_of_things_does_not_allow_says_which(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let id = create(&mut hooks, new()).await.id;
        let from = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second(), nanos: 0 });
        let replay = || ReplayEventsRequest { id: id.clone(), from, types: vec!["message.sent".to_owned()], ..Default::default() };
        for _ in 0..10 {
            assert!(!hooks.replay_events(replay()).await.unwrap().into_inner().replay_id.is_empty());
        }
        assert_eq!(get(&mut hooks, &id).await.1.replays, 10);
        let refused = hooks.replay_events(replay()).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::FailedPrecondition, "TOO_MANY_REPLAYS".to_owned()));
        hooks.disable_endpoint(DisableEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap();
        let refused = hooks.replay_events(replay()).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::FailedPrecondition, "ENDPOINT_DISABLED".to_owned()));
    }
}
