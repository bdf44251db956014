//! A campaign's life: started, planned, paused, resumed, cancelled, over; and every recipient's message sent once.

use std::collections::{BTreeMap, BTreeSet};

use messaging::proto::*;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::recipients::{add, made, named, number};
use super::send::to;
use crate::support::app::{Campaigns, TestApp};
use crate::support::database::on_both_databases;
use crate::support::settings::ACCOUNT;

async fn start(campaigns: &mut Campaigns, campaign_id: i64) -> Result<Campaign, Status> {
    let answer =
        campaigns.start_campaign(StartCampaignRequest { campaign_id, dry_run: false, ..Default::default() }).await?;
    Ok(answer.into_inner().campaign.unwrap())
}

async fn plan(campaigns: &mut Campaigns, campaign_id: i64) -> CampaignPlan {
    let request = StartCampaignRequest { campaign_id, dry_run: true, ..Default::default() };
    campaigns.start_campaign(request).await.unwrap().into_inner().plan.unwrap()
}

async fn pause(campaigns: &mut Campaigns, campaign_id: i64) -> Result<Campaign, Status> {
    let answer = campaigns.pause_campaign(PauseCampaignRequest { campaign_id }).await?;
    Ok(answer.into_inner().campaign.unwrap())
}

async fn resume(campaigns: &mut Campaigns, campaign_id: i64) -> Result<Campaign, Status> {
    let answer = campaigns.resume_campaign(ResumeCampaignRequest { campaign_id }).await?;
    Ok(answer.into_inner().campaign.unwrap())
}

async fn cancel(campaigns: &mut Campaigns, campaign_id: i64) -> Result<Campaign, Status> {
    let answer = campaigns.cancel_campaign(CancelCampaignRequest { campaign_id }).await?;
    Ok(answer.into_inner().campaign.unwrap())
}

async fn read(campaigns: &mut Campaigns, id: i64) -> Campaign {
    campaigns.get_campaign(GetCampaignRequest { campaign_id: id }).await.unwrap().into_inner().campaign.unwrap()
}

/// Total, queued, sent, cancelled.
async fn stats(campaigns: &mut Campaigns, campaign_id: i64) -> (i64, i64, i64, i64) {
    let answer = campaigns.get_campaign_stats(GetCampaignStatsRequest { campaign_id }).await.unwrap();
    let stats = answer.into_inner().stats.unwrap();
    (stats.total, stats.queued, stats.sent, stats.cancelled)
}

/// A campaign with this many named recipients.
async fn filled(campaigns: &mut Campaigns, recipients: usize) -> i64 {
    let id = made(campaigns, "Hi {{name}}").await;
    add(campaigns, id, &named(0..recipients), 1000).await.unwrap();
    id
}

fn refusal(error: &Status) -> (Code, String, Option<String>) {
    let info = error.get_details_error_info().unwrap();
    (error.code(), info.reason, info.metadata.get("state").cloned())
}

