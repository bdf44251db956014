//! Credentials that are worth nothing, by the address that showed them. Whoever shows many has nothing more looked up for a while;
//! those who are known already do not notice.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::admission::connections::network;
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
}

/// The address that shows credentials, if it is known.
#[derive(Debug, Clone, Default)]
pub struct Suspect(Option<(Arc<Failures>, IpAddr)>);

impl Failures {
    /// So many at once from one address, and then five a second.
    pub(super) fn new(most: usize) -> Self {
        let most = FORGIVEN.saturating_mul(u32::try_from(most).unwrap_or(u32::MAX));
        Self { most, forgiven: Mutex::default() }
    }

    fn forgiven(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.forgiven.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Suspect {
    pub(super) fn at(failures: &Arc<Failures>, address: Option<IpAddr>) -> Self {
        Self(address.map(|address| (failures.clone(), network(address))))
    }

    /// Refuses what would have to be looked up, if too much of what this address showed was worth nothing.
    pub fn may_ask(&self) -> Result<(), Error> {
        let Some((failures, address)) = &self.0 else { return Ok(()) };
        let owed = failures.forgiven().get(address).map(|at| at.saturating_duration_since(Instant::now()));
        match owed.and_then(|owed| owed.checked_sub(failures.most)) {
            Some(wait) => Err(Error::Exhausted {
                reason: "TOO_MANY_FAILURES_OF_ONE_ADDRESS",
                message: "Too many credentials from this address were worth nothing. Try again later.",
                retry_after: wait.max(FORGIVEN),
            }),
            None => Ok(()),
        }
    }

    /// Notes that it showed credentials that are worth nothing.
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
        *at = (*at).max(now) + FORGIVEN;
    }
}
