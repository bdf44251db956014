//! Bulk calls: what becomes of each message when the call as a whole, or one element of it, goes wrong.

use std::sync::Arc;

use jiff::SignedDuration;
use messaging::auth::Caller;
use messaging::domain::ids::OwnerId;
use messaging::domain::message::{Message, Status};
use messaging::domain::outcome::{Backoff, Outcome};
use messaging::service::{CreateCampaign, GivenRecipient, GivenTags, Service, Settings};
use messaging::store::Filter;

use crate::support::database::on_both_databases;
use crate::support::outcomes::{ambiguous, not_sent, rejected};
use crate::support::scripted::{Scripted, all, id_of};
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    a_campaigns_messages_go_out_in_chunks_of_one_campaign_each,
    one_message_that_the_provider_refuses_does_not_take_the_others_with_it,
    an_element_without_an_id_fails_alone,
    a_lost_answer_is_sent_again_once_and_says_so,
    a_call_that_was_not_sent_is_tried_again_as_a_whole,
    at_most_once_goes_one_by_one,
    an_answer_that_the_database_refuses_in_part_is_kept_without_that_part,
    one_message_that_the_database_refuses_does_not_take_the_others_answers_with_it,
];

struct Case {
    rig: Rig,
    service: Service,
    owner: OwnerId,
}

impl Case {
    async fn new(rig: Rig, provider: Arc<Scripted>) -> Self {
        let owner = rig.owner().await;
        let settings = Settings { bulk_chunk: 64, ..Settings::for_tests() };
        let service = settings::service(&rig.store, &rig.clock, provider, settings);
        Self { rig, service, owner }
    }

    /// Starts a campaign with this many recipients, whose messages are all queued.
    async fn campaign(&self, recipients: usize, guarantee: i32) {
        let caller = Caller::new(self.owner, "campaigns");
        let new = CreateCampaign {
            name: "spring".to_owned(),
            text: "Hello".to_owned(),
            sender: None,
            delivery_guarantee: guarantee,
            scheduled_at: None,
            validity: None,
            tags: GivenTags::default(),
            idempotency_key: String::new(),
        };
        let id = self.service.create_campaign(&caller, new, Vec::new()).await.unwrap().id.0;
        let mut adding = self.service.add_recipients(&caller, id).await.unwrap();
        let one = |i| GivenRecipient { destination: format!("+30690{i:07}"), ..Default::default() };
        adding.push((0..recipients).map(one).collect()).await.unwrap();
        adding.finish().await.unwrap();
        self.service.start_campaign(&caller, id, None).await.unwrap();
        while self.service.reconcile_campaigns().await.unwrap() > 0 {}
    }

    async fn send(&self) {
        loop {
            let one_by_one = self.service.sender().send_due().await.unwrap().done;
            let in_bulk = self.service.sender().send_due_in_bulk().await.unwrap().done;
            self.service.drain().await;
            if one_by_one + in_bulk == 0 {
                return;
            }
        }
    }

    async fn messages(&self) -> Vec<Message> {
        self.rig.store.messages(self.owner, &Filter::default(), None, 1000).await.unwrap()
    }

    async fn with_status(&self, status: Status) -> usize {
        self.messages().await.iter().filter(|m| m.status() == status).count()
    }
}

async fn a_campaigns_messages_go_out_in_chunks_of_one_campaign_each(rig: Rig) {
    let provider = Scripted::new(all);
    let case = Case::new(rig, provider.clone()).await;
    case.campaign(100, 1).await;
    case.campaign(30, 1).await;
    case.send().await;
    let mut calls = provider.calls();
    calls.sort_unstable();
    assert_eq!(calls, [30, 36, 64]);
    for message in case.messages().await {
        let id = message.state.provider_message_id.unwrap().to_string();
        assert_eq!(id, format!("p-{}", message.id), "every message got its own id");
    }
}

