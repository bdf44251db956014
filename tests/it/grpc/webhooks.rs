//! `WebhookService`: endpoints made, read, changed and taken away, what is refused and how, and who may do it.

mod calls;
mod refused;

use messaging::proto::enable_endpoint_request::Start;
use messaging::proto::update_endpoint_request::{Pairs, Types};
use messaging::proto::*;
use pbjson_types::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::recipients;
use crate::support::app::{Hooks, ORDINARY, TestApp};
use crate::support::database::on_both_databases;

const URL: &str = "https://receiver.example/hook";

/// An endpoint to make.
fn new() -> CreateEndpointRequest {
    CreateEndpointRequest { url: URL.to_owned(), ..Default::default() }
}

async fn create(hooks: &mut Hooks, request: CreateEndpointRequest) -> Endpoint {
    hooks.create_endpoint(request).await.unwrap().into_inner().endpoint.unwrap()
}

async fn get(hooks: &mut Hooks, id: &str) -> (Endpoint, EndpointStanding) {
    let answer =
        hooks.get_endpoint(GetEndpointRequest { id: id.to_owned(), ..Default::default() }).await.unwrap().into_inner();
    (answer.endpoint.unwrap(), answer.standing.unwrap())
}

async fn enable(hooks: &mut Hooks, id: &str, start: Option<Start>) -> Result<Endpoint, Status> {
    let answer =
        hooks.enable_endpoint(EnableEndpointRequest { id: id.to_owned(), start, ..Default::default() }).await?;
    Ok(answer.into_inner().endpoint.unwrap())
}

pub fn violated(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap().reason)
}

