//! The facts that events tell, read of the database for some of them at once.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::message::Status;
use crate::domain::trace::TraceContext;
use crate::store::{Error, EventFacts, Happening, OwnerFacts, Store};

/// The facts that events tell.
#[derive(Default)]
pub(super) struct Facts {
    /// Of messages that changed.
    pub messages: HashMap<Uuid, EventFacts>,
    /// Of what else happened, by subject and version.
    pub others: HashMap<(Uuid, i32), OwnerFacts>,
}

impl Facts {
    /// Reads the facts of these events.
    pub(super) async fn read(store: &Store, events: &[Happening]) -> Result<Self, Error> {
        let (changes, others): (Vec<Happening>, Vec<Happening>) =
            events.iter().partition(|event| Status::from_number(i32::from(event.to)).is_some());
        let subjects = |events: Vec<Happening>| {
            let mut subjects: Vec<Uuid> = events.iter().map(|event| event.position.subject).collect();
            subjects.sort_unstable();
            subjects.dedup();
            subjects
        };
        let (changes, others) = (subjects(changes), subjects(others));
        let messages = if changes.is_empty() { Vec::new() } else { store.event_facts(&changes).await? };
        let messages = messages.into_iter().map(|facts| (facts.message, facts)).collect();
        Ok(Self { messages, others: store.owner_facts(&others).await? })
    }

    /// The spans in which the messages of these events were accepted.
    pub(super) fn traces(&self, events: &[Happening]) -> Vec<TraceContext> {
        events.iter().filter_map(|event| self.messages.get(&event.position.subject)?.trace).collect()
    }
}
