//! `RefreshStatusBulk`: one event per id, totals at once, resumable, and no more work than the reader asks for.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messaging::proto::refresh_status_bulk_request::Target;
use messaging::proto::refresh_status_bulk_response::{Event, Summary};
use messaging::proto::*;
use sha2::{Digest as _, Sha256};
use tonic::Code;

use super::send::to;
use crate::support::app::{Client, TestApp};
use crate::support::database::on_both_databases;

async fn campaign(app: &TestApp, messages: usize) -> (i64, Vec<String>) {
    let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
    let id = app.campaigns_of(app.alice).create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
    let sends = (0..messages).map(|_| {
        let mut alice = app.alice();
        let request = SendSingleRequest { campaign_id: Some(id), ..to("+306900000001") };
        async move { alice.send_single(request).await.unwrap().into_inner().message_id }
    });
    (id, futures::future::join_all(sends).await)
}

fn of(campaign: i64) -> RefreshStatusBulkRequest {
    RefreshStatusBulkRequest { target: Some(Target::CampaignId(campaign)), ..Default::default() }
}

fn list(ids: &[&str]) -> RefreshStatusBulkRequest {
    let ids = ids.iter().map(ToString::to_string).collect();
    RefreshStatusBulkRequest {
        target: Some(Target::ProviderMessageIds(ProviderMessageIds { ids })),
        ..Default::default()
    }
}

