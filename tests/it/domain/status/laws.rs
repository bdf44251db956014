//! Laws: whatever comes, in whatever order, however often.

use messaging::domain::message::Status;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

fn evidence() -> impl Strategy<Value = Evidence> {
    let word = prop::sample::select(vec!["Delivered", "Failure", "failed", "Buffered", "Sent", "no report", "?"]);
    let at = prop::option::of((0..3_i64, 0..3_i32));
    let description = prop::option::of(prop::sample::select(vec!["absent subscriber", "barred", ""]));
    (word, at, description).prop_map(|(word, at, description)| {
        let at = at.map(|(s, n)| Timestamp::new(start().as_second() + s, n * 600).unwrap());
        let mut evidence = Evidence::of_read_model(word, at, description);
        if word == "no report" {
            evidence.rank = Rank::NoReport;
        }
        evidence
    })
}

/// Some evidence, in two orders, each with repetitions of its own.
fn two_orders() -> impl Strategy<Value = [Vec<Evidence>; 2]> {
    let again = || prop::collection::vec(any::<Index>(), 0..4);
    (prop::collection::vec(evidence(), 1..7), again(), again()).prop_flat_map(|(all, first, second)| {
        let with = |again: Vec<Index>| {
            let repeated = again.iter().map(|i| i.get(&all).clone());
            Just(all.iter().cloned().chain(repeated).collect::<Vec<_>>()).prop_shuffle()
        };
        [with(first), with(second)]
    })
}

/// The part that must not depend on any order.
fn verdict(m: &Message) -> impl PartialEq + std::fmt::Debug + use<> {
    let s = &m.state;
    let words = (s.provider_status.clone(), s.error_code.clone(), s.error.clone());
    (m.status(), s.dispatch, s.rank, s.delivered_at, s.failed_at, words, s.due_at)
}

fn report(case: &mut Case, evidence: &[Evidence]) {
    for one in evidence {
        let _ = case.apply(&Event::Evidence(one.clone()));
    }
}

proptest! {
    #[test]
    fn the_order_and_the_repetition_of_reports_do_not_matter(
        dispatch in prop::sample::select(Dispatch::ALL.to_vec()), orders in two_orders(),
    ) {
        let [one, other] = orders.map(|evidence| {
            let mut case = Case::in_state(dispatch);
            report(&mut case, &evidence);
            verdict(&case.message)
        });
        prop_assert_eq!(one, other);
    }

    #[test]
    fn it_does_not_matter_whether_the_answer_or_the_reports_come_first(
        resend: bool, outcome in prop::sample::select(vec![accepted("p-1"), rejected(), unhealthy(), server_failed(), ambiguous()]),
        orders in two_orders(), at in prop::array::uniform2(any::<Index>()),
    ) {
        let mut verdicts = orders.iter().zip(at).map(|(evidence, at)| {
            let mut case = Case::new(Guarantee::AtLeastOnce);
            case = if resend { case.resent().sending() } else { case.sending() };
            let (before, after) = evidence.split_at(at.index(evidence.len() + 1));
            let settle = case.settle(outcome.clone());
            report(&mut case, before);
            case = case.with(&settle);
            report(&mut case, after);
            verdict(&case.message)
        });
        prop_assert_eq!(verdicts.next(), verdicts.next());
    }
}

/// The next step of a world of several workers, a provider and a clock.
#[derive(Debug, Clone)]
enum Step {
    Claim(Uuid),
    Fence(Index),
    Release(Index),
    Answer(Index, u8),
    Evidence(Evidence),
    Timer,
    Poll(bool),
    Unreported,
    Cancel,
    Supersede,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let worker = prop::sample::select(vec![ME, OTHER]);
    prop_oneof![
        5 => worker.prop_map(Step::Claim),
        5 => any::<Index>().prop_map(Step::Fence),
        1 => any::<Index>().prop_map(Step::Release),
        5 => (any::<Index>(), 0..6_u8).prop_map(|(call, answer)| Step::Answer(call, answer)),
        1 => evidence().prop_map(Step::Evidence),
        4 => Just(Step::Timer),
        1 => any::<bool>().prop_map(Step::Poll),
        1 => Just(Step::Unreported),
        1 => Just(Step::Cancel),
        1 => Just(Step::Supersede),
        4 => prop::sample::select(vec![1_i64, 30, 61, 121, 901, 260_000]).prop_map(Step::Wait),
    ]
}

/// One message, everybody who ever held it, and every call that was made for it.
struct World {
    case: Case,
    leases: Vec<Lease>,
    /// The calls past the fence, and the provider's answer once there is one.
    calls: Vec<(Lease, Option<Outcome>)>,
}

