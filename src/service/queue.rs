//! The queue, taken in turns: single sends before campaigns, tenants one after the other, held accounts left alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::domain::ids::OwnerId;
use crate::domain::message::Message;
use crate::domain::rate::Rate;
use crate::domain::turns::{self, Seat};
use crate::error::Error;
use crate::planted;
use crate::service::Service;
use crate::service::gates::Way;
use crate::service::sharing::Kind;
use crate::store::{Claim, Claimed, Stream};

/// How long a list of streams is used before it is read anew: while there is much to do, reading it for every claim
/// would cost as much as the claims.
const ROSTER_TTL: Duration = Duration::from_millis(250);
/// How long a retry is put off that the budget does not allow now.
const PUT_OFF: SignedDuration = SignedDuration::from_secs(2);

/// What one look at the queue came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// How many messages were begun or dropped.
    pub done: usize,
    /// A rate limit held some back: looking again at once is no use, looking again soon is.
    pub limited: bool,
    /// A tenant who has more has all in flight that he may: looking again is of use once one of his has ended.
    pub full: bool,
}

impl Pass {
    fn add(&mut self, claimed: &Claimed) {
        self.done += claimed.held.len() + claimed.dropped.len();
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

/// The streams that had something due a moment ago.
#[derive(Default)]
pub(super) struct Roster(Mutex<Option<(Instant, Arc<Vec<Stream>>)>>);

impl Roster {
    fn get(&self) -> Option<Arc<Vec<Stream>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(read, _)| read.elapsed() < ROSTER_TTL).map(|(_, streams)| streams.clone())
    }

    fn set(&self, streams: Option<Arc<Vec<Stream>>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = streams.map(|streams| (Instant::now(), streams));
    }
}

/// How many messages of each tenant this process has in flight.
#[derive(Default)]
pub(super) struct InFlight {
    of: Mutex<HashMap<OwnerId, usize>>,
    /// Some have ended.
    ended: Notify,
}

impl InFlight {
    fn count(&self, owner: OwnerId) -> usize {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).get(&owner).copied().unwrap_or(0)
    }

    fn add(&self, owner: OwnerId, n: usize) {
        *self.of.lock().unwrap_or_else(PoisonError::into_inner).entry(owner).or_default() += n;
    }

    fn remove(&self, owner: OwnerId, n: usize) {
        let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&owner) {
            *count = count.saturating_sub(n);
            if *count == 0 {
                all.remove(&owner);
            }
        }
        drop(all);
        self.ended.notify_waiters();
    }
}

/// Messages in flight, counted until this is dropped.
pub(super) struct Counted {
    service: Service,
    owner: OwnerId,
    n: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.service.inner.in_flight.remove(self.owner, self.n);
    }
}

/// A stream that may be sent from, and its account's rate.
type Open<'a> = (&'a Stream, Option<Rate>);

impl Service {
    /// Counts messages of a tenant as in flight.
    pub(super) fn count(&self, owner: OwnerId, n: usize) -> Counted {
        self.inner.in_flight.add(owner, n);
        Counted { service: self.clone(), owner, n }
    }

