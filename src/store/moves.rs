//! How many messages this process took in, and how many came to each status by what it committed: for its metrics, which would
//! else have to ask the database for what changes a thousand times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::domain::message::{Lane, Message, Status};

/// One more than the highest number of a status.
const STATUSES: usize = Status::ALL.len() + 1;

/// The moves of a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// By the number of the status after.
    to: [u32; STATUSES],
    single: u32,
    campaign: u32,
}

impl Moves {
    /// Counts `message`, which read `before` (`None`: it is new).
    pub(super) fn note(&mut self, message: &Message, before: Option<Status>) {
        let after = message.status();
        if before != Some(after)
            && let Some(n) = self.to.get_mut(after as usize)
        {
            *n += 1;
        }
        if before.is_none() {
            match message.lane {
                Lane::Single => self.single += 1,
                Lane::Campaign => self.campaign += 1,
            }
        }
    }

    /// Counts what another part of the same transaction did.
    pub(super) fn add(&mut self, other: &Self) {
        self.to.iter_mut().zip(other.to).for_each(|(n, more)| *n += more);
        self.single += other.single;
        self.campaign += other.campaign;
    }
}

/// The moves of all transactions of the process that were committed. One whose commit got no answer is not among them. Clones
/// count together.
#[derive(Clone, Default)]
pub(super) struct Committed(Arc<Counts>);

#[derive(Default)]
struct Counts {
    to: [AtomicU64; STATUSES],
    single: AtomicU64,
    campaign: AtomicU64,
}

impl Committed {
    /// A transaction with these was committed.
    pub(super) fn add(&self, moves: &Moves) {
        if *moves == Moves::default() {
            return;
        }
        for (n, more) in self.0.to.iter().zip(moves.to).filter(|(_, more)| *more > 0) {
            n.fetch_add(more.into(), Relaxed);
        }
        self.0.single.fetch_add(moves.single.into(), Relaxed);
        self.0.campaign.fetch_add(moves.campaign.into(), Relaxed);
    }

    /// How many were taken in, by lane.
    pub(super) fn accepted(&self) -> [(Lane, u64); 2] {
        [(Lane::Single, self.0.single.load(Relaxed)), (Lane::Campaign, self.0.campaign.load(Relaxed))]
    }

    /// How many came to each status.
    pub(super) fn changes(&self) -> [(Status, u64); Status::ALL.len()] {
        Status::ALL.map(|to| (to, self.0.to.get(to as usize).map_or(0, |n| n.load(Relaxed))))
    }
}