impl World {
    fn step(&mut self, step: &Step) {
        let of = |leases: &[Lease], i: &Index| leases.get(i.index(leases.len().max(1))).copied();
        let event = match step {
            Step::Wait(seconds) => return self.case.now += SignedDuration::from_secs(*seconds),
            Step::Claim(by) => Event::Claim { by: *by, until: self.case.now + LEASE },
            Step::Fence(i) => match of(&self.leases, i) {
                Some(lease) => Event::Fence { lease, until: self.case.now + LEASE, margin: MARGIN },
                None => return,
            },
            Step::Release(i) => match of(&self.leases, i) {
                // It says that it made no call; who has an answer does not say so.
                Some(lease) => {
                    let mine = |(by, answer): &&mut (Lease, Option<Outcome>)| *by == lease && answer.is_none();
                    if self.calls.iter().any(|(by, answer)| *by == lease && answer.is_some()) {
                        return;
                    }
                    self.calls.iter_mut().filter(mine).for_each(|call| call.1 = Some(unhealthy()));
                    Event::Release { lease }
                }
                None => return,
            },
            Step::Answer(i, answer) => {
                let number = i.index(self.calls.len().max(1));
                let Some((lease, answered)) = self.calls.get_mut(number) else { return };
                // A call has one answer; what may be repeated is the settle.
                let outcome = answered.get_or_insert_with(|| match answer {
                    0 => accepted("p-1"),
                    1 => rejected(),
                    2 => not_sent(Backoff::AccountBlocked),
                    3 => unhealthy(),
                    4 => server_failed(),
                    _ => ambiguous(),
                });
                Event::Settle { lease: *lease, outcome: outcome.clone(), random: 0.0 }
            }
            Step::Evidence(evidence) => Event::Evidence(evidence.clone()),
            Step::Timer => Event::Timer,
            Step::Poll(asks) => Event::Poll { asks: *asks },
            Step::Unreported => Event::Unreported,
            Step::Cancel => Event::Cancel,
            Step::Supersede => Event::Supersede { by: MessageId(OTHER) },
        };
        let before = self.case.message.clone();
        let result = self.case.apply(&event);
        self.check(&before, &event, result.as_ref());
        self.note(&event, result.is_ok());
    }

    fn note(&mut self, event: &Event, done: bool) {
        let state = &self.case.message.state;
        match event {
            Event::Claim { by, .. } if done && state.dispatch == Dispatch::Claimed => {
                self.leases.push(Lease { by: *by, epoch: state.epoch });
            }
            Event::Fence { lease, .. } if done && state.dispatch == Dispatch::Sending => {
                self.calls.push((*lease, None));
            }
            _ => {}
        }
    }

    fn check(&mut self, before: &Message, event: &Event, result: Result<&Change, &Refused>) {
        let after = &self.case.message;
        let Ok(change) = result else {
            return assert_eq!(before, after, "a refused event changes nothing: {event:?}");
        };
        assert_eq!(after.state.version, before.state.version + 1);
        assert_eq!((change.from, change.to), (before.status(), after.status()));
        assert!(after.state.epoch >= before.state.epoch && after.state.rank >= before.state.rank);
        self.check_the_way_back(before, event);
        check_what_is_final(before, &self.case.message);
        check_the_record(&self.case.message);
    }

    fn check_the_way_back(&self, before: &Message, event: &Event) {
        let after = &self.case.message;
        if after.state.dispatch != Dispatch::Queued || before.state.dispatch == Dispatch::Queued {
            return;
        }
        let last = |lease: &Lease| before.state.epoch == lease.epoch && before.state.held_by == Some(lease.by);
        let fits = match before.state.dispatch {
            Dispatch::Sending => {
                let mine = |lease: &Lease| before.lease() == Some(*lease);
                match event {
                    Event::Settle { lease, outcome: Outcome::NotSent(_), .. } | Event::Release { lease } => mine(lease),
                    // Tried again with a mark, and never under at-most-once.
                    Event::Settle { lease, outcome: Outcome::ServerFailed(_), .. } => {
                        mine(lease) && after.guarantee == Guarantee::AtLeastOnce && after.state.possible_duplicate
                    }
                    _ => false,
                }
            }
            Dispatch::Unknown => match event {
                Event::Timer => after.guarantee == Guarantee::AtLeastOnce,
                // The reaper was wrong: its holder lives, and did not send it.
                Event::Release { lease } | Event::Settle { lease, outcome: Outcome::NotSent(_), .. } => last(lease),
                Event::Settle { lease, outcome: Outcome::ServerFailed(_), .. } => {
                    last(lease) && after.guarantee == Guarantee::AtLeastOnce
                }
                _ => false,
            },
            Dispatch::Scheduled => *event == Event::Timer,
            Dispatch::Claimed => matches!(event, Event::Timer | Event::Release { .. }),
            _ => false,
        };
        assert!(fits, "{:?} went back to the queue by {event:?}", before.state.dispatch);
    }