on_both_databases! { TestApp::start =>
    async fn an_endpoint_reads_as_it_was_made(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let plain = hooks.create_endpoint(new()).await.unwrap().into_inner();
        assert!(plain.secret.starts_with("whsec_"), "a secret as the libraries of Standard Webhooks take it");
        let plain = plain.endpoint.unwrap();
        let usual = (plain.max_batch, plain.max_wait, plain.max_rate, plain.max_age);
        let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
        assert_eq!(usual, (1, seconds(0), 0, seconds(86_400)));
        assert_eq!((plain.url.as_str(), plain.owner_id, plain.state()), (URL, app.alice.0, EndpointState::Enabled));
        assert!(plain.created_at.is_some() && plain.created_at == plain.updated_at);

        let campaign = recipients::made(&mut app.campaigns_of(app.alice), "Hi").await;
        let whole = CreateEndpointRequest {
            types: vec!["message.delivered".to_owned(), "message.failed".to_owned()],
            campaign_id: Some(campaign),
            metadata: [("shop".to_owned(), "athens".to_owned())].into(),
            max_batch: 500,
            max_wait: Some(Duration { seconds: 0, nanos: 250_000_000 }),
            max_rate: 20,
            max_age: seconds(259_200),
            include_destination: true,
            include_text: true,
            description: "Athens".to_owned(),
            disabled: true,
            ..new()
        };
        let made = create(&mut hooks, whole.clone()).await;
        let read = CreateEndpointRequest {
            url: made.url.clone(),
            types: made.types.clone(),
            campaign_id: made.campaign_id,
            metadata: made.metadata.clone(),
            max_batch: made.max_batch,
            max_wait: made.max_wait,
            max_rate: made.max_rate,
            max_age: made.max_age,
            include_destination: made.include_destination,
            include_text: made.include_text,
            description: made.description.clone(),
            disabled: made.state() == EndpointState::Disabled,
            owner_id: None,
        };
        assert_eq!(read, whole);
        let (endpoint, standing) = get(&mut hooks, &made.id).await;
        assert_eq!(endpoint, made);
        assert_eq!((standing.lag, standing.last_outcome(), standing.waiting), (None, CallOutcome::Unspecified, 0));
        assert!(!standing.resume_token.is_empty());
    }

    async fn pages_visit_every_endpoint_once_newest_first(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.insert(0, create(&mut hooks, new()).await.id);
            app.advance(1);
        }
        for page_size in [1, 2, 5, 100] {
            let (mut seen, mut request) = (Vec::new(), ListEndpointsRequest { page_size, ..Default::default() });
            loop {
                let page = hooks.list_endpoints(request.clone()).await.unwrap().into_inner();
                seen.extend(page.endpoints.into_iter().map(|endpoint| endpoint.id));
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            assert_eq!(seen, ids);
        }
    }

    async fn an_update_changes_what_it_names_and_nothing_else(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let request = CreateEndpointRequest {
            types: vec!["message.sent".to_owned()],
            metadata: [("shop".to_owned(), "athens".to_owned())].into(),
            campaign_id: Some(recipients::made(&mut app.campaigns_of(app.alice), "Hi").await),
            max_rate: 5,
            include_text: true,
            description: "first".to_owned(),
            ..new()
        };
        let before = create(&mut hooks, request).await;
        app.advance(1);
        let id = before.id.clone();
        let update = async |hooks: &mut Hooks, request: UpdateEndpointRequest| {
            let request = UpdateEndpointRequest { id: id.clone(), ..request };
            hooks.update_endpoint(request).await.unwrap().into_inner().endpoint.unwrap()
        };
        let nothing = update(&mut hooks, UpdateEndpointRequest::default()).await;
        assert_eq!(Endpoint { updated_at: before.updated_at, ..nothing }, before);
        let max_wait = Some(Duration { seconds: 1, nanos: 500_000_000 });
        let some = update(&mut hooks, UpdateEndpointRequest {
            url: Some("https://other.example/".to_owned()),
            max_batch: Some(10),
            max_wait,
            description: Some(String::new()),
            include_destination: Some(true),
            ..Default::default()
        }).await;
        let expected = Endpoint {
            url: "https://other.example/".to_owned(), max_batch: 10, max_wait, description: String::new(),
            include_destination: true, updated_at: some.updated_at, ..before.clone()
        };
        assert_eq!(some, expected);
        let all = update(&mut hooks, UpdateEndpointRequest {
            types: Some(Types::default()),
            metadata: Some(Pairs::default()),
            campaign_id: Some(0),
            max_rate: Some(0),
            include_text: Some(false),
            ..Default::default()
        }).await;
        let expected = Endpoint {
            types: Vec::new(), metadata: [].into(), campaign_id: None, max_rate: 0, include_text: false,
            updated_at: all.updated_at, ..expected
        };
        assert_eq!(all, expected);
        assert_eq!(get(&mut hooks, &id).await.0, expected);
    }

    async fn an_endpoint_is_disabled_enabled_and_gone(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let id = create(&mut hooks, new()).await.id;
        let disabled = hooks.disable_endpoint(DisableEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap().into_inner();
        assert_eq!(disabled.endpoint.unwrap().state(), EndpointState::Disabled);
        let at = pbjson_types::Timestamp { seconds: app.clock.now().as_second() - 3600, nanos: 0 };
        for start in [None, Some(Start::FromNow(true)), Some(Start::FromNow(false)), Some(Start::FromTime(at))] {
            assert_eq!(enable(&mut hooks, &id, start).await.unwrap().state(), EndpointState::Enabled);
        }
        let replay = ReplayEventsRequest { id: id.clone(), from: Some(at), ..Default::default() };
        hooks.replay_events(replay).await.unwrap();
        // It failed for as long as a replay ran: mended, it is not given up for that.
        hooks.disable_endpoint(DisableEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap();
        app.execute("UPDATE webhook_cursors SET failing_since = created_at, next_try_at = created_at, probes = 9").await;
        enable(&mut hooks, &id, None).await.unwrap();
        assert_eq!(app.count("webhook_cursors WHERE failing_since IS NULL AND probes = 0").await, 2);
        hooks.delete_endpoint(DeleteEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap();
        let gone = hooks.get_endpoint(GetEndpointRequest { id: id.clone(), ..Default::default() }).await.unwrap_err();
        assert_eq!(reason(&gone), (Code::NotFound, "ENDPOINT_NOT_FOUND".to_owned()));
        let again = hooks.delete_endpoint(DeleteEndpointRequest { id, ..Default::default() }).await.unwrap_err();
        assert_eq!(reason(&again), (Code::NotFound, "ENDPOINT_NOT_FOUND".to_owned()));
        // The acts of it, oldest first.
        let mut admin = app.admin(app.alice, "ops");
        let acts = admin.list_audit_events(ListAuditEventsRequest::default()).await.unwrap().into_inner().audit_events;
        let acts: Vec<AuditAct> = acts.iter().rev().map(AuditEvent::act).filter(|act| *act != AuditAct::UserCreated).collect();
        let mut expected = vec![AuditAct::EndpointCreated, AuditAct::EndpointDisabled];
        expected.extend([AuditAct::EndpointEnabled; 4]);
        expected.extend([AuditAct::EventsReplayed, AuditAct::EndpointDisabled, AuditAct::EndpointEnabled]);
        expected.push(AuditAct::EndpointDeleted);
        assert_eq!(acts, expected);
    }

    async fn a_rotated_secret_is_another_one_and_the_old_one_counts_for_a_day_or_no_more(app) {
        let mut hooks = app.hooks(app.alice, ORDINARY);
        let made = hooks.create_endpoint(new()).await.unwrap().into_inner();
        let id = made.endpoint.unwrap().id;
        let rotate = |at_once| RotateSecretRequest { id: id.clone(), at_once, ..Default::default() };
        let first = hooks.rotate_secret(rotate(false)).await.unwrap().into_inner();
        let second = hooks.rotate_secret(rotate(true)).await.unwrap().into_inner();
        assert!(first.secret.starts_with("whsec_") && second.secret.starts_with("whsec_"));
        assert!(made.secret != first.secret && first.secret != second.secret && made.secret != second.secret);
        let now = app.clock.now().as_second();
        assert_eq!(first.old_until.unwrap().seconds, now + 86_400);
        assert_eq!(second.old_until.unwrap().seconds, now);
        assert_eq!(second.endpoint.unwrap().id, id);
    }
}
