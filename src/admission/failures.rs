//! Keys that nobody has, by the address that showed them: each costs the database a question. Whoever shows many of them is asked about
//! a few at a time, however many it shows, and nobody else notices.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::admission::connection::network;
use crate::error::Error;

/// How long one failure counts.
const FORGIVEN: Duration = Duration::from_millis(200);
/// How many addresses are remembered; one more, and those that are forgiven are forgotten.
const REMEMBERED: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Failures {
    /// How long all that one may owe takes to be forgiven.
    most: Duration,
    /// When all of an address's failures are forgiven.
    forgiven: Mutex<HashMap<IpAddr, Instant>>,
    /// The questions at once about what addresses show that owe more.
    few: Arc<Semaphore>,
}

/// The address that shows a key, if it is known.
#[derive(Debug, Clone, Default)]
pub struct Suspect(Option<(Arc<Failures>, IpAddr)>);

/// A question to the database about a key; it is over when this is dropped.
#[derive(Debug)]
pub struct Lookup {
    _one_of_few: Option<OwnedSemaphorePermit>,
}

impl Failures {
    /// So many of one address, and then five a second; about what addresses show that showed more, so many questions at once.
    pub(super) fn new(most: usize, at_once: usize) -> Self {
        let most = FORGIVEN.saturating_mul(u32::try_from(most).unwrap_or(u32::MAX));
        Self { most, forgiven: Mutex::default(), few: Arc::new(Semaphore::new(at_once)) }
    }

    fn forgiven(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.forgiven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owes_too_much(&self, address: IpAddr) -> bool {
        self.forgiven().get(&address).is_some_and(|at| at.saturating_duration_since(Instant::now()) > self.most)
    }
}

impl Suspect {
    pub(super) fn at(failures: &Arc<Failures>, address: Option<IpAddr>) -> Self {
        Self(address.map(|address| (failures.clone(), network(address))))
    }

    /// Lets the database be asked about a key that was not good lately. Refused is one of an address that has shown too many, while
    /// as many of such are asked about as there may be: most likely it is none, and if it is one, it is let in at another try.
    pub fn look_up(&self) -> Result<Lookup, Error> {
        let Some((failures, address)) = &self.0 else { return Ok(Lookup { _one_of_few: None }) };
        if !failures.owes_too_much(*address) {
            return Ok(Lookup { _one_of_few: None });
        }
        let permit = failures.few.clone().try_acquire_owned().map_err(|_| Error::Exhausted {
            reason: "TOO_MANY_FAILURES_OF_ONE_ADDRESS",
            message: "Too many keys from this address were none. Try again.",
            retry_after: FORGIVEN,
        })?;
        Ok(Lookup { _one_of_few: Some(permit) })
    }

    /// Notes that nobody has the key that was asked about.
    pub fn failed(&self) {
        let Some((failures, address)) = &self.0 else { return };
        let now = Instant::now();
        let mut forgiven = failures.forgiven();
        if forgiven.len() >= REMEMBERED && !forgiven.contains_key(address) {
            forgiven.retain(|_, at| *at > now);
            if forgiven.len() >= REMEMBERED {
                // So many addresses at once: what is remembered is bounded, and they begin anew.
                forgiven.clear();
            }
        }
        let at = forgiven.entry(*address).or_insert(now);
        // However many there were, it is over soon after the last one.
        *at = ((*at).max(now) + FORGIVEN).min(now + failures.most + FORGIVEN);
    }
}
