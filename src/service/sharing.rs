//! Who may draw on a limited account's allowance when: single sends before campaigns, and the two kinds of calls that
//! campaigns' messages go out by evenly, though either could use up all of it each time it looks.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::message::{Guarantee, Message};
use crate::store::Stream;

/// How long those that found no room are taken to wait for it, unless they are seen to wait again.
const PATIENCE: SignedDuration = SignedDuration::from_millis(250);

/// How a stream's messages go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One by one, ahead of all campaigns.
    Single,
    /// One by one: messages of a campaign that must never be sent twice, so that a lost answer leaves one unknown.
    OneByOne,
    /// By bulk calls: messages of a campaign that may be sent again if an answer is lost.
    Bulk,
}

impl Kind {
    pub(super) fn of(stream: &Stream) -> Self {
        match (stream.campaign, stream.guarantee) {
            (None, _) => Self::Single,
            (Some(_), Some(Guarantee::AtLeastOnce)) => Self::Bulk,
            (Some(_), _) => Self::OneByOne,
        }
    }
}

/// One account: when each kind was last seen to wait, and how many parts each stream that goes one by one has had more
/// than each that goes in bulk, while both kinds waited.
#[derive(Default)]
struct Account {
    single: Option<Timestamp>,
    one_by_one: Option<Timestamp>,
    bulk: Option<Timestamp>,
    lead: f64,
}

impl Account {
    fn mark(&mut self, kind: Kind) -> &mut Option<Timestamp> {
        match kind {
            Kind::Single => &mut self.single,
            Kind::OneByOne => &mut self.one_by_one,
            Kind::Bulk => &mut self.bulk,
        }
    }

    fn may_draw(&self, kind: Kind, now: Timestamp) -> bool {
        match kind {
            Kind::Single => true,
            _ if waits(self.single, now) => false,
            Kind::OneByOne => self.lead <= 0.0 || !waits(self.bulk, now),
            Kind::Bulk => self.lead >= 0.0 || !waits(self.one_by_one, now),
        }
    }

    fn drew(&mut self, kind: Kind, each: f64, now: Timestamp) {
        match kind {
            Kind::Single => {}
            // What is drawn while nobody else waits is owed to nobody.
            Kind::OneByOne => self.lead = if waits(self.bulk, now) { self.lead + each } else { 0.0 },
            Kind::Bulk => self.lead = if waits(self.one_by_one, now) { self.lead - each } else { 0.0 },
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
    pub(super) fn may_draw(&self, account: &str, kind: Kind, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = all.get_mut(account) else { return true };
        let may = account.may_draw(kind, now);
        if !may {
            *account.mark(kind) = Some(now);
        }
        may
    }

    /// Notes what the streams of one kind took, each by its account, and on which of their accounts they found no room
    /// for more.
    pub(super) fn drew(
        &self,
        kind: Kind,
        streams: &[&Stream],
        took: &[Message],
        limited: &HashSet<String>,
        now: Timestamp,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let accounts: HashSet<&str> = streams.iter().map(|stream| stream.account.as_str()).collect();
        for name in accounts {
            let waits = limited.contains(name);
            if !waits && !all.contains_key(name) {
                continue;
            }
            let account = all.entry(name.to_owned()).or_default();
            let mine = took.iter().filter(|message| message.traffic_account_id == name);
            let parts: f64 = mine.map(|message| f64::from(message.segments)).sum();
            let queues = streams.iter().filter(|stream| stream.account == name).count();
            account.drew(kind, parts / f64::from(u32::try_from(queues).unwrap_or(u32::MAX)), now);
            if waits {
                *account.mark(kind) = Some(now);
            } else if parts > 0.0 {
                *account.mark(kind) = None;
            }
        }
    }
}
