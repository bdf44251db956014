//! The bodies of the provider's posts while they come. They hold memory as they arrive, not as they announce; when it runs out,
//! the one that has been coming for longest makes room: an honest post is here within milliseconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

/// The longest body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The bytes that a post takes beside its body.
const BESIDE: usize = 1 << 10;
/// How much they hold together, in bytes. When the database is slow for a moment, thousands of reports wait rather than being
/// refused: nobody knows whether the provider posts one again.
const MEMORY: usize = 64 << 20;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// There is no memory for it.
    Busy,
    /// It is too long.
    TooLarge,
    /// It did not come in time, or broke off.
    TooSlow,
}

/// See the module. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Bodies(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    held: usize,
    next: u64,
    /// Those that are coming, in the order in which they began.
    coming: BTreeMap<u64, Coming>,
}

#[derive(Debug)]
struct Coming {
    held: usize,
    end: CancellationToken,
}

/// One that is coming; it gives back what it holds.
struct Entry<'a> {
    bodies: &'a Bodies,
    number: u64,
    end: CancellationToken,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.bodies.state();
        if let Some(coming) = state.coming.remove(&self.number) {
            state.held -= coming.held;
        }
    }
}

/// A body that has come. What it holds is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    bodies: Bodies,
    memory: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bodies.state().held -= self.memory;
    }
}

impl Bodies {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Entry<'_> {
        let mut state = self.state();
        let (number, end) = (state.next, CancellationToken::new());
        state.next += 1;
        state.coming.insert(number, Coming { held: 0, end: end.clone() });
        Entry { bodies: self, number, end }
    }

    /// Reads a body to its end.
    pub(super) async fn read(&self, body: Body) -> Result<Held, Unread> {
        tokio::time::timeout(PATIENCE, self.take(body)).await.unwrap_or(Err(Unread::TooSlow))
    }

    async fn take(&self, body: Body) -> Result<Held, Unread> {
        let entry = self.begin();
        entry.hold(BESIDE)?;
        let (mut body, mut bytes) = (body.into_data_stream(), Vec::new());
        loop {
            let chunk = tokio::select! {
                biased;
                () = entry.end.cancelled() => return Err(Unread::Busy),
                chunk = body.next() => chunk,
            };
            let Some(chunk) = chunk else { return entry.finish(bytes.into()) };
            let chunk = chunk.map_err(|_| Unread::TooSlow)?;
            let length = bytes.len() + chunk.len();
            if length > MAX_BODY {
                return Err(Unread::TooLarge);
            }
            entry.hold(BESIDE + length)?;
            bytes.extend_from_slice(&chunk);
        }
    }
}

impl Entry<'_> {
    /// Holds so many bytes from now on, if need be those of the ones that have been coming for longer.
    fn hold(&self, bytes: usize) -> Result<(), Unread> {
        let mut state = self.bodies.state();
        let held = state.coming.get(&self.number).ok_or(Unread::Busy)?.held;
        while state.held - held + bytes > MEMORY {
            let oldest = state.coming.first_entry().filter(|oldest| *oldest.key() < self.number);
            let oldest = oldest.ok_or(Unread::Busy)?.remove();
            // It lets go of them as soon as it runs.
            oldest.end.cancel();
            state.held -= oldest.held;
        }
        state.held = state.held - held + bytes;
        state.coming.entry(self.number).and_modify(|coming| coming.held = bytes);
        Ok(())
    }

    /// It is here, and nobody's to end any more.
    fn finish(&self, bytes: Bytes) -> Result<Held, Unread> {
        let coming = self.bodies.state().coming.remove(&self.number).ok_or(Unread::Busy)?;
        Ok(Held { bytes, bodies: self.bodies.clone(), memory: coming.held })
    }
}
