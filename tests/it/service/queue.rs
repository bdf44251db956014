//! The queue as the service works it: gates, rates, turns, caps and opt-outs.

use std::collections::HashMap;

use futures::FutureExt as _;
use messaging::domain::audit::Act;
use messaging::domain::gate::{Gate, Holding};
use messaging::domain::ids::OwnerId;
use messaging::domain::opt_out::OptOutSource;
use messaging::domain::phone::Msisdn;
use messaging::proto::{GetMessageRequest, MessageStatus, SendSingleRequest};
use messaging::store::User;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::app::{Client, ORDINARY, TestApp};
use crate::support::database::on_both_databases;
use crate::support::settings::ACCOUNT;

fn to(destination: &str) -> SendSingleRequest {
    SendSingleRequest { destination: destination.to_owned(), text: "Hello".to_owned(), ..Default::default() }
}

async fn send(client: &mut Client, request: SendSingleRequest) -> messaging::proto::Message {
    client.send_single(request).await.unwrap().into_inner().message.unwrap()
}

async fn status(client: &mut Client, id: &str) -> MessageStatus {
    let request = GetMessageRequest { id: id.to_owned(), ..Default::default() };
    client.get_message(request).await.unwrap().into_inner().message.unwrap().status()
}

async fn gate(app: &TestApp, name: &str) -> Gate {
    let found = app.store.gates().await.unwrap().into_iter().find(|gate| gate.name == name);
    found.unwrap_or_else(|| Gate::free(name))
}

/// Queues a message for later and lets its time come: it waits for the workers.
async fn queued(app: &TestApp, owner: OwnerId, n: usize) {
    let mut client = app.client_of(owner, ORDINARY);
    let at = app.clock.now() + jiff::SignedDuration::from_secs(1);
    for i in 0..n {
        let scheduled_at = Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
        let message = send(&mut client, SendSingleRequest { scheduled_at, ..to(&format!("+30690{i:03}0001")) }).await;
        assert_eq!(message.status(), MessageStatus::Scheduled);
    }
}