async fn read(
    client: &mut Client,
    request: RefreshStatusBulkRequest,
    at_most: usize,
) -> Vec<RefreshStatusBulkResponse> {
    let mut stream = client.refresh_status_bulk(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while events.len() < at_most {
        let Some(event) = stream.message().await.unwrap() else { break };
        events.push(event);
    }
    events
}

fn results(events: &[RefreshStatusBulkResponse]) -> HashMap<String, RefreshOutcome> {
    let results = events.iter().filter_map(|e| match &e.event {
        Some(Event::Result(r)) => Some((r.provider_message_id.clone(), r.outcome())),
        _ => None,
    });
    results.collect()
}

fn summary(events: &[RefreshStatusBulkResponse]) -> Summary {
    match &events.last().unwrap().event {
        Some(Event::Summary(summary)) => *summary,
        other => panic!("the last event is no summary: {other:?}"),
    }
}

on_both_databases! { TestApp::start =>
    async fn a_campaign_is_refreshed_whole_with_one_event_each_and_a_summary(app) {
        let (id, sent) = campaign(&app, 120).await;
        app.advance(60);
        let events = read(&mut app.alice(), of(id), usize::MAX).await;
        assert_eq!(events.len(), 121);
        assert!(events.iter().all(|e| e.total == 120));
        assert!(events.iter().take(120).enumerate().all(|(i, e)| usize::try_from(e.completed) == Ok(i + 1)));
        let results = results(&events);
        assert!(sent.iter().all(|id| results[id] == RefreshOutcome::Updated));
        assert_eq!(summary(&events), Summary { total: 120, updated: 120, unchanged: 0, failed: 0 });
        let again = read(&mut app.alice(), of(id), usize::MAX).await;
        assert_eq!(summary(&again), Summary { total: 120, updated: 0, unchanged: 120, failed: 0 });
        let pending = read(&mut app.alice(), RefreshStatusBulkRequest { only_pending: true, ..of(id) }, usize::MAX).await;
        assert_eq!(summary(&pending), Summary { total: 0, updated: 0, unchanged: 0, failed: 0 });
    }

    async fn bad_ids_in_a_list_are_failed_events_and_the_rest_goes_on(app) {
        let (_, sent) = campaign(&app, 3).await;
        let bobs = app.bob().send_single(to("+306900000001")).await.unwrap().into_inner().message_id;
        app.advance(60);
        app.leaves_work("what nothing was reported of is asked about by the workers, too");
        let ids = [&*sent[0], "nope", &*sent[1], "../../x", "", &*bobs, &*sent[0]];
        let events = read(&mut app.alice(), list(&ids), usize::MAX).await;
        assert_eq!(summary(&events), Summary { total: 6, updated: 2, unchanged: 0, failed: 4 });
        let results = results(&events);
        assert!([&*bobs, "nope", "../../x", ""].iter().all(|id| results[*id] == RefreshOutcome::Failed));
        let failed = |r: &&refresh_status_bulk_response::Result| r.outcome() == RefreshOutcome::Failed;
        let told = events.iter().filter_map(|e| match &e.event {
            Some(Event::Result(r)) => Some(r).filter(failed).map(|r| (r.error_code.as_str(), r.error.clone())),
            _ => None,
        });
        let told: HashSet<_> = told.collect();
        let expected = [&*bobs, "nope", "../../x", ""].map(|id| ("MESSAGE_NOT_FOUND", format!("Message not found: {id}")));
        assert_eq!(told, HashSet::from(expected));
    }

    async fn a_cut_stream_goes_on_after_what_was_read_with_nothing_twice_and_nothing_left_out(app) {
        let (id, sent) = campaign(&app, 90).await;
        app.advance(60);
        for request in [of(id), list(&sent.iter().map(String::as_str).collect::<Vec<_>>())] {
            let mut seen = Vec::new();
            let mut token = String::new();
            for read_at_most in [1, 17, 5, 40, usize::MAX] {
                let request = RefreshStatusBulkRequest { resume_token: token.clone(), ..request.clone() };
                let events = read(&mut app.alice(), request, read_at_most).await;
                assert!(events.iter().all(|e| e.total == 90));
                token.clone_from(&events.last().unwrap().resume_token);
                seen.extend(events);
            }
            assert_eq!(results(&seen).len(), 90);
            assert_eq!(seen.len(), 91, "no id was reported twice");
            assert_eq!(summary(&seen).total, 90);
            assert_eq!(seen.last().unwrap().completed, 90);
        }
    }

    async fn a_request_without_a_target_or_with_a_foreign_token_is_refused_before_the_stream(app) {
        let (id, _) = campaign(&app, 2).await;
        let token = read(&mut app.alice(), of(id), 1).await[0].resume_token.clone();
        let none = app.alice().refresh_status_bulk(RefreshStatusBulkRequest::default()).await.unwrap_err();
        assert_eq!(none.code(), Code::InvalidArgument);
        let empty = app.alice().refresh_status_bulk(list(&[])).await.unwrap_err();
        assert_eq!(empty.code(), Code::InvalidArgument);
        let other = RefreshStatusBulkRequest { resume_token: token, ..list(&["x"]) };
        assert_eq!(app.alice().refresh_status_bulk(other).await.unwrap_err().code(), Code::InvalidArgument);
        // Whoever could make one up could name ids without end as done, which costs time at every event.
        let refused = async |token: String| {
            let request = RefreshStatusBulkRequest { resume_token: token, ..of(id) };
            assert_eq!(app.alice().refresh_status_bulk(request).await.unwrap_err().code(), Code::InvalidArgument);
        };
        let given = read(&mut app.alice(), of(id), 1).await[0].resume_token.clone();
        let mut longer = URL_SAFE_NO_PAD.decode(&given).unwrap();
        longer.extend([7; 8]);
        let payload = [vec![0; 4 * 8 + 1], vec![7; 100 * 8]].concat();
        let name = format!("refresh/{}/campaign/{id}/false", app.alice);
        let digest = Sha256::digest([name.as_bytes(), &payload].concat());
        for made_up in [vec![0; 3], longer, [&digest[..16], &payload].concat()] {
            refused(URL_SAFE_NO_PAD.encode(made_up)).await;
        }
        let request = RefreshStatusBulkRequest { resume_token: given, ..of(id) };
        app.alice().refresh_status_bulk(request).await.unwrap();
    }

    async fn an_outage_fails_ids_and_never_the_stream(app) {
        let (id, _) = campaign(&app, 5).await;
        app.outage("503").await;
        let events = read(&mut app.alice(), of(id), usize::MAX).await;
        assert_eq!(summary(&events), Summary { total: 5, updated: 0, unchanged: 0, failed: 5 });
    }
}
