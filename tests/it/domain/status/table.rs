//! Every event on every state, and the transitions that carry a promise, one by one.

use std::fmt::Write as _;
use std::time::Duration;

use messaging::domain::ids::ProviderMessageId;
use messaging::domain::message::Status;
use messaging::domain::status::{BLOCKED_RETRY, EventKind, supersede};
use messaging::domain::supersede::Fate;

use super::*;

fn short(result: &Result<Change, Refused>, after: &Message) -> String {
    match result {
        Ok(_) => format!("{:?}", after.state.dispatch),
        Err(refused) => format!("({refused:?})").to_lowercase(),
    }
}

/// A column of the table: its heading, and what happens to the message; time may go by first.
type Column<'a> = (&'a str, &'a dyn Fn(&mut Case) -> Event);

/// The state after each event, or in brackets why it is refused.
fn table(columns: &[Column<'_>]) -> String {
    let mut table = format!("{:11}", "");
    for (name, _) in columns {
        write!(table, "{name:12}").unwrap();
    }
    for dispatch in Dispatch::ALL {
        write!(table, "\n{:11}", format!("{dispatch:?}")).unwrap();
        for (_, event) in columns {
            let mut case = Case::in_state(dispatch);
            let before = case.message.clone();
            let result = {
                let event = event(&mut case);
                case.apply(&event)
            };
            if result.is_err() {
                assert_eq!(case.message, before, "refused, and changed");
            }
            write!(table, "{:12}", short(&result, &case.message)).unwrap();
        }
    }
    table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn by(case: &Case, by: Uuid, epoch: i32, outcome: Outcome) -> Event {
    let lease = Lease { by, epoch: case.message.state.epoch + epoch };
    Event::Settle { lease, outcome, random: 0.5 }
}

#[test]
fn the_holder_moves_a_message_forward_and_nobody_else_does() {
    insta::assert_snapshot!(table(&[
        ("claim", &|c| c.claim()),
        ("fence", &|c| c.fence()),
        ("fence other", &|c| Event::Fence { lease: Lease { by: OTHER, ..c.lease() }, until: c.now, margin: MARGIN }),
        ("release", &|c| Event::Release { lease: c.lease() }),
        ("rel. other", &|c| Event::Release { lease: Lease { by: OTHER, ..c.lease() } }),
        ("cancel", &|_| Event::Cancel),
        ("supersede", &|_| Event::Supersede { by: MessageId(OTHER) }),
        ("two minutes", &|c| {
            c.now += SignedDuration::from_mins(2);
            Event::Timer
        }),
        ("validity", &|c| {
            c.now += Message::DEFAULT_VALIDITY;
            Event::Timer
        }),
    ]), @r"
               claim       fence       fence other release     rel. other  cancel      supersede   two minutes validity
    Scheduled  Claimed     (state)     (state)     (notholder) (notholder) Cancelled   Cancelled   Queued      Expired
    Queued     Claimed     (state)     (state)     (notholder) (notholder) Cancelled   Cancelled   (state)     Expired
    Claimed    (state)     Sending     (notholder) Queued      (notholder) (state)     Cancelled   Queued      Queued
    Sending    (state)     (state)     (state)     Queued      (notholder) (state)     (state)     Unknown     Unknown
    Accepted   (state)     (state)     (state)     (notholder) (notholder) (state)     (state)     (state)     (state)
    Rejected   (state)     (state)     (state)     (notholder) (notholder) (state)     (state)     (state)     (state)
    Unknown    (state)     (state)     (state)     (notholder) (notholder) Unknown     Unknown     Queued      Unknown
    Cancelled  (state)     (state)     (state)     (notholder) (notholder) (state)     (state)     (state)     (state)
    Expired    (state)     (state)     (state)     (notholder) (notholder) (state)     (state)     (state)     (state)
    Dead       (state)     (state)     (state)     (notholder) (notholder) (state)     (state)     (state)     (state)
    ");
}

#[test]
fn an_answer_settles_what_its_holder_is_sending_and_a_late_one_only_brings_good_news() {
    insta::assert_snapshot!(table(&[
        ("accepted", &|c| c.settle(accepted("p-2"))),
        ("rejected", &|c| c.settle(rejected())),
        ("not sent", &|c| c.settle(unhealthy())),
        ("ambiguous", &|c| c.settle(ambiguous())),
        ("late acc.", &|c| by(c, ME, -1, accepted("p-2"))),
        ("late rej.", &|c| by(c, ME, -1, rejected())),
        ("late not s.", &|c| by(c, ME, -1, unhealthy())),
        ("late amb.", &|c| by(c, OTHER, 0, ambiguous())),
    ]), @r"
               accepted    rejected    not sent    ambiguous   late acc.   late rej.   late not s. late amb.
    Scheduled  (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Queued     (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Claimed    (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Sending    Accepted    Rejected    Queued      Unknown     (notholder) (notholder) (notholder) (notholder)
    Accepted   (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Rejected   (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Unknown    Accepted    (notholder) (notholder) (notholder) Accepted    (notholder) (notholder) (notholder)
    Cancelled  (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Expired    (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    Dead       (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder) (notholder)
    ");
}

#[test]
fn what_the_carrier_speaks_of_was_taken() {
    insta::assert_snapshot!(table(&[
        ("sent", &|c| word(Rank::Sent, Some(c.now))),
        ("no report", &|c| word(Rank::NoReport, Some(c.now))),
        ("failed", &|c| word(Rank::Failed, Some(c.now))),
        ("delivered", &|c| word(Rank::Delivered, Some(c.now))),
        ("nothing", &|c| word(Rank::None, Some(c.now))),
    ]), @r"
               sent        no report   failed      delivered   nothing
    Scheduled  Accepted    Scheduled   Accepted    Accepted    (known)
    Queued     Accepted    Queued      Accepted    Accepted    (known)
    Claimed    Accepted    Claimed     Accepted    Accepted    (known)
    Sending    Sending     Sending     Sending     Sending     (known)
    Accepted   Accepted    Accepted    Accepted    Accepted    (known)
    Rejected   Rejected    Rejected    Rejected    Rejected    (known)
    Unknown    Accepted    Unknown     Accepted    Accepted    (known)
    Cancelled  Cancelled   Cancelled   Cancelled   Cancelled   (known)
    Expired    Expired     Expired     Expired     Expired     (known)
    Dead       Dead        Dead        Dead        Dead        (known)
    ");
}

#[test]
fn the_owner_reads_one_status_for_the_two_axes() {
    let mut table = format!("{:11}", "");
    for rank in Rank::ALL {
        write!(table, "{:11}", format!("{rank:?}")).unwrap();
    }
    for dispatch in Dispatch::ALL {
        write!(table, "\n{:11}", format!("{dispatch:?}")).unwrap();
        for rank in Rank::ALL {
            write!(table, "{:11}", format!("{:?}", Status::of(dispatch, rank))).unwrap();
        }
    }
    insta::assert_snapshot!(table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"), @r"
               None       Sent       NoReport   Failed     Delivered
    Scheduled  Scheduled  Scheduled  Scheduled  Failed     Delivered
    Queued     Queued     Queued     Queued     Failed     Delivered
    Claimed    Queued     Queued     Queued     Failed     Delivered
    Sending    Sending    Sending    Sending    Failed     Delivered
    Accepted   Sent       Sent       Expired    Failed     Delivered
    Rejected   Failed     Failed     Failed     Failed     Delivered
    Unknown    Unknown    Unknown    Unknown    Failed     Delivered
    Cancelled  Cancelled  Cancelled  Cancelled  Failed     Delivered
    Expired    Expired    Expired    Expired    Failed     Delivered
    Dead       Failed     Failed     Failed     Failed     Delivered
    ");
}

#[test]
fn the_fence_needs_a_lease_with_its_margin_left() {
    let case = Case::new(Guarantee::AtLeastOnce).claimed();
    let fence = case.fence();
    let last = case.clone().after(LEASE - MARGIN).apply(&fence);
    let late = case.after(LEASE - MARGIN + SignedDuration::from_micros(1)).apply(&fence);
    assert_eq!(last.unwrap().kind, Some(EventKind::Fenced));
    assert_eq!(late, Err(Refused::NotHolder));
}

#[test]
fn the_fence_of_an_earlier_hold_is_refused() {
    let case = Case::new(Guarantee::AtLeastOnce).claimed();
    let fence = case.fence();
    let mut case = case.after(LEASE).with(&Event::Timer).claimed();
    assert_eq!(case.apply(&fence), Err(Refused::NotHolder));
}

#[test]
fn nothing_is_claimed_before_its_time() {
    let mut case = Case::new(Guarantee::AtLeastOnce).sending().settled(unhealthy());
    assert_eq!(case.message.state.due_at, Some(case.now + SignedDuration::from_secs(2)));
    assert_eq!(case.apply(&case.claim()), Err(Refused::State));
    let mut case = case.after(SignedDuration::from_secs(2));
    assert!(case.apply(&case.claim()).is_ok());
}

#[test]
fn a_message_whose_validity_ended_is_not_sent() {
    let late = Message::DEFAULT_VALIDITY;
    let case = Case::new(Guarantee::AtLeastOnce).after(late);
    assert_eq!(case.claimed().message.status(), Status::Expired);

    let mut case = Case::new(Guarantee::AtLeastOnce).after(late - SignedDuration::from_secs(20)).claimed();
    case.now += SignedDuration::from_secs(20);
    let fence = case.fence();
    let case = case.with(&fence);
    assert_eq!((case.message.status(), case.message.state.attempts), (Status::Expired, 0));
    assert_eq!(case.message.state.error_code.as_deref(), Some("VALIDITY_ENDED"));
}

#[test]
fn a_lost_answer_is_sent_again_once_after_two_minutes_under_at_least_once() {
    let mut case = Case::new(Guarantee::AtLeastOnce).unknown();
    assert_eq!(case.message.status(), Status::Unknown);
    assert_eq!(case.clone().after(SignedDuration::from_secs(119)).apply(&Event::Timer), Err(Refused::State));
    case = case.after(SignedDuration::from_mins(2)).with(&Event::Timer);
    assert_eq!(case.message.status(), Status::Queued);

    case = case.sending();
    assert!(case.message.state.possible_duplicate);
    case = case.settled(ambiguous());
    assert_eq!((case.message.status(), case.message.state.due_at), (Status::Unknown, None));
    assert_eq!(case.after(SignedDuration::from_hours(1)).apply(&Event::Timer), Err(Refused::State));
}

#[test]
fn a_lost_answer_is_never_resent_under_at_most_once() {
    let mut case = Case::new(Guarantee::AtMostOnce).unknown();
    assert_eq!((case.message.status(), case.message.state.due_at), (Status::Unknown, None));
    case = case.after(SignedDuration::from_hours(24));
    assert_eq!(case.apply(&Event::Timer), Err(Refused::State));
    assert_eq!(case.apply(&case.claim()), Err(Refused::State));
}

#[test]
fn after_a_server_error_a_message_is_tried_again_as_a_possible_duplicate_and_never_under_at_most_once() {
    let again = Case::new(Guarantee::AtLeastOnce).sending().settled(server_failed());
    let state = &again.message.state;
    assert_eq!((state.dispatch, state.possible_duplicate, state.ambiguous), (Dispatch::Queued, true, 0));
    let once = Case::new(Guarantee::AtMostOnce).sending().settled(server_failed());
    assert_eq!((once.message.state.dispatch, once.message.state.due_at), (Dispatch::Unknown, None));
    assert!(!once.message.state.possible_duplicate, "it is sent once at most");
}

#[test]
fn what_may_be_at_the_provider_never_reads_as_never_sent() {
    let failed = || Case::new(Guarantee::AtLeastOnce).sending().settled(server_failed());
    let lost = || Case::new(Guarantee::AtLeastOnce).resent();
    let end = SignedDuration::from_mins(15);
    for (name, case) in [
        ("cancelled after a server error", failed().with(&Event::Cancel)),
        ("cancelled after a lost answer", lost().with(&Event::Cancel)),
        ("superseded", failed().with(&Event::Supersede { by: MessageId(OTHER) })),
        ("opted out", failed().with(&Event::OptOut)),
        ("expired", failed().after(Message::DEFAULT_VALIDITY).claimed()),
        ("refused", failed().after(end).sending().settled(rejected())),
    ] {
        let state = &case.message.state;
        assert_eq!((state.dispatch, state.due_at, state.failed_at), (Dispatch::Unknown, None, None), "{name}");
    }
    let mut tried = failed();
    while tried.message.state.dispatch == Dispatch::Queued {
        tried = tried.after(end).sending().settled(server_failed());
    }
    assert_eq!((tried.message.status(), tried.message.state.attempts), (Status::Unknown, 12));
    let again = Event::Requeue { may_duplicate: false };
    assert_eq!(tried.apply(&again), Err(Refused::MayDuplicate));
}

#[test]
fn what_is_told_of_a_superseded_message_is_whether_it_is_sent() {
    let told = |case: Case| {
        let mut message = case.message;
        let before = message.clone();
        let (change, fate) = supersede(&mut message, MessageId(OTHER), case.now);
        assert_eq!(change.is_none(), message == before);
        (message.state.dispatch, fate)
    };
    for dispatch in Dispatch::ALL {
        let expected = match dispatch {
            Dispatch::Scheduled | Dispatch::Queued | Dispatch::Claimed => (Dispatch::Cancelled, Some(Fate::Cancelled)),
            Dispatch::Sending | Dispatch::Accepted | Dispatch::Unknown => (dispatch, Some(Fate::AlreadySent)),
            other => (other, None),
        };
        assert_eq!(told(Case::in_state(dispatch)), expected, "{dispatch:?}");
    }
    let lost = Case::new(Guarantee::AtLeastOnce).resent();
    assert_eq!(
        told(lost),
        (Dispatch::Unknown, Some(Fate::AlreadySent)),
        "an earlier try may have reached the provider"
    );
    let old = Case::in_state(Dispatch::Accepted).after(Message::DEFAULT_VALIDITY);
    assert_eq!(told(old), (Dispatch::Accepted, None), "it is of no use to anybody any more");
    let superseded = Case::new(Guarantee::AtLeastOnce).with(&Event::Supersede { by: MessageId(OTHER) }).message;
    assert_eq!(superseded.state.error_code.as_deref(), Some("SUPERSEDED"));
}

#[test]
fn a_dead_process_leaves_unknown_what_it_was_sending_and_queued_what_it_was_not() {
    let claimed = Case::new(Guarantee::AtMostOnce).claimed().after(LEASE).with(&Event::Timer);
    assert_eq!(claimed.message.state.dispatch, Dispatch::Queued);
    let sending = Case::new(Guarantee::AtMostOnce).sending().after(LEASE).with(&Event::Timer);
    assert_eq!(sending.message.state.dispatch, Dispatch::Unknown);
}

#[test]
fn a_holder_that_was_thought_dead_takes_back_what_it_did_not_send_until_another_takes_it() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::AtMostOnce] {
        let lost = Case::new(guarantee).sending();
        let lease = lost.lease();
        let release = Event::Release { lease };
        let settle = |outcome| Event::Settle { lease, outcome, random: 0.0 };
        let lost = lost.after(LEASE).with(&Event::Timer);
        let back = lost.clone().with(&release);
        let state = &back.message.state;
        assert_eq!((state.dispatch, state.attempts, state.ambiguous), (Dispatch::Queued, 0, 0));
        assert_eq!((state.crashes, &state.error_code), (0, &None), "it did not crash");
        assert_eq!(lost.clone().with(&settle(unhealthy())).message.state.dispatch, Dispatch::Queued);
        assert_eq!(lost.clone().with(&settle(rejected())).message.state.dispatch, Dispatch::Rejected);
        assert_eq!(lost.clone().apply(&settle(ambiguous())), Err(Refused::NotHolder), "that is what it is");

        let mut ended = lost.clone();
        ended.message.lane = Lane::Campaign;
        ended.message.state.due_at = None;
        assert_eq!(ended.with(&release).message.state.dispatch, Dispatch::Dead, "its campaign may have ended");
    }
    let resent = Case::new(Guarantee::AtLeastOnce).sending();
    let late = Event::Release { lease: resent.lease() };
    let resent = resent.after(LEASE).with(&Event::Timer).after(SignedDuration::from_mins(2)).with(&Event::Timer);
    assert_eq!(resent.clone().with(&late).message.state.dispatch, Dispatch::Queued);
    assert_eq!(resent.claimed().apply(&late), Err(Refused::NotHolder));
}

#[test]
fn what_is_given_back_past_the_fence_is_an_event_because_it_was_seen_being_sent() {
    let mut sending = Case::new(Guarantee::AtMostOnce).sending();
    let change = sending.apply(&Event::Release { lease: sending.lease() }).unwrap();
    assert_eq!(change.kind, Some(EventKind::Released));
    assert_eq!((change.from, change.to), (Status::Sending, Status::Queued));
    let mut claimed = Case::new(Guarantee::AtMostOnce).claimed();
    assert_eq!(claimed.apply(&Event::Release { lease: claimed.lease() }).unwrap().kind, None);
}

#[test]
fn what_its_caller_was_told_is_not_stored_is_not_sent() {
    let sending = Case::new(Guarantee::AtMostOnce).sending();
    let withdraw = Event::Withdraw { lease: Some(sending.lease()) };
    for case in [sending.clone(), sending.clone().after(LEASE).with(&Event::Timer)] {
        let state = case.with(&withdraw).message.state;
        assert_eq!((state.dispatch, state.attempts, state.due_at), (Dispatch::Cancelled, 0, None));
    }
    let waiting = Case::new(Guarantee::AtMostOnce);
    let withdraw = Event::Withdraw { lease: None };
    assert_eq!(waiting.clone().with(&withdraw).message.status(), Status::Cancelled);
    assert_eq!(waiting.sending().apply(&withdraw), Err(Refused::State), "somebody has it");
}

#[test]
fn a_message_that_is_requeued_waits_for_no_campaign() {
    let mut dead = Case::in_state(Dispatch::Dead);
    dead.message.lane = Lane::Campaign;
    let requeued = dead.with(&Event::Requeue { may_duplicate: false });
    assert_eq!((requeued.message.state.dispatch, requeued.message.lane), (Dispatch::Queued, Lane::Single));
}

#[test]
fn the_third_crash_ends_the_tries_and_one_that_may_be_sent_stays_unknown() {
    let dead = Case::in_state(Dispatch::Dead);
    assert_eq!((dead.message.status(), dead.message.state.crashes), (Status::Failed, 3));
    let mut unsure = Case::new(Guarantee::AtLeastOnce).sending().after(LEASE).with(&Event::Timer);
    unsure = unsure.after(SignedDuration::from_mins(2)).with(&Event::Timer);
    for _ in 0..2 {
        unsure = unsure.claimed().after(LEASE).with(&Event::Timer);
    }
    let state = &unsure.message.state;
    assert_eq!((state.dispatch, state.crashes, state.due_at), (Dispatch::Unknown, 3, None));
}

#[test]
fn twelve_tries_end_a_message_and_a_blocked_account_costs_none() {
    let mut case = Case::new(Guarantee::AtLeastOnce);
    for attempt in 1..=12 {
        assert_eq!(case.message.status(), Status::Queued, "before try {attempt}");
        case = case.sending().settled(not_sent(Backoff::AccountBlocked));
        assert_eq!(case.message.state.due_at, Some(case.now + BLOCKED_RETRY));
        case = case.after(BLOCKED_RETRY).sending().settled(unhealthy()).after(SignedDuration::from_mins(15));
    }
    assert_eq!((case.message.status(), case.message.state.attempts), (Status::Failed, 12));
    assert_eq!(case.message.state.error_code.as_deref(), Some("RETRIES_EXHAUSTED"));
}

#[test]
fn a_message_that_may_have_been_taken_never_reads_as_failed_when_its_tries_end() {
    let mut case = Case::new(Guarantee::AtLeastOnce).resent();
    while case.message.state.dispatch == Dispatch::Queued {
        case = case.sending().settled(unhealthy()).after(SignedDuration::from_mins(15));
    }
    assert_eq!((case.message.status(), case.message.state.attempts), (Status::Unknown, 12));

    let refused = Case::new(Guarantee::AtLeastOnce).resent().sending().settled(rejected());
    assert_eq!((refused.message.status(), refused.message.state.failed_at), (Status::Unknown, None));
    let expired = Case::new(Guarantee::AtLeastOnce).resent().after(Message::DEFAULT_VALIDITY).claimed();
    assert_eq!(expired.message.status(), Status::Unknown);
}

#[test]
fn the_providers_wish_to_wait_is_honoured_up_to_an_hour() {
    let wait = |retry_after| {
        let case = Case::new(Guarantee::AtLeastOnce).sending().settled(not_sent(Backoff::Throttled { retry_after }));
        case.message.state.due_at.unwrap().duration_since(case.now)
    };
    assert_eq!(wait(None), SignedDuration::from_secs(2));
    assert_eq!(wait(Some(Duration::from_secs(90))), SignedDuration::from_secs(90));
    assert_eq!(wait(Some(Duration::from_hours(9))), SignedDuration::from_hours(1));
}

#[test]
fn what_was_reported_while_it_was_being_sent_is_not_sent_again() {
    for rank in [Rank::Sent, Rank::Failed, Rank::Delivered] {
        let reported = Case::new(Guarantee::AtLeastOnce).sending().with(&word(rank, Some(start())));
        for case in [
            reported.clone().settled(unhealthy()),
            reported.clone().settled(ambiguous()),
            reported.clone().after(LEASE).with(&Event::Timer),
        ] {
            let state = &case.message.state;
            assert_eq!((state.dispatch, state.held_by), (Dispatch::Accepted, None), "{rank:?}");
            assert_eq!(state.due_at.is_some(), rank == Rank::Sent, "the provider is asked about what is on its way");
            assert!(state.sent_at.is_some());
        }
    }
}

#[test]
fn a_late_acceptance_saves_the_resend_and_names_the_providers_id() {
    for case in [
        Case::new(Guarantee::AtLeastOnce).unknown(),
        Case::new(Guarantee::AtLeastOnce).resent(),
        Case::new(Guarantee::AtLeastOnce).resent().claimed(),
        Case::new(Guarantee::AtLeastOnce).resent().sending(),
        Case::new(Guarantee::AtMostOnce).unknown().with(&word(Rank::Delivered, None)),
    ] {
        let late = Event::Settle { lease: Lease { by: ME, epoch: 1 }, outcome: accepted("p-9"), random: 0.0 };
        let second = Event::Settle { lease: case.lease(), outcome: unhealthy(), random: 0.0 };
        let mut case = case;
        // The one that is being sent has another lease: its holder's answer would settle it.
        let change = case.apply(&late).unwrap();
        assert_eq!(change.kind, Some(EventKind::LateAnswer));
        assert_eq!(case.message.state.dispatch, Dispatch::Accepted);
        assert_eq!(case.message.state.provider_message_id.as_ref().unwrap().as_str(), "p-9");
        assert_eq!(case.apply(&second), Err(Refused::NotHolder));
    }
}

#[test]
fn a_report_brings_the_providers_id_to_a_message_that_has_none_and_changes_no_other() {
    let named = |id: &str, rank| {
        let provider_message_id = ProviderMessageId::from_provider(id);
        let Event::Evidence(evidence) = word(rank, Some(start())) else { unreachable!() };
        Event::Evidence(Evidence { provider_message_id, ..evidence })
    };
    let id = |case: &Case| case.message.state.provider_message_id.as_ref().map(ToString::to_string);
    let lost = Case::new(Guarantee::AtMostOnce).unknown().with(&word(Rank::Delivered, Some(start())));
    assert_eq!((lost.message.status(), id(&lost)), (Status::Delivered, None));
    // It says nothing new of the delivery.
    let lost = lost.with(&named("p-7", Rank::Sent));
    assert_eq!((lost.message.status(), id(&lost).as_deref()), (Status::Delivered, Some("p-7")));
    assert_eq!(lost.clone().apply(&named("p-8", Rank::Sent)), Err(Refused::Known));
}

#[test]
fn a_word_on_the_way_leaves_the_reason_of_a_refusal() {
    let case = Case::in_state(Dispatch::Rejected).with(&word(Rank::Sent, None));
    assert_eq!(case.message.status(), Status::Failed);
    assert!(case.message.state.failed_at.is_some());
    assert_eq!(case.message.state.error_code.as_deref(), Some("PROVIDER_REJECTED"));
}

#[test]
fn an_acceptance_leaves_the_reason_of_a_failure_that_was_reported_first() {
    let case = Case::in_state(Dispatch::Sending).with(&word(Rank::Failed, Some(start()))).settled(accepted("p-1"));
    let state = &case.message.state;
    assert_eq!((case.message.status(), state.failed_at), (Status::Failed, Some(start())));
    assert_eq!(state.error_code.as_deref(), Some("DELIVERY_FAILED"));
}

#[test]
fn a_report_that_is_finer_than_a_microsecond_is_news_once() {
    let fine: Timestamp = "2026-03-01T12:00:01.123456789Z".parse().unwrap();
    let mut case = Case::in_state(Dispatch::Accepted).with(&word(Rank::Delivered, Some(fine)));
    let kept: Timestamp = "2026-03-01T12:00:01.123456Z".parse().unwrap();
    assert_eq!(case.message.state.delivered_at, Some(kept));
    assert_eq!(case.apply(&word(Rank::Delivered, Some(fine))), Err(Refused::Known));
}