on_both_databases! { TestApp::start =>
    async fn a_provider_that_is_down_is_left_alone_and_tried_by_single_messages(app) {
        app.outage("503").await;
        let mut alice = app.alice();
        for _ in 0..12 {
            send(&mut alice, to("+306900000001")).await;
        }
        assert_eq!(gate(&app, ACCOUNT).await.holding, Holding::Unhealthy);
        let message = send(&mut alice, to("+306900000001")).await;
        assert_eq!((message.status(), message.attempts), (MessageStatus::Queued, 0), "accepted, and not tried");
        app.advance(2);
        app.run_due().await;
        assert_eq!(gate(&app, ACCOUNT).await.failed_probes, 2, "one message tried it, and found it down");

        app.outage("none").await;
        app.advance(4);
        app.run_due().await;
        assert_eq!(gate(&app, ACCOUNT).await.holding, Holding::Free);
        assert_eq!(status(&mut alice, &message.id).await, MessageStatus::Sent);
    }

    async fn one_owners_lost_answers_hold_nobody_elses_sends(app) {
        let (mut alice, mut bob) = (app.alice(), app.bob());
        for _ in 0..20 {
            assert_eq!(send(&mut bob, to("+306900000001")).await.status(), MessageStatus::Sent);
            let lost = SendSingleRequest { delivery_guarantee: 2, ..to("+306900000010") };
            assert_eq!(send(&mut alice, lost).await.status(), MessageStatus::Unknown);
        }
        for _ in 0..20 {
            let lost = SendSingleRequest { delivery_guarantee: 2, ..to("+306900000010") };
            assert_eq!(send(&mut alice, lost).await.status(), MessageStatus::Unknown);
        }
        assert_eq!(send(&mut bob, to("+306900000001")).await.status(), MessageStatus::Sent);
        assert!(app.store.gates().await.unwrap().iter().all(|gate| gate.holding == Holding::Free));
    }

    async fn an_owner_whose_probes_all_fail_does_not_take_every_probe(app) {
        // Nobody else has called for a while: her lost answers alone open the breaker, and she has more that waits.
        let lost = || SendSingleRequest { delivery_guarantee: 2, ..to("+306900000010") };
        let (mut alice, mut bob) = (app.alice(), app.bob());
        for _ in 0..12 {
            send(&mut alice, lost()).await;
        }
        assert_eq!(gate(&app, ACCOUNT).await.holding, Holding::Unhealthy);
        for _ in 0..6 {
            assert_eq!(send(&mut alice, lost()).await.status(), MessageStatus::Queued);
        }
        let waits = send(&mut bob, to("+306900000001")).await;
        assert_eq!(waits.status(), MessageStatus::Queued);
        for _ in 0..2 {
            app.advance(30);
            app.run_due().await;
        }
        assert!(matches!(status(&mut bob, &waits.id).await, MessageStatus::Sent | MessageStatus::Delivered));
    }

    async fn a_429_holds_its_account_for_everyone_and_no_other_account(app) {
        let (mut alice, mut bob) = (app.alice(), app.bob());
        assert_eq!(send(&mut alice, to("+306900000009")).await.status(), MessageStatus::Queued);
        let held = send(&mut bob, to("+306900000001")).await;
        assert_eq!(held.status(), MessageStatus::Queued);
        let other = SendSingleRequest { traffic_account_id: Some("5a4db0c5-0000-4000-8000-00000000000b".to_owned()), ..to("+306900000001") };
        assert_eq!(send(&mut alice, other).await.status(), MessageStatus::Sent);
        app.run_due().await;
        assert_eq!(status(&mut bob, &held.id).await, MessageStatus::Queued);
        app.advance(2);
        app.run_due().await;
        assert_eq!(status(&mut bob, &held.id).await, MessageStatus::Sent);
    }

    async fn a_refused_account_keeps_its_messages_and_their_tries_until_a_probe_goes_well(app) {
        app.outage("unauthorized").await;
        let mut alice = app.alice();
        let first = send(&mut alice, to("+306900000001")).await;
        assert_eq!((first.status(), first.attempts), (MessageStatus::Queued, 0));
        assert_eq!(gate(&app, ACCOUNT).await.holding, Holding::Blocked);
        assert!(app.service.held_gates().iter().any(|g| g.name == ACCOUNT));
        for _ in 0..3 {
            app.advance(60);
            app.run_due().await;
        }
        assert_eq!(gate(&app, ACCOUNT).await.failed_probes, 4, "one probe a minute");
        app.outage("none").await;
        app.advance(60);
        app.run_due().await;
        assert_eq!(gate(&app, ACCOUNT).await.holding, Holding::Free);
        assert_eq!(status(&mut alice, &first.id).await, MessageStatus::Sent);
    }

    async fn an_account_with_a_rate_queues_what_exceeds_it_and_sends_it_in_time(app) {
        app.store.change_gate(ACCOUNT, |gate, _| { gate.rate = Some(10); gate.burst = Some(5); }).await.unwrap();
        app.service.sender().refresh_gates().await.unwrap();
        let mut alice = app.alice();
        let mut counts = HashMap::new();
        for i in 0..20 {
            *counts.entry(send(&mut alice, to(&format!("+30690{i:03}0001"))).await.status()).or_insert(0) += 1;
        }
        // The burst, but for what late arrivals could add to it.
        assert_eq!(counts[&MessageStatus::Sent], 4);
        assert_eq!(counts[&MessageStatus::Queued], 16);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 4, "no more within the same moment");
        app.advance(1);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 8, "never more at once than the burst");
        for _ in 0..16 {
            app.clock.advance(jiff::SignedDuration::from_millis(250));
            app.run_due().await;
        }
        assert_eq!(app.ledger("").await.len(), 20);
    }

    async fn parts_are_what_a_rate_counts(app) {
        app.store.change_gate(ACCOUNT, |gate, _| { gate.rate = Some(10); gate.burst = Some(5); }).await.unwrap();
        app.service.sender().refresh_gates().await.unwrap();
        let mut alice = app.alice();
        let three = SendSingleRequest { text: "x".repeat(400), ..to("+306900000001") };
        assert_eq!(send(&mut alice, three.clone()).await.status(), MessageStatus::Sent);
        assert_eq!(send(&mut alice, three.clone()).await.status(), MessageStatus::Queued);
        app.advance(5);
        app.run_due().await;
        let nine = SendSingleRequest { text: "x".repeat(1300), ..to("+306900000001") };
        app.advance(5);
        assert_eq!(send(&mut alice, nine).await.status(), MessageStatus::Sent, "more segments than the burst pass when nothing is booked");
        assert_eq!(send(&mut alice, to("+306900000001")).await.status(), MessageStatus::Queued);
        app.leaves_work("the last message waits for its rate");
    }

    async fn owners_take_turns(app) {
        queued(&app, app.alice, 120).await;
        queued(&app, app.bob, 5).await;
        app.advance(2);
        app.service.run_timers().await.unwrap();
        // As many as there are slots, and more for each call that ends before the pass does.
        assert!(app.service.sender().send_due().await.unwrap().done >= 32);
        app.service.drain().await;
        let mut bob = app.bob();
        let mine = bob.list_messages(messaging::proto::ListMessagesRequest::default()).await.unwrap().into_inner().messages;
        assert!(mine.iter().all(|m| m.status() == MessageStatus::Sent), "the first pass serves both");
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 125);
    }

    async fn a_tenant_has_no_more_in_flight_than_its_cap(app) {
        let three = |user: &mut User| {
            user.max_in_flight = Some(3);
            Some(String::new())
        };
        assert_eq!(app.store.change_user(app.alice, Act::UserLimited, three).await.unwrap(), Some(true));
        queued(&app, app.alice, 10).await;
        app.sandbox_settings(serde_json::json!({"latency_ms": 2000})).await;
        app.advance(10);
        app.service.run_timers().await.unwrap();
        assert_eq!(app.service.sender().send_due().await.unwrap().done, 3);
        let ended = app.service.sender().room_made();
        tokio::pin!(ended);
        ended.as_mut().enable();
        let pass = app.service.sender().send_due().await.unwrap();
        assert_eq!((pass.done, pass.full), (0, true));
        app.sandbox_settings(serde_json::json!({"latency_ms": 0})).await;
        app.service.drain().await;
        assert!(ended.now_or_never().is_some(), "the worker need not wait for its next poll");
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 10);
    }

    async fn retries_are_a_tenth_of_first_tries_and_ten_a_second(app) {
        // Suffix 0012 fails once, 0001 never: too few failures for the breaker, and sixty messages to be tried again.
        let mut alice = app.alice();
        for i in 0..60 {
            for suffix in ["0012", "0001", "0001"] {
                send(&mut alice, to(&format!("+30690{i:03}{suffix}"))).await;
            }
        }
        let mut seen = Vec::new();
        for seconds in [1, 2, 2] {
            app.advance(seconds);
            app.run_due().await;
            seen.push(app.ledger("").await.len() - 120);
        }
        // Ten at hand, eighteen for the first tries, ten for each second; none more, however often the queue is polled.
        assert_eq!(seen, [38, 58, 60]);
    }

    async fn who_opted_out_is_not_written_to_any_more(app) {
        let number = Msisdn::parse("+306999990001").unwrap();
        queued(&app, app.alice, 1).await;
        let mut alice = app.alice();
        let waiting = alice.list_messages(messaging::proto::ListMessagesRequest::default()).await.unwrap().into_inner().messages[0].clone();
        let theirs = Msisdn::parse(&waiting.destination).unwrap();
        assert!(app.store.add_opt_out(app.alice, &number, OptOutSource::Owner).await.unwrap());
        assert!(app.store.add_opt_out(app.alice, &theirs, OptOutSource::Recipient).await.unwrap());

        let keyed = SendSingleRequest { idempotency_key: "k".to_owned(), ..to("0030 6999990001") };
        let refused = alice.send_single(keyed.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "OPTED_OUT");
        assert_eq!(send(&mut app.bob(), to("+306999990001")).await.status(), MessageStatus::Sent, "another owner's list is another");

        app.advance(2);
        app.run_due().await;
        let request = GetMessageRequest { id: waiting.id, ..Default::default() };
        let dropped = alice.get_message(request).await.unwrap().into_inner().message.unwrap();
        assert_eq!((dropped.status(), dropped.error_code.as_deref()), (MessageStatus::Cancelled, Some("OPTED_OUT")));
        assert_eq!(app.ledger("").await.len(), 1);

        assert!(app.store.remove_opt_out(app.alice, &number).await.unwrap());
        assert_eq!(send(&mut alice, keyed).await.status(), MessageStatus::Sent, "the refused call left its key free");
    }

    async fn what_waits_past_its_validity_expires_even_while_everything_is_held(app) {
        app.outage("unauthorized").await;
        let mut alice = app.alice();
        let message = send(&mut alice, SendSingleRequest { validity: Some(pbjson_types::Duration { seconds: 90, nanos: 0 }), ..to("+306900000001") }).await;
        app.advance(30);
        app.service.run_timers().await.unwrap();
        assert_eq!(status(&mut alice, &message.id).await, MessageStatus::Queued);
        app.advance(61);
        app.service.run_timers().await.unwrap();
        assert_eq!(status(&mut alice, &message.id).await, MessageStatus::Expired);
        assert!(app.store.partitions(&[]).await.unwrap().is_empty());
    }
}
