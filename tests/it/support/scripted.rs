//! A provider that the test holds in its hand.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use messaging::domain::ids::ProviderMessageId;
use messaging::domain::outcome::Outcome;
use messaging::provider::{Provider, ReadError, Snapshot, Submission};

use crate::support::outcomes::accepted;

type Answer = dyn Fn(&[Submission]) -> Result<Vec<Outcome>, Outcome> + Send + Sync;

/// A provider that answers as the test says, and notes the sizes of its calls; 0 is a single send.
pub struct Scripted {
    answer: Mutex<Box<Answer>>,
    calls: Mutex<Vec<usize>>,
}

/// Taken, under an id that is the message's own.
pub fn id_of(message: &Submission) -> Outcome {
    accepted(&format!("p-{}", message.reference))
}

#[async_trait]
impl Provider for Scripted {
    async fn send(&self, message: &Submission) -> Outcome {
        self.calls.lock().unwrap().push(0);
        let answer = (self.answer.lock().unwrap())(std::slice::from_ref(message));
        answer.map_or_else(|whole| whole, |mut each| each.remove(0))
    }

    async fn send_bulk(&self, messages: &[Submission]) -> Result<Vec<Outcome>, Outcome> {
        self.calls.lock().unwrap().push(messages.len());
        (self.answer.lock().unwrap())(messages)
    }

    async fn read(&self, _: &ProviderMessageId) -> Result<Snapshot, ReadError> {
        Err(ReadError::NotFound)
    }
}

impl Scripted {
    pub fn new(answer: impl Fn(&[Submission]) -> Result<Vec<Outcome>, Outcome> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new(Box::new(answer)), calls: Mutex::default() })
    }

    pub fn answers(&self, answer: impl Fn(&[Submission]) -> Result<Vec<Outcome>, Outcome> + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// The sizes of the calls since this was last asked.
    pub fn calls(&self) -> Vec<usize> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

/// All are taken.
#[expect(clippy::unnecessary_wraps, reason = "an answer like the others")]
pub fn all(messages: &[Submission]) -> Result<Vec<Outcome>, Outcome> {
    Ok(messages.iter().map(id_of).collect())
}