async fn one_message_that_the_provider_refuses_does_not_take_the_others_with_it(rig: Rig) {
    let provider = Scripted::new(|messages| {
        let spoilt = messages.iter().any(|m| m.destination.as_str().ends_with("0000037"));
        if spoilt { Err(rejected()) } else { all(messages) }
    });
    let case = Case::new(rig, provider.clone()).await;
    case.campaign(64, 1).await;
    case.send().await;
    assert_eq!((case.with_status(Status::Sent).await, case.with_status(Status::Failed).await), (63, 1));
    let failed = case.messages().await.into_iter().find(|m| m.status() == Status::Failed).unwrap();
    assert!(failed.destination.as_str().ends_with("0000037"));
    // 64, then a half of 32, 16, 8, 4 and 2 each time, and the last two alone.
    assert_eq!(provider.calls().len(), 13);
    assert!(case.messages().await.iter().all(|m| m.state.attempts == 1));
}

async fn an_element_without_an_id_fails_alone(rig: Rig) {
    let provider = Scripted::new(|messages| {
        let each = messages.iter().map(|m| if m.destination.as_str().ends_with('7') { rejected() } else { id_of(m) });
        Ok(each.collect())
    });
    let case = Case::new(rig, provider.clone()).await;
    case.campaign(40, 1).await;
    case.send().await;
    assert_eq!((case.with_status(Status::Sent).await, case.with_status(Status::Failed).await), (36, 4));
    assert_eq!(provider.calls(), [40]);
}

async fn a_lost_answer_is_sent_again_once_and_says_so(rig: Rig) {
    let provider = Scripted::new(|_| Err(ambiguous()));
    let case = Case::new(rig, provider.clone()).await;
    case.campaign(20, 1).await;
    case.send().await;
    assert_eq!(case.with_status(Status::Unknown).await, 20);
    case.rig.clock.advance(SignedDuration::from_mins(2));
    provider.answers(all);
    case.service.run_timers().await.unwrap();
    case.send().await;
    assert_eq!(provider.calls(), [20, 20]);
    assert!(case.messages().await.iter().all(|m| m.status() == Status::Sent && m.state.possible_duplicate));
}

async fn a_call_that_was_not_sent_is_tried_again_as_a_whole(rig: Rig) {
    let provider = Scripted::new(|_| Err(not_sent(Backoff::Unhealthy)));
    let case = Case::new(rig, provider.clone()).await;
    case.campaign(8, 1).await;
    case.send().await;
    assert_eq!(case.with_status(Status::Queued).await, 8);
    provider.answers(all);
    case.rig.clock.advance(SignedDuration::from_secs(2));
    case.send().await;
    assert_eq!(provider.calls(), [8, 8]);
    assert!(case.messages().await.iter().all(|m| m.status() == Status::Sent && m.state.attempts == 2));
    assert!(case.messages().await.iter().all(|m| !m.state.possible_duplicate));
}

async fn at_most_once_goes_one_by_one(rig: Rig) {
    let provider = Scripted::new(|_| Err(ambiguous()));
    let case = Case::new(rig, provider.clone()).await;
    case.campaign(5, 2).await;
    case.send().await;
    case.rig.clock.advance(SignedDuration::from_hours(1));
    case.service.run_timers().await.unwrap();
    case.send().await;
    assert_eq!(provider.calls(), [0; 5]);
    assert_eq!(case.with_status(Status::Unknown).await, 5);
}

async fn an_answer_that_the_database_refuses_in_part_is_kept_without_that_part(rig: Rig) {
    let provider = Scripted::new(|messages| {
        let mut each = all(messages)?;
        for outcome in &mut each {
            if let Outcome::Accepted(acceptance) = outcome {
                acceptance.bulk_id = Some("bulk".to_owned());
            }
        }
        Ok(each)
    });
    let case = Case::new(rig, provider).await;
    case.campaign(10, 1).await;
    case.rig.refuse("NEW.bulk_id IS NOT NULL").await;
    case.send().await;
    assert_eq!(case.with_status(Status::Sent).await, 10);
}

async fn one_message_that_the_database_refuses_does_not_take_the_others_answers_with_it(rig: Rig) {
    let case = Case::new(rig, Scripted::new(all)).await;
    case.campaign(10, 1).await;
    case.rig.refuse("NEW.dispatch = 4 AND NEW.destination LIKE '%7'").await;
    case.send().await;
    assert_eq!((case.with_status(Status::Sent).await, case.with_status(Status::Sending).await), (9, 1));
}
