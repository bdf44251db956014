//! The engine that delivers events to webhook endpoints: what it promises, whatever receivers do.

mod delivery;
mod failing;
mod others;
mod receiver;
mod trouble;
mod window;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use messaging::auth::Caller;
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::Message;
use messaging::domain::status::Event;
use messaging::domain::webhook::health::{Called, Outcome};
use messaging::domain::webhook::secret::HookKeys;
use messaging::receiver::{Post, Receiver};
use messaging::service::{CreateEndpoint, Endpoint, Hooks, Parts, Service, Settings};
use messaging::store::{Position, Store};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::watch;

use crate::support::settings::{self, ForTests as _};
use crate::support::store::{Rig, eventually};

/// A key that secrets are derived from.
pub const KEY: &str = "a key of the tests, long enough for endpoints";

/// An event as a receiver heard it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The id of the call.
    pub call: String,
    /// The event's own id.
    pub id: String,
    /// Its type.
    pub of: String,
    /// The message.
    pub message: String,
    /// The message's version.
    pub version: i64,
    /// What was answered.
    pub answer: Outcome,
}

type Script = Box<dyn Fn(&[Heard]) -> Called + Send + Sync>;

/// A receiver that answers as a test says, and writes down what it heard.
pub struct Fake {
    script: Mutex<Script>,
    heard: Mutex<Vec<Heard>>,
    bodies: Mutex<Vec<Value>>,
    most: Mutex<(usize, usize)>,
    delay: Mutex<Duration>,
    held: watch::Sender<bool>,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        let taken: Script = Box::new(|_| answer(200));
        Arc::new(Self {
            script: Mutex::new(taken),
            heard: Mutex::default(),
            bodies: Mutex::default(),
            most: Mutex::default(),
            delay: Mutex::default(),
            held: watch::Sender::new(false),
        })
    }

    /// From here on it answers like this.
    pub fn answers(&self, script: impl Fn(&[Heard]) -> Called + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// From here on it takes so long for each answer.
    pub fn takes(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// From here on it answers nothing until it is let go.
    pub fn holds(&self) {
        self.held.send_replace(true);
    }

    /// It answers what it held, and what comes.
    pub fn lets_go(&self) {
        self.held.send_replace(false);
    }

    /// Everything that it heard, in its order.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The ids of the events that it took, in their order.
    pub fn taken(&self) -> Vec<String> {
        let heard = self.heard();
        heard.into_iter().filter(|heard| heard.answer == Outcome::Taken).map(|heard| heard.id).collect()
    }

    /// The bodies of all calls.
    pub fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }

    /// How many calls it had at once at most.
    pub fn most_at_once(&self) -> usize {
        self.most.lock().unwrap().1
    }
}

/// An answer with this status.
pub fn answer(status: u16) -> Called {
    Called { outcome: Outcome::of_status(status), status: Some(status), retry_after: None }
}

/// No answer, for this reason.
pub fn none(outcome: Outcome) -> Called {
    Called { outcome, status: None, retry_after: None }
}

#[async_trait]
impl Receiver for Fake {
    async fn post(&self, post: Post) -> Called {
        let body: Value = serde_json::from_slice(&post.body).unwrap();
        let events = body.get("events").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![body.clone()]);
        {
            let mut most = self.most.lock().unwrap();
            most.0 += 1;
            most.1 = most.1.max(most.0);
        }
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
        self.most.lock().unwrap().0 -= 1;
        let heard = |event: &Value| Heard {
            call: post.id.clone(),
            id: event["id"].as_str().unwrap().to_owned(),
            of: event["type"].as_str().unwrap().to_owned(),
            message: event["data"]["id"].as_str().unwrap_or_default().to_owned(),
            version: event["data"]["version"].as_i64().unwrap_or_default(),
            answer: Outcome::Taken,
        };
        let mut heard: Vec<Heard> = events.iter().map(heard).collect();
        let called = (self.script.lock().unwrap())(&heard);
        for one in &mut heard {
            one.answer = called.outcome;
        }
        self.heard.lock().unwrap().extend(heard);
        self.bodies.lock().unwrap().push(body);
        called
    }
}

/// A service over a store whose endpoints are this receiver.
pub fn service(store: &Store, rig: &Rig, receiver: &Arc<Fake>) -> Service {
    service_with(store, rig, receiver, KEY)
}

/// The same with another key.
pub fn service_with(store: &Store, rig: &Rig, receiver: &Arc<Fake>, key: &str) -> Service {
    let keys = HookKeys::new(vec![SecretString::from(key)]);
    let settings = Settings { hooks: Hooks { keys, ..Hooks::default() }, ..Settings::for_tests() };
    let parts = settings::parts(store, &rig.clock, settings::nobody(), settings, None);
    Service::new(Parts { receiver: receiver.clone(), ..parts })
}

pub fn caller(owner: OwnerId) -> Caller {
    Caller::new(owner, "messages:read messages:send")
}

/// Makes an endpoint.
pub async fn endpoint(service: &Service, owner: OwnerId, with: CreateEndpoint) -> Endpoint {
    let request = CreateEndpoint { url: "https://receiver.example/hook".to_owned(), ..with };
    service.create_endpoint(&caller(owner), request, Vec::new()).await.unwrap().0
}

/// Lets the engine look for cursors, as the worker does every second.
pub async fn look(service: &Service) {
    // A look that fails is taken again a second later.
    while service.webhooks().look().await.unwrap_or(false) {}
}

/// Waits until the journal can be read to the end of so many events: on Postgres an open transaction of anybody's, of another test
/// too, keeps it from that, and an endpoint that is made meanwhile is told of what came just before it.
pub async fn settled(rig: &Rig, owner: OwnerId, events: usize) {
    eventually(async || {
        let settled = rig.store.journal_horizon().await.unwrap().settled;
        rig.store.journal(&[owner], Position::before(0), settled, 100).await.unwrap().len() == events
    })
    .await;
}

/// Waits until `done` says so, while the engine looks, as the worker has it do: a process that does not has no endpoints any more after
/// three seconds.
pub async fn told(service: &Service, done: impl AsyncFn() -> bool) {
    eventually(async || {
        look(service).await;
        done().await
    })
    .await;
}

/// Messages that were accepted and cancelled: two events each.
pub async fn cancelled(rig: &Rig, owner: OwnerId, n: usize) -> Vec<Message> {
    let messages = rig.many(owner, n).await;
    for message in &messages {
        rig.apply(message.id, Event::Cancel).await;
    }
    messages
}

/// Whether each message's events were first heard in their order.
pub fn in_order(heard: &[Heard], message: MessageId) -> bool {
    let id = message.to_string();
    let mut seen: Vec<i64> = Vec::new();
    for one in heard.iter().filter(|one| one.message == id && one.answer == Outcome::Taken) {
        if !seen.contains(&one.version) {
            seen.push(one.version);
        }
    }
    seen.is_sorted()
}
