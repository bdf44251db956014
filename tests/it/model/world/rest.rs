//! The loops of a story's service, and how it comes to rest.

use std::collections::HashSet;

use jiff::SignedDuration;
use messaging::domain::campaign::CampaignState;
use messaging::domain::ids::MessageId;
use messaging::domain::message::{Dispatch, Lane, Message};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::asks::is_given_up;
use super::{World, serve};
use crate::model::oracle;
use crate::model::provider::Mood;

impl World {
    /// Runs the loops that `which` has the bits of. What fails is done again at the next time.
    pub(super) async fn work(&self, which: u8) -> usize {
        let mut done = 0;
        let mut note = |n: Result<usize, messaging::error::Error>| done += n.unwrap_or(0);
        let service = &self.service;
        let runs = |bit: u8| which & (1 << bit) != 0;
        if runs(0) {
            note(service.reconcile_campaigns().await);
        }
        if runs(1) {
            note(service.run_timers().await);
        }
        if runs(2) {
            let _ = service.sender().refresh_gates().await;
        }
        if runs(3) {
            note(service.sender().send_due().await.map(|pass| pass.done));
        }
        if runs(4) {
            note(service.sender().send_due_in_bulk().await.map(|pass| pass.done));
        }
        if runs(5) {
            note(service.apply_due_reports().await);
        }
        if runs(6) {
            note(service.read_inbound().await);
        }
        if runs(7) {
            note(service.poll_unreported().await);
            let _ = service.run_maintenance().await;
        }
        service.drain().await;
        done
    }

    /// The inputs stop, all is well but for the row that is refused, and time passes; then that is mended, too.
    pub async fn come_to_rest(&mut self) {
        self.rig.store.interrupt(|_| None);
        self.provider.be(Mood::Accept, 0);
        // Whoever was about to do something when its process ended has done it now.
        self.service = serve(&self.rig, &self.provider);
        Box::pin(self.send_the_last()).await;
        self.owe().await;
        self.nothing_is_looked_after_in_vain().await;
        self.wait([0, 1, 1, 1, 2, 2, 5, 15, 15, 60, 60, 180]).await;
        let withheld = oracle::withheld(self, &self.messages().await);
        self.wrong.extend(withheld);
        self.owed.clear();
        self.mend().await;
        if self.rng.random() {
            self.requeue_all().await;
        }
        self.wait([0, 1, 1, 1, 3, 3, 7, 20, 30, 120, 220].map(|days| days * 24 * 60)).await;
        // Those that are over, or that nothing can be done for before their validity ends, cost nothing.
        let left = self.rig.store.campaigns_to_reconcile().await.unwrap();
        self.wrong.extend(left.iter().map(|it| format!("campaign {:?} is looked after for ever", it.campaign)));
    }

    /// In half of the stories there are some more sends, to be made in a moment, and one of those that wait is refused by the
    /// database: it is to hold up no other.
    async fn send_the_last(&mut self) {
        if self.rng.random() {
            return;
        }
        for n in 0..4 {
            let validity = Some(SignedDuration::from_secs(30));
            Box::pin(self.send(self.owners[n % 2], n, n < 2, None, validity, false)).await;
        }
        let mut waiting = self.messages().await;
        waiting.retain(|message| matches!(message.state.dispatch, Dispatch::Scheduled | Dispatch::Queued));
        if let Some(message) = waiting.choose(&mut self.rng) {
            let number = message.destination.as_str().to_owned();
            self.refuse(&number, false).await;
        }
    }

    /// Everything is done that there is to do, after each of these times; after the first and the last in any case.
    async fn wait<const N: usize>(&mut self, minutes: [i64; N]) {
        for (n, minutes) in minutes.into_iter().enumerate() {
            self.rig.clock.advance(SignedDuration::from_mins(minutes));
            if n > 0 && n + 1 < N && self.is_idle().await {
                continue;
            }
            let mut rounds = 0;
            while self.work(u8::MAX).await > 0 {
                rounds += 1;
                if rounds > 100 {
                    return self.wrong.push("the work does not end".to_owned());
                }
            }
        }
    }

    /// Whether time has nothing to do: no message is due, and every campaign has ended.
    async fn is_idle(&self) -> bool {
        let now = self.rig.clock.now();
        if self.messages().await.iter().any(|message| message.state.due_at.is_some_and(|at| at <= now)) {
            return false;
        }
        for (owner, id) in &self.campaigns {
            let stats = self.rig.store.campaign_stats(*owner, *id).await.unwrap();
            if stats.is_some_and(|stats| stats.state != CampaignState::Draft && !stats.over) {
                return false;
            }
        }
        true
    }

    /// Notes paused campaigns that are looked after although there is nothing to do for them before their validity ends.
    async fn nothing_is_looked_after_in_vain(&mut self) {
        for it in self.rig.store.campaigns_to_reconcile().await.unwrap() {
            let stats = self.rig.store.campaign_stats(it.owner, it.campaign).await.unwrap();
            if !it.expired && stats.is_some_and(|stats| stats.state == CampaignState::Paused) {
                self.wrong.push(format!("campaign {:?} is looked after while it is paused", it.campaign));
            }
        }
    }

    /// An operator puts back whatever was given up and is still worth sending, wherever it may be.
    async fn requeue_all(&mut self) {
        for message in self.messages().await.iter().filter(|message| is_given_up(message)) {
            if self.requeue(message, true).await {
                self.owed.push(Owed { id: message.id, calls: self.provider.copies(message.id).calls });
            }
        }
    }

    /// Notes what waits in a queue that is served, has the time to be sent, and is wanted.
    async fn owe(&mut self) {
        let now = self.rig.clock.now();
        let in_hours = |hours| now + SignedDuration::from_hours(hours);
        let mut served = HashSet::new();
        for (owner, id) in &self.campaigns {
            let stats = self.rig.store.campaign_stats(*owner, *id).await.unwrap();
            served.extend(stats.filter(|stats| stats.state == CampaignState::Running).map(|_| *id));
        }
        let all = self.messages().await;
        for message in &all {
            let state = &message.state;
            // Sent again, it would come behind the one that took its place.
            let follows = |newer: &Message| {
                let slot = |m: &Message| (m.owner, m.destination.clone(), m.supersede.key.clone());
                let names = newer.supersede.older.is_some_and(|older| older.id == message.id);
                let is_named = message.supersede.older.is_some_and(|older| older.id == newer.id);
                newer.id != message.id
                    && !is_named
                    && slot(newer) == slot(message)
                    && (names || newer.created_at > message.created_at)
            };
            let has_key = state.dispatch == Dispatch::Unknown && message.supersede.key.is_some();
            if has_key && all.iter().any(follows) {
                continue;
            }
            let waits = match state.dispatch {
                Dispatch::Queued | Dispatch::Scheduled | Dispatch::Unknown => true,
                // The third process that ends with it is its last.
                Dispatch::Claimed => state.crashes < 2,
                _ => false,
            };
            let soon = state.due_at.is_some_and(|at| at <= in_hours(1)) && message.expires_at > in_hours(6);
            let of_campaign = message.lane == Lane::Campaign && !self.requeued.contains_key(&message.id);
            let served = !of_campaign || message.campaign.is_some_and(|id| served.contains(&id));
            if waits && soon && served {
                self.owed.push(Owed { id: message.id, calls: self.provider.copies(message.id).calls });
            }
        }
    }
}

/// A message that is to be handed over once more, and how often it was before.
pub struct Owed {
    pub id: MessageId,
    pub calls: usize,
}
