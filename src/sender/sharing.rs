//! Who may draw on a limited account's allowance when: single sends before campaigns, and the two kinds of calls that
//! campaigns' messages go out by evenly, though either could use up all of it in each pass.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::message::{Guarantee, Message};
use crate::store::Partition;

/// How long those that found no room are taken to wait for it, unless they are seen to wait again.
const PATIENCE: SignedDuration = SignedDuration::from_millis(250);

/// How a partition's messages go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    /// One by one, ahead of all campaigns.
    Single,
    /// One by one: messages of a campaign that must never be sent twice, so that a lost answer leaves one unknown.
    OneByOne,
    /// By bulk calls: messages of a campaign that may be sent again if an answer is lost.
    Bulk,
}

impl CallKind {
    pub(super) fn of(partition: &Partition) -> Self {
        match (partition.campaign, partition.guarantee) {
            (None, _) => Self::Single,
            (Some(_), Some(Guarantee::AtLeastOnce)) => Self::Bulk,
            (Some(_), _) => Self::OneByOne,
        }
    }
}

/// One account: when each kind was last seen to wait, and what the kinds of a campaign's calls owe each other.
#[derive(Default)]
struct Account {
    single: Option<Timestamp>,
    one_by_one: Option<Timestamp>,
    bulk: Option<Timestamp>,
    /// How many segments each bulk partition has had less than each that goes one by one, while both kinds waited;
    /// below zero it is the other kind that has had less. It is zero whenever one kind alone waits, and while both do it
    /// is never further from zero than what one pass takes: whoever is ahead takes nothing until the other has caught up.
    deficit: f64,
}

impl Account {
    fn mark(&mut self, kind: CallKind) -> &mut Option<Timestamp> {
        match kind {
            CallKind::Single => &mut self.single,
            CallKind::OneByOne => &mut self.one_by_one,
            CallKind::Bulk => &mut self.bulk,
        }
    }

    fn may_send(&self, kind: CallKind, now: Timestamp) -> bool {
        match kind {
            CallKind::Single => true,
            _ if waits(self.single, now) => false,
            CallKind::OneByOne => self.deficit <= 0.0 || !waits(self.bulk, now),
            CallKind::Bulk => self.deficit >= 0.0 || !waits(self.one_by_one, now),
        }
    }

    fn charge(&mut self, kind: CallKind, each: f64, now: Timestamp) {
        match kind {
            CallKind::Single => {}
            // What is drawn while nobody else waits is owed to nobody.
            CallKind::OneByOne => self.deficit = if waits(self.bulk, now) { self.deficit + each } else { 0.0 },
            CallKind::Bulk => self.deficit = if waits(self.one_by_one, now) { self.deficit - each } else { 0.0 },
        }
    }
}

/// Whether those who were seen to wait at `mark` still do.
fn waits(mark: Option<Timestamp>, now: Timestamp) -> bool {
    mark.is_some_and(|at| now.duration_since(at) < PATIENCE)
}

/// The limited accounts that somebody waited for.
#[derive(Default)]
pub(super) struct Sharing(Mutex<HashMap<String, Account>>);

impl Sharing {
    /// Whether messages of this kind may be sent on the account now. Those that may not are seen to wait.
    pub(super) fn may_send(&self, account: &str, kind: CallKind, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = all.get_mut(account) else { return true };
        let may = account.may_send(kind, now);
        if !may {
            *account.mark(kind) = Some(now);
        }
        may
    }

    /// Notes what the partitions of one kind took, each by its account, and on which of their accounts they found no room
    /// for more.
    pub(super) fn charge(
        &self,
        kind: CallKind,
        partitions: &[&Partition],
        took: &[Message],
        limited: &HashSet<String>,
        now: Timestamp,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let accounts: HashSet<&str> = partitions.iter().map(|partition| partition.account.as_str()).collect();
        for name in accounts {
            let waits = limited.contains(name);
            if !waits && !all.contains_key(name) {
                continue;
            }
            let account = all.entry(name.to_owned()).or_default();
            let mine = took.iter().filter(|message| message.traffic_account_id == name);
            let segments: f64 = mine.map(|message| f64::from(message.segments)).sum();
            let queues = partitions.iter().filter(|partition| partition.account == name).count();
            account.charge(kind, segments / f64::from(u32::try_from(queues).unwrap_or(u32::MAX)), now);
            if waits {
                *account.mark(kind) = Some(now);
            } else if segments > 0.0 {
                *account.mark(kind) = None;
            }
        }
    }
}
