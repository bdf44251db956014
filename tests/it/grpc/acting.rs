//! Acting as another owner: what can be made for it can be looked after for it, and by nobody without the scope.

use messaging::proto::*;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::http::call::{send, with_scopes};
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

on_both_databases! { TestApp::start =>
    async fn an_endpoint_that_was_made_for_another_is_looked_after_for_it(app) {
        let (owner_id, url) = (Some(app.alice.0), "http://127.0.0.1:1/".to_owned());
        let mut acting = app.hooks(app.bob, "messages:read messages:send act-as");
        let new = CreateEndpointRequest { url, owner_id, ..Default::default() };
        let id = acting.create_endpoint(new).await.unwrap().into_inner().endpoint.unwrap().id;
        let from = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() - 1, nanos: 0 });
        let named = |owner_id| GetEndpointRequest { id: id.clone(), owner_id };
        let update = |owner_id| UpdateEndpointRequest { id: id.clone(), owner_id, max_batch: Some(7), ..Default::default() };
        let replay = |owner_id| ReplayEventsRequest { id: id.clone(), owner_id, from, ..Default::default() };
        let read = acting.get_endpoint(named(owner_id)).await.unwrap().into_inner().endpoint.unwrap();
        assert_eq!(read.owner_id, app.alice.0);
        let changed = acting.update_endpoint(update(owner_id)).await.unwrap().into_inner().endpoint.unwrap();
        assert_eq!(changed.max_batch, 7);
        acting.rotate_secret(RotateSecretRequest { id: id.clone(), owner_id, at_once: true }).await.unwrap();
        acting.send_test_event(SendTestEventRequest { id: id.clone(), owner_id }).await.unwrap();
        acting.list_deliveries(ListDeliveriesRequest { id: id.clone(), owner_id, ..Default::default() }).await.unwrap();
        acting.replay_events(replay(owner_id)).await.unwrap();
        let disabled = acting.disable_endpoint(DisableEndpointRequest { id: id.clone(), owner_id }).await.unwrap();
        assert_eq!(disabled.into_inner().endpoint.unwrap().state(), EndpointState::Disabled);
        let enabled = acting.enable_endpoint(EnableEndpointRequest { id: id.clone(), owner_id, start: None }).await.unwrap();
        assert_eq!(enabled.into_inner().endpoint.unwrap().state(), EndpointState::Enabled);
        // Without the owner's name it is the caller's own that is meant, and without the scope nobody else's can be.
        let mut plain = app.hooks(app.bob, ORDINARY);
        let of = async |hooks: &mut crate::support::app::Hooks, owner_id| {
            [
                hooks.get_endpoint(named(owner_id)).await.unwrap_err(),
                hooks.update_endpoint(update(owner_id)).await.unwrap_err(),
                hooks.rotate_secret(RotateSecretRequest { id: id.clone(), owner_id, at_once: true }).await.unwrap_err(),
                hooks.send_test_event(SendTestEventRequest { id: id.clone(), owner_id }).await.unwrap_err(),
                hooks.list_deliveries(ListDeliveriesRequest { id: id.clone(), owner_id, ..Default::default() }).await.unwrap_err(),
                hooks.replay_events(replay(owner_id)).await.unwrap_err(),
                hooks.disable_endpoint(DisableEndpointRequest { id: id.clone(), owner_id }).await.unwrap_err(),
                hooks.enable_endpoint(EnableEndpointRequest { id: id.clone(), owner_id, start: None }).await.unwrap_err(),
                hooks.delete_endpoint(DeleteEndpointRequest { id: id.clone(), owner_id }).await.unwrap_err(),
            ]
        };
        assert_eq!(of(&mut acting, None).await.map(|refused| refused.code()), [Code::NotFound; 9]);
        assert_eq!(of(&mut plain, owner_id).await.map(|refused| refused.code()), [Code::PermissionDenied; 9]);
        acting.delete_endpoint(DeleteEndpointRequest { id: id.clone(), owner_id }).await.unwrap();
        assert_eq!(acting.get_endpoint(named(owner_id)).await.unwrap_err().code(), Code::NotFound);
    }

    async fn a_message_that_was_sent_for_another_is_read_explained_and_cancelled_for_it(app) {
        let owner_id = Some(app.alice.0);
        let mut acting = app.client_of(app.bob, "messages:read messages:send act-as");
        let at = app.clock.now() + jiff::SignedDuration::from_mins(1);
        let scheduled_at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: 0 });
        let request = SendSingleRequest { user_id: owner_id, scheduled_at, idempotency_key: "order-7".to_owned(), ..to("+306900000001") };
        let id = acting.send_single(request).await.unwrap().into_inner().message.unwrap().id;
        let read = |owner_id| GetMessageRequest { id: id.clone(), owner_id };
        let explain = |owner_id| ExplainMessageRequest { id: id.clone(), owner_id };
        let cancel = |owner_id| CancelMessageRequest { sent_idempotency_key: "order-7".to_owned(), owner_id, ..Default::default() };
        assert_eq!(acting.get_message(read(owner_id)).await.unwrap().into_inner().message.unwrap().owner_id, app.alice.0);
        assert!(!acting.explain_message(explain(owner_id)).await.unwrap().into_inner().entries.is_empty());
        for (owner_id, scopes, code) in [(None, "messages:read messages:send act-as", Code::NotFound), (owner_id, ORDINARY, Code::PermissionDenied)] {
            let mut other = app.client_of(app.bob, scopes);
            assert_eq!(other.get_message(read(owner_id)).await.unwrap_err().code(), code);
            assert_eq!(other.explain_message(explain(owner_id)).await.unwrap_err().code(), code);
            let refused = other.cancel_message(cancel(owner_id)).await.unwrap_err();
            assert_eq!((refused.code(), refused.get_details_error_info().is_some()), (code, true));
        }
        let path = format!("/api/v1/messages/{id}?owner_id={}", app.alice);
        let over_http = with_scopes(&app, app.bob, "messages:read act-as", "GET", &path);
        assert_eq!(send(&app, over_http, "").await.ok()["message"]["id"], id);
        let cancelled = acting.cancel_message(cancel(owner_id)).await.unwrap().into_inner().message.unwrap();
        assert_eq!((cancelled.id, cancelled.status), (id.clone(), MessageStatus::Cancelled as i32));
    }
}
