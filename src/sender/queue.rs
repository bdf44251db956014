//! The queue, taken in turns: single sends before campaigns, owners one after the other, held accounts left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::fair_share::{self, Demand};
use crate::domain::rate::Rate;
use crate::error::Error;
use crate::sender::Sender;
use crate::sender::gates::Admission;
use crate::sender::sharing::CallKind;
use crate::store::{Claim, Claimed, Partition};

/// How long a retry is put off that the budget does not allow now.
const PUT_OFF: SignedDuration = SignedDuration::from_secs(2);

/// The result of one pass over the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// How many messages were begun or dropped.
    pub done: usize,
    /// A rate limit held some back: another pass at once is no use, one soon is.
    pub limited: bool,
    /// An owner who has more has all in flight that they may: another pass is of use once one of theirs has ended.
    pub full: bool,
}

impl Pass {
    fn add(&mut self, claimed: &Claimed) {
        self.done += claimed.leased.len() + claimed.dropped.len();
        self.limited |= !claimed.limited.is_empty();
    }
}

/// By which calls messages are to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    One,
    Bulk,
    /// The one call that tries a held gate.
    Probe,
}

/// A partition that may be sent from, and its account's rate.
type Open<'a> = (&'a Partition, Option<Rate>);

impl Sender {
    /// Begins to send single messages, and those of campaigns that must go one by one, as many as there are free slots.
    /// The process's end waits for theirs.
    pub async fn send_due(&self) -> Result<Pass, Error> {
        self.dispatch_pass(By::One).await
    }

    /// Begins to send campaigns' messages in bulk calls, as many as there are free slots for such.
    pub async fn send_due_in_bulk(&self) -> Result<Pass, Error> {
        self.dispatch_pass(By::Bulk).await
    }

    /// Goes through the queue by a list of partitions that may be some moments old; if that finds nothing, by a new one.
    async fn dispatch_pass(&self, by: By) -> Result<Pass, Error> {
        loop {
            if self.inner.lifecycle.is_stopping() {
                return Ok(Pass::default());
            }
            let (partitions, fresh) = self.partitions().await?;
            let pass = match by {
                By::Bulk => self.in_bulk(&partitions).await?,
                By::One | By::Probe => self.one_by_one(&partitions).await?,
            };
            if pass.done > 0 || pass.limited || pass.full {
                return Ok(pass);
            }
            self.inner.cached_partitions.is_spent();
            if fresh {
                return Ok(pass);
            }
        }
    }

    async fn one_by_one(&self, partitions: &[Partition]) -> Result<Pass, Error> {
        let mut pass = Pass { done: self.probe(partitions).await?, ..Pass::default() };
        for kind in [CallKind::Single, CallKind::OneByOne] {
            let mut open = self.open(partitions, kind);
            pass.limited |= self.defer_to_others(&mut open, kind);
            // In turns first; then those who have more share what the others left over.
            for _ in 0..2 {
                let free = self.inner.slots.free();
                if open.is_empty() || free == 0 || self.inner.lifecycle.is_stopping() {
                    break;
                }
                let demands = self.demands(&open, false).await?;
                pass.full |= demands.iter().any(|demand| demand.room == 0);
                let (claimed, more) = self.take(&open, demands, free).await?;
                self.charge(kind, &open, &claimed);
                pass.add(&claimed);
                for message in claimed.leased {
                    self.begin(message).await;
                }
                open = more;
            }
        }
        Ok(pass)
    }

