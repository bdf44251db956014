//! The provider of a story: it does what its mood says, and counts what it took.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use messaging::domain::ids::{MessageId, ProviderMessageId};
use messaging::domain::outcome::{Backoff, Outcome};
use messaging::provider::{Provider, ReadError, Snapshot, Submission};

use crate::support::outcomes::{ambiguous, not_sent, rejected, server_failed};
use crate::support::scripted::id_of;

/// What the provider does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Accept,
    Reject,
    Unreachable,
    Throttle,
    Block,
    /// It says that it failed, and took it if so.
    Fail {
        taken: bool,
    },
    /// Its answer is lost, and it took it if so.
    Lose {
        taken: bool,
    },
    /// It never answers, and took it if so: its caller ends meanwhile.
    Hang {
        taken: bool,
    },
}

/// What became of one message at the provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copies {
    /// How often it was handed over.
    pub calls: usize,
    /// How often it was taken.
    pub taken: usize,
    /// How often of these the provider said that it failed.
    pub denied: usize,
    /// How often nobody could know from the answer whether it was taken.
    pub unclear: usize,
    /// How often no answer came at all, before its caller ended.
    pub hung: usize,
}

#[derive(Default)]
struct State {
    mood: Option<(Mood, usize)>,
    copies: HashMap<MessageId, Copies>,
}

/// See the module.
#[derive(Clone, Default)]
pub struct Moody(Arc<Mutex<State>>);

impl Moody {
    /// Be so for the next `calls`.
    pub fn be(&self, mood: Mood, calls: usize) {
        self.0.lock().unwrap().mood = Some((mood, calls));
    }

    pub fn copies(&self, id: MessageId) -> Copies {
        self.0.lock().unwrap().copies.get(&id).copied().unwrap_or_default()
    }

    fn mood(&self) -> Mood {
        let mut state = self.0.lock().unwrap();
        match &mut state.mood {
            Some((mood, left)) if *left > 0 => {
                *left -= 1;
                *mood
            }
            _ => Mood::Accept,
        }
    }

    fn note(&self, message: &Submission, mood: Mood) {
        let taken = match mood {
            Mood::Accept => true,
            Mood::Fail { taken } | Mood::Lose { taken } | Mood::Hang { taken } => taken,
            Mood::Reject | Mood::Unreachable | Mood::Throttle | Mood::Block => false,
        };
        let mut state = self.0.lock().unwrap();
        let copies = state.copies.entry(message.reference).or_default();
        copies.calls += 1;
        copies.taken += usize::from(taken);
        copies.denied += usize::from(taken && matches!(mood, Mood::Fail { .. }));
        copies.unclear += usize::from(matches!(mood, Mood::Fail { .. } | Mood::Lose { .. }));
        copies.hung += usize::from(matches!(mood, Mood::Hang { .. }));
    }

    async fn answer(&self, message: &Submission, mood: Mood) -> Outcome {
        self.note(message, mood);
        match mood {
            Mood::Accept => id_of(message),
            Mood::Reject => rejected(),
            Mood::Unreachable => not_sent(Backoff::Unhealthy),
            Mood::Throttle => not_sent(Backoff::Throttled { retry_after: None }),
            Mood::Block => not_sent(Backoff::AccountBlocked),
            Mood::Fail { .. } => server_failed(),
            Mood::Lose { .. } => ambiguous(),
            Mood::Hang { .. } => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Provider for Moody {
    async fn send(&self, message: &Submission) -> Outcome {
        let mood = self.mood();
        self.answer(message, mood).await
    }

    async fn send_bulk(&self, messages: &[Submission]) -> Result<Vec<Outcome>, Outcome> {
        let mood = self.mood();
        if let Mood::Hang { .. } = mood {
            for message in messages {
                self.note(message, mood);
            }
            return std::future::pending().await;
        }
        let mut outcomes = Vec::with_capacity(messages.len());
        for message in messages {
            outcomes.push(self.answer(message, mood).await);
        }
        match mood {
            Mood::Accept | Mood::Reject => Ok(outcomes),
            _ => Err(outcomes.remove(0)),
        }
    }

    async fn read(&self, _: &ProviderMessageId) -> Result<Snapshot, ReadError> {
        Err(ReadError::NotFound)
    }
}
