//! What operators do about route accounts, messages that were given up and messages that wait; nobody else does.

use std::collections::BTreeSet;

use messaging::domain::gate::Signal;
use messaging::domain::ids::OwnerId;
use messaging::proto::add_recipients_request;
use messaging::proto::{
    AddRecipientsRequest, AuditAct, CancelWaitingMessagesRequest, CreateCampaignRequest, CreateEndpointRequest,
    DeadMessageFilter, GetCampaignStatsRequest, HistoryKind, Holding, InspectMessageRequest, ListAuditEventsRequest,
    ListDeadMessagesRequest, ListRouteAccountsRequest, ListWaitingMessagesRequest, MessageStatus,
    RequeueDeadMessagesRequest, RequeueMessageRequest, SendSingleRequest, SetRouteAccountLimitRequest,
    StartCampaignRequest, UnblockRouteAccountRequest,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::grpc::web;
use crate::support::app::{Admin, ORDINARY, TestApp};
use crate::support::contract::rpcs;
use crate::support::database::on_both_databases;
use crate::support::settings::ACCOUNT;

/// Messages of this owner that wait for their time, to numbers that end so.
async fn scheduled(app: &TestApp, owner: OwnerId, endings: &[u32]) -> Vec<String> {
    let (mut client, mut ids) = (app.client_of(owner, ORDINARY), Vec::new());
    let at = app.clock.now() + jiff::SignedDuration::from_hours(1);
    for ending in endings {
        let request = SendSingleRequest {
            destination: format!("+3069000{ending:05}"),
            text: "Secret words".to_owned(),
            scheduled_at: Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: 0 }),
            ..Default::default()
        };
        ids.push(client.send_single(request).await.unwrap().into_inner().message.unwrap().id);
        // Ids are in the order of time.
        app.advance(1);
    }
    ids
}

/// The same, given up for this reason.
async fn dead(app: &TestApp, owner: OwnerId, endings: &[u32], code: &str) -> Vec<String> {
    let ids = scheduled(app, owner, endings).await;
    let set = format!("dispatch = 9, status = 6, due_at = NULL, attempts = 12, error_code = '{code}'");
    app.execute(&format!("UPDATE messages SET {set} WHERE dispatch = 0")).await;
    ids
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default())
}

fn of_alice(app: &TestApp) -> DeadMessageFilter {
    let error_code = "RETRIES_EXHAUSTED".to_owned();
    DeadMessageFilter { owner_id: Some(app.alice.0), error_code, ..Default::default() }
}

async fn listed(admin: &mut Admin) -> Vec<String> {
    let page = admin.list_dead_messages(ListDeadMessagesRequest::default()).await.unwrap().into_inner();
    page.messages.into_iter().map(|message| message.id).collect()
}

