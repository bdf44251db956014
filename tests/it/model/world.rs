//! The world of a story: a service over a database and a provider, everything that was told to its callers, and time.

mod asks;
mod harm;
mod rest;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use messaging::auth::Caller;
use messaging::domain::ids::{CampaignId, MessageId, OwnerId};
use messaging::domain::message::{Message, Status};
use messaging::domain::opt_out::OptOutSource;
use messaging::domain::phone::Msisdn;
use messaging::domain::report::Form;
use messaging::service::{Service, Settings};
use messaging::store::Filter;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::provider::Moody;
use super::story::{self, Step};
use crate::support::database::Kind;
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;
use harm::Harm;
use rest::Owed;

/// See the module.
pub struct World {
    pub rig: Rig,
    pub provider: Moody,
    pub owners: Vec<OwnerId>,
    pub campaigns: Vec<(OwnerId, CampaignId)>,
    /// The messages that callers were told were accepted.
    pub accepted: Vec<MessageId>,
    /// The last message that was told of each key.
    pub keys: HashMap<(OwnerId, u8), MessageId>,
    /// How often each message was put back with leave to be a duplicate.
    pub requeued: HashMap<MessageId, usize>,
    /// The numbers that ever asked not to be written to.
    pub unwilling: HashSet<String>,
    /// What went wrong with the database and the processes.
    pub harm: Harm,
    /// What has to be handed over at the end, because nothing stands against it.
    pub owed: Vec<Owed>,
    /// What was found to be wrong on the way.
    pub wrong: Vec<String>,
    service: Service,
    rng: StdRng,
    told: String,
}

fn caller(owner: OwnerId) -> Caller {
    Caller::new(owner, "messages:send messages:read campaigns")
}

fn number(n: usize) -> String {
    format!("+30690000000{n}")
}

impl World {
    pub async fn new(kind: Kind, seed: u64) -> Self {
        let rig = Rig::on(kind).await;
        let provider = Moody::default();
        let service = serve(&rig, &provider);
        let owners = vec![rig.owner().await, rig.owner().await];
        Self {
            rig,
            provider,
            owners,
            campaigns: Vec::new(),
            accepted: Vec::new(),
            keys: HashMap::new(),
            requeued: HashMap::new(),
            unwilling: HashSet::new(),
            harm: Harm::default(),
            owed: Vec::new(),
            wrong: Vec::new(),
            service,
            rng: StdRng::seed_from_u64(seed),
            told: String::new(),
        }
    }

    /// The story so far, a line for each step.
    pub fn told(&self) -> &str {
        &self.told
    }

    pub async fn step(&mut self) {
        let step = story::next(&mut self.rng);
        let _ = writeln!(self.told, "  {step:?}");
        Box::pin(self.happen(step)).await;
    }

    async fn happen(&mut self, step: Step) {
        match step {
            Step::Send { owner, number, at_most_once, key, later, brief } => {
                Box::pin(self.send(self.owners[owner], number, at_most_once, key, later, brief)).await;
            }
            Step::Campaign { owner, recipients, at_most_once } => {
                // What fails on the way leaves a draft, which nothing is promised of.
                let _ = self.campaign(self.owners[owner], recipients, at_most_once).await;
            }
            Step::Pause(n) | Step::Resume(n) | Step::Cancel(n) => {
                let Some((owner, id)) = self.campaigns.get(n % self.campaigns.len().max(1)).copied() else { return };
                let caller = caller(owner);
                let _ = match step {
                    Step::Pause(_) => self.service.pause_campaign(&caller, id.0).await,
                    Step::Resume(_) => self.service.resume_campaign(&caller, id.0).await,
                    _ => self.service.cancel_campaign(&caller, id.0).await,
                };
            }
            Step::OptOut { owner, number: n } => {
                self.unwilling.insert(number(n));
                let number = Msisdn::parse(&number(n)).unwrap();
                let _ = self.rig.store.add_opt_out(self.owners[owner], &number, OptOutSource::Owner).await;
            }
            Step::OptIn { owner, number: n } => {
                let number = Msisdn::parse(&number(n)).unwrap();
                let _ = self.rig.store.remove_opt_out(self.owners[owner], &number).await;
            }
            Step::Inbound { number: n, text } => {
                self.unwilling.extend((text == "STOP").then(|| number(n)));
                let body = serde_json::json!({"from": number(n), "to": "somebody", "text": text}).to_string();
                let _ = self.service.file_inbound(Form::Json, body.as_bytes(), None).await;
            }
            Step::Report { message, word, by_reference } => self.report(message, word, by_reference).await,
            Step::Requeue { message, may_duplicate } => self.requeue_any(message, may_duplicate).await,
            Step::Loops { which } => drop(self.work(which).await),
            Step::Clock(by) => self.rig.clock.advance(by),
            Step::Mood { mood, calls } => self.provider.be(mood, calls),
            Step::Fault { point, how, after, times } => self.fail(point, how, after, times),
            Step::Refuse { number: n, settling } => self.refuse(&number(n), settling).await,
            Step::Mend => self.mend().await,
            Step::Crash { taken, sends } => self.crash(taken, sends).await,
        }
    }

    /// Every message that there is.
    pub async fn messages(&self) -> Vec<Message> {
        let mut all = Vec::new();
        for owner in &self.owners {
            all.extend(self.rig.store.messages(*owner, &Filter::default(), None, 10_000).await.unwrap());
        }
        all.sort_unstable_by_key(|message| (message.created_at, message.id));
        all
    }

    async fn pick(&self, n: usize) -> Option<Message> {
        let all = self.messages().await;
        let n = n.checked_rem(all.len())?;
        all.into_iter().nth(n)
    }
}

/// A new process on the same database.
fn serve(rig: &Rig, provider: &Moody) -> Service {
    let settings = Settings {
        bulk_chunk: 3,
        repeat_patience: Duration::from_millis(20),
        poll_rate: messaging::domain::rate::Rate::new(1000, 1000),
        ..Settings::for_tests()
    };
    settings::service(&rig.store, &rig.clock, Arc::new(provider.clone()), settings)
}

/// Whether something of ours is still to happen to the message.
pub fn is_under_way(message: &Message) -> bool {
    let waits = matches!(message.status(), Status::Scheduled | Status::Queued | Status::Sending);
    waits || message.status() == Status::Unknown && message.state.due_at.is_some()
}