    async fn in_bulk(&self, partitions: &[Partition]) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let mut open = self.open(partitions, CallKind::Bulk);
        while !open.is_empty() && !self.inner.lifecycle.is_stopping() {
            let Some(slot) = self.inner.slots.take_bulk() else { break };
            pass.limited |= self.defer_to_others(&mut open, CallKind::Bulk);
            let demands = self.demands(&open, true).await?;
            pass.full |= demands.iter().any(|demand| demand.room == 0);
            let chosen = fair_share::allot(1, &demands, self.next_turn());
            let Some(place) = chosen.iter().position(|n| *n > 0) else { break };
            let Some((partition, rate)) = open.get(place).copied() else { break };
            let room = self.room(partition.owner, true).await?.min(self.inner.settings.bulk_chunk);
            let claimed = self.claim(vec![(partition.clone(), room)], rate_of(partition, rate), By::Bulk).await?;
            self.charge(CallKind::Bulk, &open, &claimed);
            pass.add(&claimed);
            if claimed.leased.len() < room {
                open.remove(place);
            }
            if !claimed.leased.is_empty() {
                self.begin_bulk(claimed.leased, slot);
            }
        }
        Ok(pass)
    }

    /// Those of a kind that may be sent from now.
    fn open<'a>(&self, partitions: &'a [Partition], kind: CallKind) -> Vec<Open<'a>> {
        let open = |partition: &'a Partition| match self.admission(&partition.account) {
            Admission::Granted(rate) => Some((partition, rate)),
            Admission::Held | Admission::Probe(_) => None,
        };
        partitions.iter().filter(|s| CallKind::of(s) == kind).filter_map(open).collect()
    }

    /// Leaves out those whose limited accounts others are to draw on first. True if there were such.
    fn defer_to_others(&self, open: &mut Vec<Open<'_>>, kind: CallKind) -> bool {
        let (all, now) = (open.len(), self.inner.clock.now());
        open.retain(|(partition, rate)| rate.is_none() || self.inner.sharing.may_send(&partition.account, kind, now));
        open.len() < all
    }

    fn charge(&self, kind: CallKind, open: &[Open<'_>], claimed: &Claimed) {
        let limited: Vec<&Partition> =
            open.iter().filter(|(_, rate)| rate.is_some()).map(|(partition, _)| *partition).collect();
        self.inner.sharing.charge(kind, &limited, &claimed.leased, &claimed.limited, self.inner.clock.now());
    }

    async fn demands(&self, open: &[Open<'_>], in_bulk: bool) -> Result<Vec<Demand>, Error> {
        let mut demands = Vec::with_capacity(open.len());
        for (partition, _) in open {
            demands.push(Demand { owner: partition.owner, room: self.room(partition.owner, in_bulk).await? });
        }
        Ok(demands)
    }

    fn next_turn(&self) -> usize {
        self.inner.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Claims up to `capacity` messages in turns. Returns them, and the partitions that may have more.
    async fn take<'a>(
        &self,
        open: &[Open<'a>],
        demands: Vec<Demand>,
        capacity: usize,
    ) -> Result<(Claimed, Vec<Open<'a>>), Error> {
        let allotted = fair_share::allot(capacity, &demands, self.next_turn());
        let places: Vec<(Open<'a>, usize)> = open.iter().copied().zip(allotted).filter(|(_, n)| *n > 0).collect();
        if places.is_empty() {
            return Ok((Claimed::default(), Vec::new()));
        }
        let shares = places.iter().map(|((partition, _), n)| ((*partition).clone(), *n)).collect();
        let rates = places.iter().flat_map(|((partition, rate), _)| rate_of(partition, *rate)).collect();
        let claimed = self.claim(shares, rates, By::One).await?;
        let filled = places.into_iter().zip(&claimed.seen).filter(|((_, share), seen)| *seen == share);
        let more = filled.map(|((open, _), _)| open).collect();
        Ok((claimed, more))
    }

    async fn claim(
        &self,
        shares: Vec<(Partition, usize)>,
        rates: BTreeMap<String, Rate>,
        by: By,
    ) -> Result<Claimed, Error> {
        let retries = self.inner.gates.retries(self.inner.clock.now());
        let claim = Claim {
            shares,
            // A name of its own for each claim: one that may not have landed must not be taken for the next one.
            by: Uuid::new_v4(),
            until: self.lease_end(),
            // What a limited account was booked for is sent at once, too: a fence of its own would let more of it arrive
            // together.
            fence: by == By::Bulk || !rates.is_empty(),
            rates,
            retries: match by {
                By::One => retries,
                By::Bulk => retries.saturating_mul(self.inner.settings.bulk_chunk),
                By::Probe => usize::MAX,
            },
            put_off: PUT_OFF,
        };
        let mut claimed = self.inner.store.claim(claim).await?;
        self.give_back(std::mem::take(&mut claimed.doubtful));
        if !claimed.limited.is_empty() {
            self.inner.metrics.limited();
        }
        self.inner.stats.forget_of(claimed.leased.iter().chain(&claimed.dropped)).await;
        self.inner.metrics.retries(claimed.retries);
        let calls = if by == By::Bulk { 1 } else { claimed.leased.len() };
        self.inner.gates.spend(calls, claimed.leased.len() - claimed.retries, claimed.retries);
        Ok(claimed)
    }

    /// Tries the gates that may be tried, each with one message, if no other replica does.
    async fn probe(&self, partitions: &[Partition]) -> Result<usize, Error> {
        let mut tried = BTreeMap::<_, Vec<_>>::new();
        for partition in partitions {
            if let Admission::Probe(gate) = self.admission(&partition.account) {
                tried.entry(gate).or_default().push(partition);
            }
        }
        let mut done = 0;
        for (gate, partitions) in tried {
            if self.inner.lifecycle.is_stopping() || !self.take_probe(&gate).await? {
                continue;
            }
            // The next one if there is nothing to claim in one: all that it has due may be set aside, or another replica's.
            let mut leased = Vec::new();
            for partition in in_turn(partitions, self.inner.gates.failed_probes(&gate)) {
                let claimed = match self.claim(vec![(partition.clone(), 1)], BTreeMap::new(), By::Probe).await {
                    Ok(claimed) => claimed,
                    Err(e) => {
                        self.return_probe(&gate).await?;
                        return Err(e);
                    }
                };
                done += claimed.leased.len() + claimed.dropped.len();
                leased = claimed.leased;
                if !leased.is_empty() {
                    break;
                }
            }
            if leased.is_empty() {
                self.return_probe(&gate).await?;
            }
            for message in leased {
                self.begin(message).await;
            }
        }
        Ok(done)
    }
}

/// These partitions, the owners in turn by how many probes have failed: one whose messages never go well keeps the gate held at
/// every other probe at most.
fn in_turn(mut partitions: Vec<&Partition>, failed: usize) -> Vec<&Partition> {
    let owners: BTreeSet<_> = partitions.iter().map(|partition| partition.owner).collect();
    let owners: Vec<_> = owners.into_iter().collect();
    let first = failed.checked_rem(owners.len()).unwrap_or(0);
    let after =
        |owner| owners.iter().position(|one| *one == owner).map(|at| (at + owners.len() - first) % owners.len());
    partitions.sort_by_key(|partition| after(partition.owner));
    partitions
}

/// The partition's account and its rate, if it has one.
fn rate_of(partition: &Partition, rate: Option<Rate>) -> BTreeMap<String, Rate> {
    rate.map(|rate| (partition.account.clone(), rate)).into_iter().collect()
}
