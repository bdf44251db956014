//! This process's view of the gates that every send passes, and the signals of its calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::domain::breaker::{Breakers, Trip};
use crate::domain::budget::Budget;
use crate::domain::gate::{Circuit, Gate, Holding, PROVIDER, Signal};
use crate::domain::ids::OwnerId;
use crate::domain::rate::Rate;
use crate::error::Error;
use crate::sender::Sender;

/// The gates as they were read last, and this process's own observations.
pub(super) struct Gates {
    known: ArcSwap<HashMap<String, Gate>>,
    breakers: Mutex<Breakers>,
    budget: Mutex<Budget>,
}

/// Whether a message may be sent on an account now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// Yes, within this rate.
    Granted(Option<Rate>),
    /// No.
    Held,
    /// One may, to try this gate.
    Probe(String),
}

impl Gates {
    pub(super) fn new(now: Timestamp) -> Self {
        let budget = Mutex::new(Budget::new(now));
        Self { known: ArcSwap::default(), breakers: Mutex::default(), budget }
    }

    fn circuit(&self, name: &str, now: Timestamp) -> Circuit {
        self.known.load().get(name).map_or(Circuit::Closed, |gate| gate.circuit(now))
    }

    /// Why this gate was held when it was read last.
    fn holding(&self, name: &str) -> Holding {
        self.known.load().get(name).map_or(Holding::Free, |gate| gate.holding)
    }

    /// How many probes of this gate have failed in a row, on whatever replica.
    pub(super) fn failed_probes(&self, name: &str) -> usize {
        self.known.load().get(name).map_or(0, |gate| usize::try_from(gate.failed_probes).unwrap_or(0))
    }

    /// Whether this gate holds sends back now.
    pub(super) fn is_held(&self, name: &str, now: Timestamp) -> bool {
        self.circuit(name, now) != Circuit::Closed
    }

    /// Whether a message on this account may be sent now.
    pub(super) fn admission(&self, account: &str, default: Option<Rate>, now: Timestamp) -> Admission {
        match (self.circuit(PROVIDER, now), self.circuit(account, now)) {
            (Circuit::Open(_), _) | (_, Circuit::Open(_)) => Admission::Held,
            (Circuit::HalfOpen, _) => Admission::Probe(PROVIDER.to_owned()),
            (_, Circuit::HalfOpen) => Admission::Probe(account.to_owned()),
            (Circuit::Closed, Circuit::Closed) => {
                Admission::Granted(self.known.load().get(account).map_or(default, |gate| gate.limit(default)))
            }
        }
    }

    fn remember(&self, gate: &Gate) {
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(gate.name.clone(), gate.clone());
            known
        });
    }

    /// How many calls may be made now with messages that were tried before.
    pub(super) fn retries(&self, now: Timestamp) -> usize {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).allowance(now)
    }

    /// Takes in calls: how many there were, and how many of their messages were first tries and retries.
    #[expect(clippy::cast_precision_loss, reason = "a few calls' messages")]
    pub(super) fn spend(&self, calls: usize, first_tries: usize, retries: usize) {
        let each = calls as f64 / (first_tries + retries).max(1) as f64;
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.spend(first_tries as f64 * each, retries as f64 * each);
    }

    /// The gate that this call trips.
    fn trips(&self, account: &str, owner: OwnerId, signal: Signal, now: Timestamp) -> Trip {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        breakers.record(account, owner, signal, now)
    }
}

impl Sender {
    /// Reads the gates anew. Every replica does so every second, and at once when one of them changes a gate.
    pub async fn refresh_gates(&self) -> Result<(), Error> {
        let gates = self.inner.store.gates().await?;
        let known = gates.into_iter().map(|gate| (gate.name.clone(), gate)).collect();
        self.inner.gates.known.store(Arc::new(known));
        Ok(())
    }

    /// The gates that are held now, as they were read last.
    #[must_use]
    pub fn held_gates(&self) -> Vec<Gate> {
        let known = self.inner.gates.known.load();
        let now = self.inner.clock.now();
        let mut held: Vec<Gate> = known.values().filter(|gate| gate.is_held(now)).cloned().collect();
        held.sort_by(|a, b| a.name.cmp(&b.name));
        held
    }

    /// The route accounts on which nothing may be sent now, not even to try them.
    pub(super) fn held_accounts(&self) -> Vec<String> {
        let (known, now) = (self.inner.gates.known.load(), self.inner.clock.now());
        let held = known.values().filter(|gate| matches!(gate.circuit(now), Circuit::Open(_)) && gate.name != PROVIDER);
        held.map(|gate| gate.name.clone()).collect()
    }