on_both_databases! { TestApp::start =>
    async fn as_many_are_put_back_as_were_shown_and_no_other(app) {
        let alices = dead(&app, app.alice, &[1, 11, 21], "RETRIES_EXHAUSTED").await;
        let crashed = dead(&app, app.alice, &[31], "PROCESS_CRASHED").await;
        let bobs = dead(&app, app.bob, &[41], "RETRIES_EXHAUSTED").await;
        let past = if app.store.kind() == "postgres" { "'2020-01-01 00:00:00+00'" } else { "0" };
        let id = if app.store.kind() == "postgres" { format!("'{}'", alices[2]) } else { format!("x'{}'", alices[2].replace('-', "")) };
        app.execute(&format!("UPDATE messages SET expires_at = {past} WHERE id = {id}")).await;
        let mut admin = app.admin(app.bob, "ops");
        let ask = |dry_run, expected_count| RequeueDeadMessagesRequest { filter: Some(of_alice(&app)), dry_run, expected_count };

        let counted = admin.requeue_dead_messages(ask(true, None)).await.unwrap().into_inner();
        assert_eq!((counted.count, counted.requeued), (3, 0));
        let refused = admin.requeue_dead_messages(ask(false, None)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "the number has to be stated");
        for other in [2, 4] {
            let refused = admin.requeue_dead_messages(ask(false, Some(other))).await.unwrap_err();
            assert_eq!(reason(&refused), (Code::FailedPrecondition, "COUNT_CHANGED".to_owned()));
            assert_eq!(refused.get_error_details().error_info().unwrap().metadata["count"], "3");
        }
        assert_eq!(listed(&mut admin).await.len(), 5, "nothing was done");

        let done = admin.requeue_dead_messages(ask(false, Some(3))).await.unwrap().into_inner();
        assert_eq!((done.count, done.requeued, done.left), (3, 2, 1), "one has outlived its validity");
        assert_eq!(listed(&mut admin).await, [alices[2].clone(), crashed[0].clone(), bobs[0].clone()]);
        let acts = ListAuditEventsRequest { act: AuditAct::MessagesRequeued.into(), ..Default::default() };
        let acts = admin.list_audit_events(acts).await.unwrap().into_inner().audit_events;
        let told: Vec<_> = acts.iter().map(|act| (act.actor.as_str(), act.owner_id, act.subject.as_str())).collect();
        let bob = format!("user:{}", app.bob);
        assert_eq!(told, [(bob.as_str(), Some(app.alice.0), "3 messages, error RETRIES_EXHAUSTED")]);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 2);
    }

    async fn one_is_put_back_once_and_nobody_reads_its_number(app) {
        let ids = dead(&app, app.alice, &[1, 2, 3], "RETRIES_EXHAUSTED").await;
        let mut admin = app.admin(app.bob, "ops");
        let page = ListDeadMessagesRequest { page_size: 2, ..Default::default() };
        let first = admin.list_dead_messages(page.clone()).await.unwrap().into_inner();
        let message = &first.messages[0];
        assert_eq!((message.destination.as_str(), message.attempts, message.owner_id), ("+306…01", 12, app.alice.0));
        let next = ListDeadMessagesRequest { page_token: first.next_page_token, ..page };
        assert_eq!(admin.list_dead_messages(next).await.unwrap().into_inner().messages[0].id, ids[2]);
        let behind = ListDeadMessagesRequest { after_id: ids[1].clone(), ..Default::default() };
        assert_eq!(admin.list_dead_messages(behind).await.unwrap().into_inner().messages.len(), 1);

        let request = RequeueMessageRequest { id: ids[0].clone(), may_duplicate: false };
        let message = admin.requeue_message(request.clone()).await.unwrap().into_inner().message.unwrap();
        assert_eq!(message.status(), MessageStatus::Queued);
        let again = admin.requeue_message(request).await.unwrap_err();
        assert_eq!(reason(&again), (Code::FailedPrecondition, "MESSAGE_STATE".to_owned()));
        let act = ListAuditEventsRequest { act: AuditAct::MessageRequeued.into(), ..Default::default() };
        let acts = admin.list_audit_events(act).await.unwrap().into_inner().audit_events;
        assert_eq!(acts.len(), 1, "what is refused was not done");
        let shown = admin.inspect_message(InspectMessageRequest { id: ids[0].clone() }).await.unwrap().into_inner();
        assert_eq!(shown.entries.last().unwrap().kind(), HistoryKind::Requeued);
        assert!(!format!("{shown:?}").contains("Secret") && !format!("{shown:?}").contains("690000"), "{shown:?}");
        let nobodys = InspectMessageRequest { id: Uuid::nil().to_string() };
        assert_eq!(reason(&admin.inspect_message(nobodys).await.unwrap_err()).1, "MESSAGE_NOT_FOUND");
        app.run_due().await;
    }

    async fn what_waits_is_counted_before_it_is_taken_back(app) {
        let ids = scheduled(&app, app.alice, &[1, 2, 3]).await;
        let bobs = scheduled(&app, app.bob, &[4]).await;
        // One is in the queue, and may have reached the provider.
        app.outage("503").await;
        let at_once = SendSingleRequest { destination: "+306900000005".to_owned(), text: "Now".to_owned(), ..Default::default() };
        let tried = app.alice().send_single(at_once).await.unwrap().into_inner().message.unwrap();
        assert_eq!(tried.status(), MessageStatus::Queued);
        app.outage("none").await;
        let mut admin = app.admin(app.bob, "ops");
        let now = app.clock.now();
        let accepted_until = Some(pbjson_types::Timestamp { seconds: now.as_second() + 1, nanos: 0 });
        let (mut found, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListWaitingMessagesRequest { page_size: 3, page_token, accepted_until, owner_id: None };
            let page = admin.list_waiting_messages(request).await.unwrap().into_inner();
            found.extend(page.messages.into_iter().map(|message| message.id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(found, [ids, bobs, vec![tried.id]].concat());
        let of_alice = CancelWaitingMessagesRequest { accepted_until, owner_id: Some(app.alice.0), ..Default::default() };
        let counted = CancelWaitingMessagesRequest { dry_run: true, ..of_alice };
        assert_eq!(admin.cancel_waiting_messages(counted).await.unwrap().into_inner().count, 4);
        assert_eq!(admin.cancel_waiting_messages(of_alice).await.unwrap_err().code(), Code::InvalidArgument);
        let fewer = CancelWaitingMessagesRequest { at_most: Some(3), ..of_alice };
        assert_eq!(reason(&admin.cancel_waiting_messages(fewer).await.unwrap_err()).1, "COUNT_CHANGED");
        let all = CancelWaitingMessagesRequest { at_most: Some(4), ..of_alice };
        let done = admin.cancel_waiting_messages(all).await.unwrap().into_inner();
        assert_eq!((done.count, done.cancelled, done.unknown), (4, 3, 1));
        assert_eq!(app.count("messages WHERE dispatch = 0").await, 1, "the other owner's still waits");
    }

    async fn what_campaigns_are_still_to_make_and_what_is_to_be_sent_again_is_taken_back_too(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let at = app.clock.now().as_second() + 3600;
        let new = CreateCampaignRequest {
            name: "spring".to_owned(),
            text: "Hi".to_owned(),
            scheduled_at: Some(pbjson_types::Timestamp { seconds: at, nanos: 0 }),
            ..Default::default()
        };
        let campaign_id = campaigns.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
        let recipient = |n| add_recipients_request::Recipient { destination: format!("+30690000000{n}"), ..Default::default() };
        let recipients = AddRecipientsRequest { campaign_id, recipients: (1..6).map(recipient).collect() };
        campaigns.add_recipients(futures::stream::iter([recipients])).await.unwrap();
        let mut admin = app.admin(app.bob, "ops");
        let accepted_until = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 60, nanos: 0 });
        let counted = CancelWaitingMessagesRequest { accepted_until, dry_run: true, ..Default::default() };
        assert_eq!(admin.cancel_waiting_messages(counted).await.unwrap().into_inner().count, 0, "a draft sends nothing");
        campaigns.start_campaign(StartCampaignRequest { campaign_id, ..Default::default() }).await.unwrap();
        let lost = SendSingleRequest { destination: "+306900000010".to_owned(), text: "Now".to_owned(), ..Default::default() };
        app.alice().send_single(lost).await.unwrap();
        assert_eq!(admin.cancel_waiting_messages(counted).await.unwrap().into_inner().count, 6);
        let all = CancelWaitingMessagesRequest { at_most: Some(6), dry_run: false, ..counted };
        let done = admin.cancel_waiting_messages(all).await.unwrap().into_inner();
        assert_eq!((done.count, done.cancelled, done.unknown), (6, 5, 1));
        app.advance(7200);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 1, "nothing was sent after that");
        let stats = campaigns.get_campaign_stats(GetCampaignStatsRequest { campaign_id }).await.unwrap().into_inner().stats.unwrap();
        assert_eq!((stats.total, stats.cancelled), (5, 5));
    }

    async fn a_held_account_is_let_go_and_a_limit_holds_for_all_replicas(app) {
        let mut admin = app.admin(app.bob, "ops");
        let limit = SetRouteAccountLimitRequest { id: ACCOUNT.to_owned(), rate: Some(200), burst: Some(50) };
        let set = admin.set_route_account_limit(limit).await.unwrap().into_inner().route_account.unwrap();
        assert_eq!((set.rate, set.burst, set.holding()), (Some(200), Some(50), Holding::Free));
        let free = admin.unblock_route_account(UnblockRouteAccountRequest { id: ACCOUNT.to_owned() }).await.unwrap_err();
        assert_eq!(reason(&free).1, "ACCOUNT_NOT_HELD");
        app.store.change_gate(ACCOUNT, |gate, now| gate.record(Signal::Blocked("X"), Uuid::nil(), now)).await.unwrap();
        let listed = admin.list_route_accounts(ListRouteAccountsRequest::default()).await.unwrap().into_inner();
        let held = &listed.route_accounts[0];
        assert_eq!((held.id.as_str(), held.holding(), held.reason.as_str()), (ACCOUNT, Holding::Blocked, "X"));
        assert!(held.held_until.is_some() && held.held_since.is_some());
        let request = UnblockRouteAccountRequest { id: ACCOUNT.to_owned() };
        let types = vec!["ops.account_unblocked".to_owned()];
        let hook = CreateEndpointRequest { url: "http://127.0.0.1:9/hook".to_owned(), types, ..Default::default() };
        app.hooks(app.bob, &format!("{ORDINARY} ops")).create_endpoint(hook).await.unwrap();
        let events = app.count("owner_events").await;
        let free = admin.unblock_route_account(request).await.unwrap().into_inner().route_account.unwrap();
        assert_eq!((free.holding(), free.rate), (Holding::Free, Some(200)), "its rate stays");
        assert_eq!(app.count("owner_events").await, events + 1, "endpoints are told, as of one that lets go by itself");
        let unused = UnblockRouteAccountRequest { id: Uuid::max().to_string() };
        assert_eq!(reason(&admin.unblock_route_account(unused).await.unwrap_err()).1, "ACCOUNT_NOT_HELD");
        assert_eq!(app.count("gates").await, 1, "asking makes no account");
        let loud = SetRouteAccountLimitRequest { id: ACCOUNT.to_uppercase(), rate: Some(200), burst: Some(50) };
        assert_eq!(admin.set_route_account_limit(loud).await.unwrap().into_inner().route_account.unwrap().id, ACCOUNT);
        let wrong = SetRouteAccountLimitRequest { id: "x".to_owned(), rate: None, burst: Some(0) };
        let wrong = admin.set_route_account_limit(wrong).await.unwrap_err();
        let fields: BTreeSet<_> = wrong.get_error_details().bad_request().unwrap().field_violations.iter().map(|v| v.field.clone()).collect();
        assert_eq!(fields.into_iter().collect::<Vec<_>>(), ["burst", "id"]);
        let acts = admin.list_audit_events(ListAuditEventsRequest::default()).await.unwrap().into_inner().audit_events;
        let acts: Vec<_> = acts.iter().take(2).map(|act| (act.act(), act.subject.clone())).collect();
        let limited = format!("{ACCOUNT}: rate 200, burst 50");
        assert_eq!(acts, [(AuditAct::AccountLimited, limited), (AuditAct::AccountUnblocked, ACCOUNT.to_owned())]);
    }

    async fn whoever_has_other_scopes_alone_does_none_of_it(app) {
        let scopes = format!("{ORDINARY} act-as admin");
        let mut refused = 0;
        for (service, rpc) in rpcs().into_iter().filter(|(service, _)| service == "AdminService") {
            let answer = web::call_with(&app, app.bob, &scopes, &format!("messaging.v1.{service}/{rpc}"), &[]).await;
            assert_eq!(answer.code(), "7", "{rpc}");
            refused += 1;
        }
        assert!(refused >= 32, "{refused}");
    }
}
