//! What callers, carriers and operators ask of the service of a story, and what they are told.

use jiff::SignedDuration;
use messaging::domain::ids::OwnerId;
use messaging::domain::message::{Dispatch, Message};
use messaging::domain::report::Form;
use messaging::domain::status::Event;
use messaging::service::{CreateCampaign, GivenRecipient, GivenTags, SendSingle};
use messaging::store::{Job, Pick};

use super::{World, caller, is_under_way, number};
use crate::model::oracle;
use crate::model::story::NUMBERS;

impl World {
    pub(super) async fn send(
        &mut self,
        owner: OwnerId,
        n: usize,
        at_most_once: bool,
        key: Option<u8>,
        later: Option<SignedDuration>,
        brief: bool,
    ) {
        // Of one key the content is always the same, but for what the caller does not repeat.
        let later = later.filter(|_| key.is_none());
        let request = SendSingle {
            destination: number(key.map_or(n, usize::from) % NUMBERS),
            text: "Hello".to_owned(),
            sender: None,
            traffic_account_id: None,
            user_id: None,
            campaign_id: None,
            idempotency_key: key.map(|key| format!("key-{key}")).unwrap_or_default(),
            delivery_guarantee: if at_most_once && key.is_none() { 2 } else { 1 },
            dry_run: false,
            scheduled_at: later.map(|later| self.rig.clock.now() + later),
            validity: (brief && key.is_none()).then(|| SignedDuration::from_secs(60)),
            tags: GivenTags::default(),
            // To every other number the newest is to stand, unless the call may be repeated.
            supersede_key: if key.is_none() && n.is_multiple_of(2) { "code".to_owned() } else { String::new() },
        };
        let sent = self.service.send_single(&caller(owner), request, Vec::new(), None).await;
        let Ok(sent) = sent else { return };
        let id = sent.message.id;
        self.accepted.push(id);
        let Some(key) = key else { return };
        let before = self.keys.insert((owner, key), id).filter(|before| *before != id);
        if let Some(before) = before {
            let first = self.rig.store.message_of_anyone(before).await.ok().flatten();
            if first.is_some_and(|first| is_under_way(&first)) {
                self.wrong.push(format!("key {key} stands for {id} while {before} is under way"));
            }
        }
    }

    pub(super) async fn campaign(&mut self, owner: OwnerId, recipients: usize, at_most_once: bool) -> Result<(), ()> {
        let caller = caller(owner);
        let new = CreateCampaign {
            name: "spring".to_owned(),
            text: "Hello".to_owned(),
            sender: None,
            delivery_guarantee: if at_most_once { 2 } else { 1 },
            scheduled_at: None,
            validity: None,
            tags: GivenTags::default(),
            idempotency_key: String::new(),
        };
        let id = self.service.create_campaign(&caller, new, Vec::new()).await.map_err(drop)?.id;
        let mut adding = self.service.add_recipients(&caller, id.0).await.map_err(drop)?;
        let one = |n| GivenRecipient { destination: number(n), ..Default::default() };
        adding.push((0..recipients).map(one).collect()).await.map_err(drop)?;
        adding.finish().await.map_err(drop)?;
        // Whether or not the answer comes: what began has to end.
        self.campaigns.push((owner, id));
        self.service.start_campaign(&caller, id.0, None).await.map(drop).map_err(drop)
    }

    pub(super) async fn report(&self, n: usize, word: &str, by_reference: bool) {
        let Some(message) = self.pick(n).await else { return };
        // The carrier speaks of what it was given, and of nothing else.
        if self.provider.copies(message.id).taken == 0 {
            return;
        }
        let mut body = serde_json::json!({"messageId": format!("p-{}", message.id), "deliveryStatus": word});
        if by_reference {
            body["reference"] = message.id.to_string().into();
        }
        let _ = self.service.file_reports(Form::Json, body.to_string().as_bytes()).await;
    }

    /// An operator puts back one of those that were given up.
    pub(super) async fn requeue_any(&mut self, n: usize, may_duplicate: bool) {
        let given_up: Vec<_> = self.messages().await.into_iter().filter(is_given_up).collect();
        let Some(n) = n.checked_rem(given_up.len()) else { return };
        self.requeue(&given_up[n], may_duplicate).await;
    }

    /// Returns whether the message is certainly in the queue then.
    pub(super) async fn requeue(&mut self, message: &Message, may_duplicate: bool) -> bool {
        // It forgets how often its holder ended.
        self.harm.harmed.extend(oracle::harmed(self, message).map(|_| message.id));
        let job = Job { pick: Pick::Id(message.id), event: Event::Requeue { may_duplicate } };
        // In doubt it may have happened.
        let done = self.rig.store.apply(job).await;
        let certain = done.as_ref().is_ok_and(|moved| moved.iter().any(|moved| moved.result.is_ok()));
        if done.is_err() || certain {
            *self.requeued.entry(message.id).or_default() += 1;
        }
        certain
    }
}

/// Whether nothing more is to happen to the message, although nobody knows that it was sent or refused.
pub(super) fn is_given_up(message: &Message) -> bool {
    let state = &message.state;
    state.dispatch == Dispatch::Dead || state.dispatch == Dispatch::Unknown && state.due_at.is_none()
}
