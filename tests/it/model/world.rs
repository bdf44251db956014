//! The world of a story: a service over a database and a provider, everything that was told to its callers, and time.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use messaging::auth::Caller;
use messaging::domain::ids::{CampaignId, MessageId, OwnerId};
use messaging::domain::message::{Message, Status};
use messaging::domain::phone::Msisdn;
use messaging::domain::report::Form;
use messaging::domain::status::Event;
use messaging::service::{CreateCampaign, GivenRecipient, SendSingle, Service, Settings};
use messaging::store::{Filter, Interruption, Job, OptOutSource, Pick, Point};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::provider::{Mood, Moody};
use super::story::{self, NUMBERS, Step};
use crate::support::database::Kind;
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

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
        self.happen(step).await;
    }

    async fn happen(&mut self, step: Step) {
        match step {
            Step::Send { owner, at_most_once, key, later, brief } => {
                self.send(self.owners[owner], at_most_once, key, later, brief).await;
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
                let number = Msisdn::parse(&number(n)).unwrap();
                let _ = self.rig.store.add_opt_out(self.owners[owner], &number, OptOutSource::Owner).await;
            }
            Step::OptIn { owner, number: n } => {
                let number = Msisdn::parse(&number(n)).unwrap();
                let _ = self.rig.store.remove_opt_out(self.owners[owner], &number).await;
            }
            Step::Inbound { number: n, text } => {
                let body = serde_json::json!({"from": number(n), "to": "somebody", "text": text}).to_string();
                let _ = self.service.file_inbound(Form::Json, body.as_bytes()).await;
            }
            Step::Report { message, word, by_reference } => self.report(message, word, by_reference).await,
            Step::Requeue { message, may_duplicate } => self.requeue(message, may_duplicate).await,
            Step::Loops { which } => drop(self.work(which).await),
            Step::Clock(by) => self.rig.clock.advance(by),
            Step::Mood { mood, calls } => self.provider.be(mood, calls),
            Step::Fault { point, how, after, times } => self.fail(point, how, after, times),
            Step::Crash { taken, sends } => self.crash(taken, sends).await,
        }
    }

    async fn send(
        &mut self,
        owner: OwnerId,
        at_most_once: bool,
        key: Option<u8>,
        later: Option<SignedDuration>,
        brief: bool,
    ) {
        // Of one key the content is always the same, but for what the caller does not repeat.
        let later = later.filter(|_| key.is_none());
        let request = SendSingle {
            destination: number(usize::from(key.unwrap_or(0)) % NUMBERS),
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

    async fn campaign(&mut self, owner: OwnerId, recipients: usize, at_most_once: bool) -> Result<(), ()> {
        let caller = caller(owner);
        let new = CreateCampaign {
            name: "spring".to_owned(),
            text: "Hello".to_owned(),
            sender: None,
            delivery_guarantee: if at_most_once { 2 } else { 1 },
            scheduled_at: None,
            validity: None,
            idempotency_key: String::new(),
        };
        let id = self.service.create_campaign(&caller, new, Vec::new()).await.map_err(drop)?.id;
        let mut adding = self.service.add_recipients(&caller, id.0).await.map_err(drop)?;
        let one = |n| GivenRecipient { destination: number(n), variables: Vec::new() };
        adding.push((0..recipients).map(one).collect()).await.map_err(drop)?;
        adding.finish().await.map_err(drop)?;
        // Whether or not the answer comes: what began has to end.
        self.campaigns.push((owner, id));
        self.service.start_campaign(&caller, id.0).await.map(drop).map_err(drop)
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

    async fn report(&self, n: usize, word: &str, by_reference: bool) {
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

    async fn requeue(&mut self, n: usize, may_duplicate: bool) {
        let Some(message) = self.pick(n).await else { return };
        let job = Job { pick: Pick::Id(message.id), event: Event::Requeue { may_duplicate } };
        // In doubt it may have happened.
        let done = self.rig.store.apply(job).await;
        if done.is_err() || done.is_ok_and(|moved| moved.iter().any(|moved| moved.result.is_ok())) {
            *self.requeued.entry(message.id).or_default() += 1;
        }
    }

    fn fail(&self, point: Point, how: Interruption, after: usize, times: usize) {
        let seen = AtomicUsize::new(0);
        self.rig.store.interrupt(move |at| {
            let due = at == point && (after..after + times).contains(&seen.fetch_add(1, Ordering::Relaxed));
            due.then_some(how)
        });
    }

    /// Runs the loops that `which` has the bits of. What fails is done again at the next time.
    async fn work(&self, which: u8) -> usize {
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

    /// The process ends while the provider has what is due, and another one begins.
    async fn crash(&mut self, taken: bool, sends: bool) {
        self.provider.be(Mood::Hang { taken }, usize::MAX);
        let service = self.service.clone();
        if sends {
            let (caller, dying) = (caller(self.owners[0]), service.clone());
            let request = SendSingle {
                destination: number(0),
                text: "Hello".to_owned(),
                sender: None,
                traffic_account_id: None,
                user_id: None,
                campaign_id: None,
                idempotency_key: String::new(),
                delivery_guarantee: 1,
                dry_run: false,
                scheduled_at: None,
                validity: None,
            };
            tokio::spawn(async move { dying.send_single(&caller, request, Vec::new(), None).await });
        }
        // Begun in a task of its own: a slot that does not come free must not hold up the story.
        let dying = service.clone();
        tokio::spawn(async move {
            let _ = dying.sender().send_due().await;
            let _ = dying.sender().send_due_in_bulk().await;
        });
        let _ = tokio::time::timeout(Duration::from_millis(20), service.drain()).await;
        self.provider.be(Mood::Accept, 0);
        self.service = serve(&self.rig, &self.provider);
    }

    /// The inputs stop, all is well, and time passes.
    pub async fn come_to_rest(&mut self) {
        self.rig.store.interrupt(|_| None);
        self.provider.be(Mood::Accept, 0);
        // Whoever was about to do something when its process ended has done it now.
        self.service = serve(&self.rig, &self.provider);
        let minutes = [1, 1, 1, 2, 2, 5, 15, 15, 60, 60, 180];
        let days = [1, 1, 1, 3, 3, 7, 20, 30, 120, 220].map(|days| days * 24 * 60);
        for minutes in minutes.into_iter().chain(days) {
            let mut rounds = 0;
            while self.work(u8::MAX).await > 0 {
                rounds += 1;
                if rounds > 100 {
                    return self.wrong.push("the work does not end".to_owned());
                }
            }
            self.rig.clock.advance(SignedDuration::from_mins(minutes));
        }
        while self.work(u8::MAX).await > 0 {}
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
