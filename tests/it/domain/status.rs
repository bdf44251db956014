//! The state machine: what every event does to every state, and the laws that no sequence of events breaks.

mod laws;
mod seen;
mod table;

use jiff::{SignedDuration, Timestamp};
use messaging::domain::evidence::{Evidence, Rank};
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Dispatch, Guarantee, Lane, Lease, Message, State};
use messaging::domain::outcome::{Backoff, Outcome};
use messaging::domain::status::{Change, Event, Refused, apply};
use uuid::Uuid;

use crate::support::messages::{queued, start};
use crate::support::outcomes::{accepted, ambiguous, not_sent, rejected, server_failed};

const ME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);
const LEASE: SignedDuration = SignedDuration::from_mins(1);
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// A message and the time.
#[derive(Clone)]
struct Case {
    message: Message,
    now: Timestamp,
}

impl Case {
    /// Queued, due now.
    fn new(guarantee: Guarantee) -> Self {
        let mut message = queued(OwnerId(1), guarantee, start());
        // One id for all: by it messages differ in when the provider is asked about them.
        message.id = MessageId(Uuid::from_u128(7));
        Self { message, now: start() }
    }

    fn after(mut self, time: SignedDuration) -> Self {
        self.now += time;
        self
    }

    fn apply(&mut self, event: &Event) -> Result<Change, Refused> {
        apply(&mut self.message, event, self.now)
    }

    fn with(mut self, event: &Event) -> Self {
        self.apply(event).unwrap();
        self
    }

    fn lease(&self) -> Lease {
        Lease { by: ME, epoch: self.message.state.epoch }
    }

    fn claim(&self) -> Event {
        Event::Claim { by: ME, until: self.now + LEASE }
    }

    fn fence(&self) -> Event {
        Event::Fence { lease: self.lease(), until: self.now + LEASE, margin: MARGIN }
    }

    fn settle(&self, outcome: Outcome) -> Event {
        Event::Settle { lease: self.lease(), outcome, random: 1.0 }
    }

    fn claimed(self) -> Self {
        let claim = self.claim();
        self.with(&claim)
    }

    /// Past the fence.
    fn sending(self) -> Self {
        let case = self.claimed();
        let fence = case.fence();
        case.with(&fence)
    }

    fn settled(self, outcome: Outcome) -> Self {
        let settle = self.settle(outcome);
        self.with(&settle)
    }

    /// After one lost answer.
    fn unknown(self) -> Self {
        self.sending().settled(ambiguous())
    }

    /// After a lost answer and the wait for a report: queued to be sent again.
    fn resent(self) -> Self {
        self.unknown().after(SignedDuration::from_mins(2)).with(&Event::Timer)
    }

    /// In this state, by the shortest way, under at-least-once.
    fn in_state(dispatch: Dispatch) -> Self {
        let case = Self::new(Guarantee::AtLeastOnce);
        match dispatch {
            Dispatch::Scheduled => {
                let mut case = case;
                case.message.state = State::waiting(true, case.now, case.now);
                case
            }
            Dispatch::Queued => case,
            Dispatch::Claimed => case.claimed(),
            Dispatch::Sending => case.sending(),
            Dispatch::Accepted => case.sending().settled(accepted("p-1")),
            Dispatch::Rejected => case.sending().settled(rejected()),
            Dispatch::Unknown => case.unknown(),
            Dispatch::Cancelled => case.with(&Event::Cancel),
            Dispatch::Expired => case.after(Message::DEFAULT_VALIDITY).with(&Event::Timer),
            Dispatch::Dead => (0..3).fold(case, |case, _| case.claimed().after(LEASE).with(&Event::Timer)),
        }
    }
}

fn word(rank: Rank, at: Option<Timestamp>) -> Event {
    let word = match rank {
        Rank::None => "",
        Rank::Sent => "Buffered",
        Rank::NoReport => "no report",
        Rank::Failed => "Failure",
        Rank::Delivered => "Delivered",
    };
    Event::Evidence(Evidence { rank, word: word.to_owned(), at, description: None, provider_message_id: None })
}

fn unhealthy() -> Outcome {
    not_sent(Backoff::Unhealthy)
}
