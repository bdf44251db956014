//! The way in which a gateway passes on every answer of the provider's.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::watch;

use super::gateway::UNAVAILABLE;

const BROKEN: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

/// As they come, unless it is told otherwise.
#[derive(Default)]
pub struct Mood {
    held: watch::Sender<bool>,
    /// How many answers are held back.
    holding: AtomicU32,
    failing: AtomicBool,
    answers: AtomicU32,
}

impl Mood {
    /// Holds answers back from now on.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Passes on what was held back. How many answers those were.
    pub fn release(&self) -> u32 {
        let holding = self.holding.load(Ordering::Relaxed);
        self.held.send_replace(false);
        holding
    }

    /// Says 500 or 503 instead of two answers of five.
    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    /// An answer has come. Another one that is to be passed on instead of it.
    pub(super) async fn answered(&self) -> Option<&'static [u8]> {
        self.holding.fetch_add(1, Ordering::Relaxed);
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        self.holding.fetch_sub(1, Ordering::Relaxed);
        if !self.failing.load(Ordering::Relaxed) {
            return None;
        }
        match self.answers.fetch_add(1, Ordering::Relaxed) % 5 {
            1 => Some(BROKEN),
            3 => Some(UNAVAILABLE),
            _ => None,
        }
    }
}