on_both_databases! { TestApp::start =>
    async fn every_recipient_gets_its_own_text_exactly_once(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 120).await;
        assert_eq!(stats(&mut campaigns, id).await, (0, 0, 0, 0), "a draft counts nothing");
        let started = start(&mut campaigns, id).await.unwrap();
        assert_eq!((started.state(), started.sender.as_str()), (CampaignState::Running, "Alice"));
        assert_eq!(stats(&mut campaigns, id).await, (120, 120, 0, 0));
        app.run_due().await;
        assert_eq!(stats(&mut campaigns, id).await, (120, 0, 120, 0));
        let over = read(&mut campaigns, id).await;
        assert_eq!((over.state(), over.recipients), (CampaignState::Completed, 120));
        assert!(over.ended_at.is_some());
        assert_eq!(app.count("recipients").await, 0, "the messages hold what they came to");

        let ledger = app.ledger("").await;
        let sent: BTreeSet<_> = ledger.iter().map(|entry| entry["destination"].as_str().unwrap().trim_start_matches('+').to_owned()).collect();
        assert_eq!((ledger.len(), sent.len()), (120, 120));
        let list = ListMessagesRequest { page_size: 1000, campaign_id: Some(id), ..Default::default() };
        let messages = app.alice().list_messages(list).await.unwrap().into_inner().messages;
        let texts: BTreeMap<_, _> = messages.into_iter().map(|m| (m.destination, (m.text, m.sender))).collect();
        assert_eq!(texts.len(), 120);
        for i in 0..120 {
            assert_eq!(texts[&number(i)], (format!("Hi N{i}"), "Alice".to_owned()));
        }
    }

    async fn the_total_never_jumps_while_recipients_become_messages(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 1200).await;
        start(&mut campaigns, id).await.unwrap();
        let mut made = Vec::new();
        while app.service.reconcile_campaigns().await.unwrap() > 0 {
            assert_eq!(stats(&mut campaigns, id).await, (1200, 1200, 0, 0));
            made.push(app.count("messages").await);
        }
        assert_eq!(made, [500, 1000, 1200]);
        app.leaves_work("the campaign's messages are queued, and nobody sends them");
    }

    async fn a_scheduled_campaign_waits_for_its_time(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let at = app.clock.now().as_second() + 3600;
        let new = CreateCampaignRequest {
            name: "later".to_owned(),
            text: "Hi".to_owned(),
            scheduled_at: Some(pbjson_types::Timestamp { seconds: at, nanos: 0 }),
            validity: Some(pbjson_types::Duration { seconds: 600, nanos: 0 }),
            ..Default::default()
        };
        let id = campaigns.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
        add(&mut campaigns, id, &named(0..3), 3).await.unwrap();
        assert_eq!(start(&mut campaigns, id).await.unwrap().state(), CampaignState::Scheduled);
        assert_eq!(pause(&mut campaigns, id).await.unwrap().state(), CampaignState::Paused);
        assert_eq!(resume(&mut campaigns, id).await.unwrap().state(), CampaignState::Scheduled);
        app.advance(3599);
        app.run_due().await;
        assert_eq!(read(&mut campaigns, id).await.state(), CampaignState::Scheduled);
        assert_eq!((stats(&mut campaigns, id).await, app.count("messages").await), ((3, 3, 0, 0), 0));
        app.advance(1);
        app.run_due().await;
        assert_eq!(read(&mut campaigns, id).await.state(), CampaignState::Completed);
        assert_eq!((stats(&mut campaigns, id).await, app.ledger("").await.len()), ((3, 0, 3, 0), 3));
    }

    async fn a_paused_campaign_sends_nothing_until_it_is_resumed(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 600).await;
        start(&mut campaigns, id).await.unwrap();
        app.service.reconcile_campaigns().await.unwrap();
        assert_eq!(pause(&mut campaigns, id).await.unwrap().state(), CampaignState::Paused);
        app.alice().send_single(to("+306900000001")).await.unwrap();
        app.run_due().await;
        assert_eq!((app.ledger("").await.len(), app.count("messages").await), (1, 501), "the single send alone went out");
        assert_eq!(stats(&mut campaigns, id).await, (600, 600, 0, 0));
        assert_eq!(resume(&mut campaigns, id).await.unwrap().state(), CampaignState::Running);
        app.run_due().await;
        assert_eq!(stats(&mut campaigns, id).await, (600, 0, 600, 0));
        assert_eq!((app.ledger("").await.len(), read(&mut campaigns, id).await.state()), (601, CampaignState::Completed));
    }

    async fn single_sends_have_a_limited_accounts_room_before_a_bulk_call(app) {
        app.store.change_gate(ACCOUNT, |gate, _| { gate.rate = Some(10); gate.burst = Some(5); }).await.unwrap();
        app.service.sender().refresh_gates().await.unwrap();
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 20).await;
        start(&mut campaigns, id).await.unwrap();
        app.service.reconcile_campaigns().await.unwrap();
        for _ in 0..10 {
            app.alice().send_single(to("+306900000001")).await.unwrap();
        }
        assert_eq!(app.ledger("").await.len(), 4);
        assert!(app.service.sender().send_due().await.unwrap().limited);
        app.clock.advance(jiff::SignedDuration::from_millis(200));
        let pass = app.service.sender().send_due_in_bulk().await.unwrap();
        assert_eq!((pass.done, pass.limited), (0, true), "there is room for two, and single sends wait for it");
        assert_eq!(app.service.sender().send_due().await.unwrap().done, 2);
        for _ in 0..24 {
            app.clock.advance(jiff::SignedDuration::from_millis(250));
            app.run_due().await;
        }
        assert_eq!((app.ledger("").await.len(), stats(&mut campaigns, id).await), (30, (20, 0, 20, 0)));
    }

    async fn campaigns_of_both_guarantees_share_a_limited_account_evenly(app) {
        app.store.change_gate(ACCOUNT, |gate, _| { gate.rate = Some(10); gate.burst = Some(5); }).await.unwrap();
        app.service.sender().refresh_gates().await.unwrap();
        let mut campaigns = app.campaigns_of(app.alice);
        let in_bulk = filled(&mut campaigns, 40).await;
        let once = CreateCampaignRequest {
            name: "once".to_owned(),
            text: "Hi {{name}}".to_owned(),
            delivery_guarantee: DeliveryGuarantee::AtMostOnce as i32,
            ..Default::default()
        };
        let one_by_one = campaigns.create_campaign(once).await.unwrap().into_inner().campaign.unwrap().id;
        add(&mut campaigns, one_by_one, &named(0..40), 1000).await.unwrap();
        start(&mut campaigns, in_bulk).await.unwrap();
        start(&mut campaigns, one_by_one).await.unwrap();
        for _ in 0..40 {
            app.run_due().await;
            app.clock.advance(jiff::SignedDuration::from_millis(100));
        }
        let (bulk, one) = (stats(&mut campaigns, in_bulk).await.2, stats(&mut campaigns, one_by_one).await.2);
        assert!(bulk + one >= 40, "the rate is used: {bulk} and {one}");
        assert!(bulk.abs_diff(one) <= 5, "{bulk} in bulk, {one} one by one");
        for _ in 0..45 {
            app.run_due().await;
            app.clock.advance(jiff::SignedDuration::from_millis(100));
        }
        let sent = (stats(&mut campaigns, in_bulk).await.2, stats(&mut campaigns, one_by_one).await.2);
        assert_eq!(sent, (40, 40), "whoever is alone has all of it");
    }

    async fn a_cancelled_campaign_sends_nothing_more_and_counts_the_rest_as_cancelled(app) {
        // The account's rate ends the pass after two calls of a hundred, however soon their answers come.
        app.store.change_gate(ACCOUNT, |gate, _| { gate.rate = Some(1); gate.burst = Some(200); }).await.unwrap();
        app.service.sender().refresh_gates().await.unwrap();
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 700).await;
        start(&mut campaigns, id).await.unwrap();
        app.service.reconcile_campaigns().await.unwrap();
        let sent = i64::try_from(app.service.sender().send_due_in_bulk().await.unwrap().done).unwrap();
        assert_eq!(sent, 200);
        app.service.drain().await;
        let cancelled = cancel(&mut campaigns, id).await.unwrap();
        assert_eq!((cancelled.state(), cancelled.ended_at), (CampaignState::Cancelled, None));
        assert_eq!(stats(&mut campaigns, id).await, (700, 500 - sent, sent, 200), "200 are no messages yet");
        app.run_due().await;
        let accepted = i64::try_from(app.ledger("").await.len()).unwrap();
        assert_eq!((stats(&mut campaigns, id).await, accepted), ((700, 0, sent, 700 - sent), sent));
        let over = read(&mut campaigns, id).await;
        assert_eq!((over.state(), over.ended_at.is_some()), (CampaignState::Cancelled, true));
        assert_eq!(cancel(&mut campaigns, id).await.unwrap(), over, "done again, it changes nothing");
        assert_eq!((app.count("recipients").await, app.count("messages").await), (0, 500));
    }

    async fn a_lost_answer_keeps_a_campaign_running_until_its_resend_is_settled(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        let lost = add_recipients_request::Recipient { destination: "+306900000010".to_owned(), ..Default::default() };
        add(&mut campaigns, id, &[lost], 1).await.unwrap();
        start(&mut campaigns, id).await.unwrap();
        app.run_due().await;
        assert_eq!(read(&mut campaigns, id).await.state(), CampaignState::Running, "its answer was lost");
        app.advance(121);
        app.run_due().await;
        let over = read(&mut campaigns, id).await;
        assert_eq!((over.state(), app.ledger("").await.len()), (CampaignState::Completed, 2));
    }

    async fn who_opted_out_gets_nothing_and_has_a_record_that_says_so(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 5).await;
        app.opt_out(app.alice, &number(2)).await;
        app.opt_out(app.bob, &number(3)).await;
        assert_eq!((plan(&mut campaigns, id).await.messages, plan(&mut campaigns, id).await.opted_out), (4, 1));
        start(&mut campaigns, id).await.unwrap();
        app.run_due().await;
        assert_eq!((stats(&mut campaigns, id).await, app.ledger("").await.len()), ((5, 0, 4, 1), 4));
        let list = ListMessagesRequest { destination: number(2), ..Default::default() };
        let message = app.alice().list_messages(list).await.unwrap().into_inner().messages.remove(0);
        assert_eq!((message.status(), message.error_code.as_deref()), (MessageStatus::Cancelled, Some("OPTED_OUT")));
        let told = app.alice().explain_message(ExplainMessageRequest { id: message.id, ..Default::default() }).await.unwrap().into_inner();
        let entries: Vec<_> = told.entries.iter().map(|entry| (entry.kind(), entry.to())).collect();
        assert_eq!(entries, [(HistoryKind::Accepted, MessageStatus::Cancelled)]);
    }

    async fn a_dry_run_counts_what_a_start_would_come_to_and_changes_nothing(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = filled(&mut campaigns, 1500).await;
        add(&mut campaigns, id, &named(1499..1502), 3).await.unwrap();
        let told = plan(&mut campaigns, id).await;
        let expected = CampaignPlan { messages: 1502, duplicates: 1, segments: 1502, gsm7_messages: 1502, ..Default::default() };
        assert_eq!(told, expected);
        assert_eq!(read(&mut campaigns, id).await.state(), CampaignState::Draft);

        let plain = made(&mut campaigns, "Καλημέρα 👋").await;
        add(&mut campaigns, plain, &named(0..10), 10).await.unwrap();
        app.opt_out(app.alice, &number(3)).await;
        app.execute(&format!("INSERT INTO gates (name, rate) VALUES ('{}', 4)", crate::support::settings::ACCOUNT)).await;
        let told = plan(&mut campaigns, plain).await;
        assert_eq!((told.messages, told.opted_out, told.segments, told.ucs2_messages), (9, 1, 9, 9));
        assert_eq!((told.segments_per_second, told.estimated_duration), (4, Some(pbjson_types::Duration { seconds: 3, nanos: 0 })));
        assert_eq!(told.forcing_characters, ["Κ", "α", "λ", "η", "μ", "έ", "ρ", "👋"], "each once, in order");
        assert_eq!(app.count("messages").await, 0);
    }

    async fn what_cannot_be_done_in_a_state_is_refused_with_the_state(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        let state = |state: &str| (Code::FailedPrecondition, "CAMPAIGN_STATE".to_owned(), Some(state.to_owned()));
        let empty = (Code::FailedPrecondition, "CAMPAIGN_EMPTY".to_owned(), None);
        assert_eq!(refusal(&start(&mut campaigns, id).await.unwrap_err()), empty);
        assert_eq!(refusal(&pause(&mut campaigns, id).await.unwrap_err()), state("DRAFT"));
        assert_eq!(refusal(&resume(&mut campaigns, id).await.unwrap_err()), state("DRAFT"));
        add(&mut campaigns, id, &named(0..1), 1).await.unwrap();
        let seen = |n| StartCampaignRequest { campaign_id: id, dry_run: false, expected_recipients: Some(n) };
        let changed = campaigns.start_campaign(seen(2)).await.unwrap_err();
        assert_eq!(refusal(&changed), (Code::FailedPrecondition, "COUNT_CHANGED".to_owned(), None));
        let started = campaigns.start_campaign(seen(1)).await.unwrap().into_inner().campaign.unwrap();
        app.advance(5);
        assert_eq!(start(&mut campaigns, id).await.unwrap(), started, "done again, it changes nothing");
        pause(&mut campaigns, id).await.unwrap();
        let dry = campaigns.start_campaign(StartCampaignRequest { campaign_id: id, dry_run: true, ..Default::default() }).await.unwrap_err();
        assert_eq!(refusal(&dry), state("PAUSED"));
        assert_eq!(refusal(&start(&mut campaigns, id).await.unwrap_err()), state("PAUSED"));
        resume(&mut campaigns, id).await.unwrap();
        app.run_due().await;
        for refused in [start(&mut campaigns, id).await, pause(&mut campaigns, id).await, resume(&mut campaigns, id).await, cancel(&mut campaigns, id).await] {
            assert_eq!(refusal(&refused.unwrap_err()), state("COMPLETED"));
        }
    }

    async fn another_owners_campaign_reads_like_none_on_every_call(app) {
        let id = filled(&mut app.campaigns_of(app.alice), 1).await;
        let mut bobs = app.campaigns_of(app.bob);
        let said = async |bobs: &mut Campaigns, id: i64| -> Vec<(Code, String)> {
            let errors = [
                add(bobs, id, &named(5..6), 1).await.unwrap_err(),
                start(bobs, id).await.unwrap_err(),
                bobs.start_campaign(StartCampaignRequest { campaign_id: id, dry_run: true, ..Default::default() }).await.unwrap_err(),
                pause(bobs, id).await.unwrap_err(),
                resume(bobs, id).await.unwrap_err(),
                cancel(bobs, id).await.unwrap_err(),
                bobs.get_campaign(GetCampaignRequest { campaign_id: id }).await.unwrap_err(),
                bobs.get_campaign_stats(GetCampaignStatsRequest { campaign_id: id }).await.unwrap_err(),
                bobs.watch_campaign(WatchCampaignRequest { campaign_id: id }).await.unwrap_err(),
            ];
            errors.iter().map(|e| (e.code(), e.message().replace(&id.to_string(), "ID"))).collect()
        };
        let alices = said(&mut bobs, id).await;
        assert!(alices.iter().all(|(code, words)| (*code, words.as_str()) == (Code::NotFound, "Campaign not found: ID")), "{alices:?}");
        assert_eq!(said(&mut bobs, 999_999).await, alices);
        assert_eq!(read(&mut app.campaigns_of(app.alice), id).await.state(), CampaignState::Draft);
    }
}
