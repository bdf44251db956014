//! The load: what clients send, and what they were told. One file for each way of sending.

mod single;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use single::Singles;

/// How many calls clients have in flight, at every replica together.
pub const IN_FLIGHT: usize = 16;

/// One message that a client wanted sent, and what it was told of it. No other message goes to the same number, so that
/// every record of it can be found by the number alone, too.
#[derive(Debug, Clone)]
pub struct Told {
    pub destination: String,
    pub text: String,
    /// What made its call repeatable; `None` if the call was another kind.
    pub key: Option<String>,
    pub at_most_once: bool,
    /// The last word; `None` if no answer came within a client's patience.
    pub answer: Option<Answer>,
    /// What should never be said to a client that only repeats itself.
    pub fault: Option<String>,
}

/// What a client was told.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Our id, as text; `None` where the answer was for many messages at once.
    pub id: Option<String>,
    /// The number of the status.
    pub status: i16,
    /// The provider's id.
    pub provider_id: Option<String>,
}

/// A load that is running.
pub struct Running {
    work: JoinHandle<Vec<Told>>,
    stop: CancellationToken,
    /// Cancelled when the last message has been begun.
    begun: CancellationToken,
}

impl Running {
    /// Whether every message has been begun. Clients may still wait for answers.
    pub fn is_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Begins nothing new, and waits until every client has its answer.
    pub async fn stop(self) -> Vec<Told> {
        self.stop.cancel();
        self.work.await.unwrap()
    }
}