    /// Waits for the notification that a gate has changed.
    pub async fn gates_changed(&self) {
        self.inner.gates_changed.notified().await;
    }

    /// Whether sends to the provider are held, whatever their account.
    #[must_use]
    pub fn is_provider_held(&self) -> bool {
        self.inner.gates.is_held(PROVIDER, self.inner.clock.now())
    }

    /// Whether a message on this account may be sent now.
    pub(super) fn admission(&self, account: &str) -> Admission {
        self.inner.gates.admission(account, self.inner.settings.rate, self.inner.clock.now())
    }

    /// The rate of the default route account, if it has one.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let settings = &self.inner.settings;
        let known = self.inner.gates.known.load();
        known.get(&settings.traffic_account_id).map_or(settings.rate, |gate| gate.limit(settings.rate))
    }

    /// Takes the probe of a gate, if no other replica has it.
    pub(super) async fn take_probe(&self, name: &str) -> Result<bool, Error> {
        let (by, until) = (self.inner.holder, self.lease_end());
        let (gate, taken) =
            self.inner.store.change_gate(name, move |gate, now| gate.take_probe(by, until, now)).await?;
        self.inner.gates.remember(&gate);
        Ok(taken)
    }

    /// Gives a probe back for which there was nothing to send.
    pub(super) async fn return_probe(&self, name: &str) -> Result<(), Error> {
        let by = self.inner.holder;
        let (gate, ()) = self.inner.store.change_gate(name, move |gate, _| gate.return_probe(by)).await?;
        self.inner.gates.remember(&gate);
        Ok(())
    }

    /// Takes in what an owner's call on this account said of the provider. Most calls say nothing new and cost nothing.
    pub(super) async fn observe(&self, account: &str, owner: OwnerId, signal: Signal) {
        let now = self.inner.clock.now();
        let trip = self.inner.gates.trips(account, owner, signal, now);
        let fails = matches!(signal, Signal::Unhealthy(_) | Signal::Unreachable(_));
        if trip == Trip::Provider || self.probes(PROVIDER) {
            self.publish(PROVIDER, if fails { signal } else { Signal::Healthy }).await;
        }
        let (circuit, holding) = (self.inner.gates.circuit(account, now), self.inner.gates.holding(account));
        if self.probes(account) {
            // A failure says something of an account that was unhealthy, and nothing of one that was blocked.
            let learnt = matches!(signal, Signal::Unhealthy(_)) && holding == Holding::Unhealthy;
            if learnt || !fails {
                self.publish(account, signal).await;
            } else if let Err(e) = self.return_probe(account).await {
                tracing::warn!(cause = e.cause(), "a probe could not be given back; its lease will end");
            }
        } else {
            let is_news = !fails && signal != Signal::Healthy && !matches!(circuit, Circuit::Open(_));
            if trip == Trip::Account || is_news {
                self.publish(account, signal).await;
            }
        }
    }

    /// Whether this process has the probe of a gate.
    fn probes(&self, name: &str) -> bool {
        let known = self.inner.gates.known.load();
        known.get(name).and_then(|gate| gate.probe).is_some_and(|(by, _)| by == self.inner.holder)
    }

    /// Publishes a signal to a gate, for all replicas.
    async fn publish(&self, name: &str, signal: Signal) {
        let by = self.inner.holder;
        let told = self.inner.store.change_gate(name, move |gate, now| {
            let was = gate.holding;
            gate.record(signal, by, now);
            was
        });
        match told.await {
            Ok((gate, was)) => {
                self.inner.gates.remember(&gate);
                match (was, gate.holding) {
                    (_, Holding::Blocked) => {
                        tracing::error!(
                            account = name,
                            code = gate.code,
                            "the provider refuses the account: an operator has to act"
                        );
                    }
                    (Holding::Free, held) if held != Holding::Free => {
                        tracing::warn!(gate = name, why = held.name(), code = gate.code, "sending is held");
                    }
                    (held, Holding::Free) if held != Holding::Free => {
                        tracing::warn!(gate = name, was = held.name(), "sending goes on");
                        self.inner.wake.notify_waiters();
                    }
                    _ => {}
                }
            }
            Err(e) => tracing::warn!(error = %e, "a call's signal could not be published to its gate"),
        }
    }
}
