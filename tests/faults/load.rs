//! The load: what clients send, and what they were told. One file for each way of sending.

mod campaign;
mod later;
mod orders;
mod owners;
mod probe;
mod races;
mod single;
mod unkeyed;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use campaign::Campaigns;
pub use later::{LATER, schedule};
pub use orders::Steered;
pub use owners::Owners;
pub use probe::probe;
pub use races::{Raced, race};
pub use single::Singles;
pub use unkeyed::{Calling, Unkeyed};

/// How many calls clients have in flight, at every replica together.
pub const IN_FLIGHT: usize = 16;

/// One message that a client wanted sent, and what it was told of it. No other message goes to the same number, so that
/// every record of it can be found by the number alone, too.
#[derive(Debug, Clone)]
pub struct Told {
    pub destination: String,
    pub text: String,
    /// The key that made its call repeatable; `None` for a campaign's recipient.
    pub key: Option<String>,
    /// The campaign that it is counted in, or whose recipient it is.
    pub campaign: Option<i64>,
    /// The orders of its client meanwhile, if it is a campaign's recipient.
    pub orders: Option<Arc<Orders>>,
    pub at_most_once: bool,
    /// The last word; `None` if no answer came within a client's patience.
    pub answer: Option<Answer>,
    /// Answers that a client which only repeats itself should never get.
    pub fault: Option<String>,
}

/// The orders of a campaign's client after its start, as far as it was acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Nothing of it is to be sent any more: what was not sent by then needs no row.
    pub cancelled: bool,
    /// From when until when nothing of it may reach the provider, and why.
    pub silences: Vec<(Timestamp, Timestamp, &'static str)>,
}

/// The answer that a client was told.
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
    /// How many messages have been begun.
    begun: Arc<AtomicU32>,
}

impl Running {
    /// How many messages have been begun.
    pub fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Waits until every message has been sent and every client has its answer.
    pub async fn finish(self) -> Vec<Told> {
        self.work.await.unwrap()
    }

    /// Begins nothing new, and waits until every client has its answer.
    pub async fn stop(self) -> Vec<Told> {
        self.stop.cancel();
        self.work.await.unwrap()
    }
}