    /// The word that some of a tenant's messages have ended: whoever begins to wait for it before he looks misses none.
    pub fn room_made(&self) -> Notified<'_> {
        self.inner.in_flight.ended.notified()
    }

    /// The streams with something due, and whether they were read just now.
    async fn roster(&self) -> Result<(Arc<Vec<Stream>>, bool), Error> {
        if let Some(streams) = self.inner.roster.get() {
            return Ok((streams, false));
        }
        let streams = Arc::new(self.inner.store.streams().await?);
        self.inner.roster.set(Some(streams.clone()));
        Ok((streams, true))
    }

    /// Begins to send single messages, and those of campaigns that must go one by one, as many as there are free slots.
    /// [`Service::drain`] waits for their ends.
    pub async fn send_due(&self) -> Result<Pass, Error> {
        self.look(By::One).await
    }

    /// Begins to send campaigns' messages in bulk calls, as many as there are free slots for such.
    pub async fn send_due_in_bulk(&self) -> Result<Pass, Error> {
        self.look(By::Bulk).await
    }

    /// Looks at the queue by a list of streams that may be some moments old; if that finds nothing, by a new one.
    async fn look(&self, by: By) -> Result<Pass, Error> {
        loop {
            if self.inner.stopping.is_cancelled() {
                return Ok(Pass::default());
            }
            let (streams, fresh) = self.roster().await?;
            let pass = match by {
                By::Bulk => self.in_bulk(&streams).await?,
                By::One | By::Probe => self.one_by_one(&streams).await?,
            };
            if pass.done > 0 || pass.limited || pass.full {
                return Ok(pass);
            }
            self.inner.roster.set(None);
            if fresh {
                return Ok(pass);
            }
        }
    }

    async fn one_by_one(&self, streams: &[Stream]) -> Result<Pass, Error> {
        let mut pass = Pass { done: self.probe(streams).await?, ..Pass::default() };
        for kind in [Kind::Single, Kind::OneByOne] {
            let mut open = self.open(streams, kind);
            pass.limited |= self.give_way(&mut open, kind);
            // In turns first; then those who have more share what the others left over.
            for _ in 0..2 {
                let free = self.inner.slots.available_permits();
                if open.is_empty() || free == 0 || self.inner.stopping.is_cancelled() {
                    break;
                }
                let seats = self.seats(&open, false).await?;
                pass.full |= seats.iter().any(|seat| seat.room == 0);
                let (claimed, more) = self.take(&open, seats, free).await?;
                self.drew(kind, &open, &claimed);
                pass.add(&claimed);
                for message in claimed.held {
                    self.begin(message).await;
                }
                open = more;
            }
        }
        Ok(pass)
    }

    async fn in_bulk(&self, streams: &[Stream]) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let mut open = self.open(streams, Kind::Bulk);
        while !open.is_empty() && !self.inner.stopping.is_cancelled() {
            let Ok(slot) = self.inner.bulk_slots.clone().try_acquire_owned() else { break };
            pass.limited |= self.give_way(&mut open, Kind::Bulk);
            let seats = self.seats(&open, true).await?;
            pass.full |= seats.iter().any(|seat| seat.room == 0);
            let chosen = turns::deal(1, &seats, self.next_turn());
            let Some(place) = chosen.iter().position(|n| *n > 0) else { break };
            let Some((stream, rate)) = open.get(place).copied() else { break };
            let room = self.room(stream.owner, true).await?.min(self.inner.settings.bulk_chunk);
            let claimed = self.claim(vec![(stream.clone(), room)], rate_of(stream, rate), By::Bulk).await?;
            self.drew(Kind::Bulk, &open, &claimed);
            pass.add(&claimed);
            if claimed.held.len() < room {
                open.remove(place);
            }
            if !claimed.held.is_empty() {
                self.begin_bulk(claimed.held, slot);
            }
        }
        Ok(pass)
    }

    /// Those of a kind that may be sent from now.
    fn open<'a>(&self, streams: &'a [Stream], kind: Kind) -> Vec<Open<'a>> {
        let open = |stream: &'a Stream| match self.way(&stream.account) {
            Way::Open(rate) => Some((stream, rate)),
            Way::Held | Way::Probe(_) => None,
        };
        streams.iter().filter(|s| Kind::of(s) == kind).filter_map(open).collect()
    }

    /// Leaves out those whose limited accounts others are to draw on first. True if there were such.
    fn give_way(&self, open: &mut Vec<Open<'_>>, kind: Kind) -> bool {
        let (all, now) = (open.len(), self.inner.clock.now());
        open.retain(|(stream, rate)| rate.is_none() || self.inner.sharing.may_draw(&stream.account, kind, now));
        open.len() < all
    }

    fn drew(&self, kind: Kind, open: &[Open<'_>], claimed: &Claimed) {
        let limited: Vec<&Stream> = open.iter().filter(|(_, rate)| rate.is_some()).map(|(stream, _)| *stream).collect();
        self.inner.sharing.drew(kind, &limited, &claimed.held, &claimed.limited, self.inner.clock.now());
    }

    /// How many more messages of this tenant's may be in flight here.
    async fn room(&self, owner: OwnerId, in_bulk: bool) -> Result<usize, Error> {
        let own = match self.user(owner).await {
            Ok(user) => user.max_in_flight,
            Err(Error::NotFound(..)) => None,
            Err(e) => return Err(e),
        };
        let all = if in_bulk { usize::MAX } else { self.inner.settings.tenant_in_flight };
        Ok(own.unwrap_or(all).saturating_sub(self.inner.in_flight.count(owner)))
    }

    async fn seats(&self, open: &[Open<'_>], in_bulk: bool) -> Result<Vec<Seat>, Error> {
        let mut seats = Vec::with_capacity(open.len());
        for (stream, _) in open {
            seats.push(Seat { tenant: stream.owner, room: self.room(stream.owner, in_bulk).await? });
        }
        Ok(seats)
    }

    fn next_turn(&self) -> usize {
        self.inner.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Claims up to `capacity` messages in turns. Answers them, and the streams that may have more.
    async fn take<'a>(
        &self,
        open: &[Open<'a>],
        mut seats: Vec<Seat>,
        capacity: usize,
    ) -> Result<(Claimed, Vec<Open<'a>>), Error> {
        if planted::bug("first-come") {
            // The first one's queue alone is looked at, for as long as there is anything in it.
            seats.iter_mut().skip(1).for_each(|seat| seat.room = 0);
        }
        let dealt = turns::deal(capacity, &seats, self.next_turn());
        let places: Vec<(Open<'a>, usize)> = open.iter().copied().zip(dealt).filter(|(_, n)| *n > 0).collect();
        if places.is_empty() {
            return Ok((Claimed::default(), Vec::new()));
        }
        let shares = places.iter().map(|((stream, _), n)| ((*stream).clone(), *n)).collect();
        let rates = places.iter().flat_map(|((stream, rate), _)| rate_of(stream, *rate)).collect();
        let claimed = self.claim(shares, rates, By::One).await?;
        let filled = places.into_iter().zip(&claimed.seen).filter(|((_, share), seen)| *seen == share);
        let more = filled.map(|((open, _), _)| open).collect();
        Ok((claimed, more))
    }

    async fn claim(
        &self,
        shares: Vec<(Stream, usize)>,
        rates: BTreeMap<String, Rate>,
        by: By,
    ) -> Result<Claimed, Error> {
        let retries = self.inner.gates.retries(self.inner.clock.now());
        let claim = Claim {
            shares,
            by: self.inner.holder,
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
        let claimed = self.inner.store.claim(claim).await?;
        if !claimed.limited.is_empty() {
            self.inner.metrics.limited();
        }
        self.forget_stats_of_all(claimed.held.iter().chain(&claimed.dropped)).await;
        self.inner.metrics.retries(claimed.retries);
        let calls = if by == By::Bulk { 1 } else { claimed.held.len() };
        self.inner.gates.spend(calls, claimed.held.len() - claimed.retries, claimed.retries);
        Ok(claimed)
    }

    /// Tries the gates that may be tried, each with one message, if no other replica does.
    async fn probe(&self, streams: &[Stream]) -> Result<usize, Error> {
        let mut tried = BTreeMap::new();
        for stream in streams {
            if let Way::Probe(gate) = self.way(&stream.account) {
                tried.entry(gate).or_insert(stream);
            }
        }
        let mut done = 0;
        for (gate, stream) in tried {
            if self.inner.stopping.is_cancelled() || !self.take_probe(&gate).await? {
                continue;
            }
            let claimed = self.claim(vec![(stream.clone(), 1)], BTreeMap::new(), By::Probe).await?;
            done += claimed.held.len() + claimed.dropped.len();
            if claimed.held.is_empty() {
                self.return_probe(&gate).await?;
            }
            for message in claimed.held {
                self.begin(message).await;
            }
        }
        Ok(done)
    }

    /// Whether messages of this owner's and account already wait for room: a new one goes behind them.
    pub(super) fn has_backlog(&self, message: &Message) -> bool {
        let known = self.inner.roster.get();
        known.is_some_and(|streams| {
            streams
                .iter()
                .any(|s| s.campaign.is_none() && s.owner == message.owner && s.account == message.traffic_account_id)
        })
    }
}

/// The stream's account and its rate, if it has one.
fn rate_of(stream: &Stream, rate: Option<Rate>) -> BTreeMap<String, Rate> {
    rate.map(|rate| (stream.account.clone(), rate)).into_iter().collect()
}