    /// How many of the calls may have left a message with the provider; of those of which it said that it failed there
    /// may be as many as there are tries.
    fn possible_deliveries(&self) -> usize {
        let certainly_not =
            |answer: &Option<Outcome>| matches!(answer, Some(Outcome::NotSent(_) | Outcome::Rejected(_)));
        self.calls.iter().filter(|(_, answer)| !certainly_not(answer)).count()
    }
}

fn check_what_is_final(before: &Message, after: &Message) {
    use Dispatch::{Accepted, Cancelled, Dead, Expired, Rejected};
    if matches!(before.state.dispatch, Accepted | Rejected | Cancelled | Expired | Dead) {
        assert_eq!(before.state.dispatch, after.state.dispatch, "what we did is done");
    }
    let may_become: &[Status] = match before.status() {
        Status::Delivered => &[Status::Delivered],
        Status::Failed => &[Status::Failed, Status::Delivered],
        Status::Cancelled => &[Status::Cancelled, Status::Failed, Status::Delivered],
        Status::Expired => &[Status::Expired, Status::Failed, Status::Delivered],
        Status::Sent => &[Status::Sent, Status::Expired, Status::Failed, Status::Delivered],
        _ => &Status::ALL,
    };
    assert!(may_become.contains(&after.status()), "{:?} became {:?}", before.status(), after.status());
}

/// The fields of a record agree with each other.
fn check_the_record(m: &Message) {
    let s = &m.state;
    let held = matches!(s.dispatch, Dispatch::Claimed | Dispatch::Sending);
    // Whose lease ended by itself is remembered until the message is at rest or in other hands.
    let remembered = matches!(s.dispatch, Dispatch::Queued | Dispatch::Unknown) && s.crashes > 0;
    assert!(s.held_by.is_some() == held || s.held_by.is_some() && remembered, "{s:?}");
    let waits = !matches!(s.dispatch, Dispatch::Unknown);
    if waits {
        let due = match s.dispatch {
            Dispatch::Scheduled | Dispatch::Queued | Dispatch::Claimed | Dispatch::Sending => true,
            // What was noted as unreported is asked about for a while yet.
            Dispatch::Accepted if s.rank == Rank::NoReport => s.due_at.is_some(),
            Dispatch::Accepted => s.rank < Rank::NoReport,
            _ => false,
        };
        assert_eq!(s.due_at.is_some(), due, "{s:?}");
    }
    assert_eq!(s.delivered_at.is_some(), m.status() == Status::Delivered, "{s:?}");
    assert_eq!(s.failed_at.is_some(), m.status() == Status::Failed, "{s:?}");
    assert!(m.status() != Status::Failed || (s.error.is_some() && s.error_code.is_some()), "{s:?}");
    assert!(m.status() != Status::Delivered || s.error_code.is_none(), "{s:?}");
    assert!(s.dispatch != Dispatch::Accepted || s.sent_at.is_some(), "{s:?}");
    assert!(s.attempts >= 0 && s.crashes <= 3, "{s:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_message_reaches_the_provider_more_often_than_its_guarantee_allows(
        at_most_once: bool, scheduled: bool, steps in prop::collection::vec(step(), 1..80),
    ) {
        let guarantee = if at_most_once { Guarantee::AtMostOnce } else { Guarantee::AtLeastOnce };
        let mut case = Case::new(guarantee);
        if scheduled {
            case.message.state = State::waiting(true, case.now, case.now);
        }
        let mut world = World { case, leases: Vec::new(), calls: Vec::new() };
        for step in &steps {
            world.step(step);
            let said_to_fail = |(_, answer): &&(_, _)| matches!(answer, Some(Outcome::ServerFailed(_)));
            let most = if at_most_once { 1 } else { 2 + world.calls.iter().filter(said_to_fail).count() };
            prop_assert!(world.possible_deliveries() <= most, "{:?}", world.calls);
            prop_assert!(world.possible_deliveries() < 2 || world.case.message.state.possible_duplicate);
        }
    }
}
