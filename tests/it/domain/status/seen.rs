//! The part of a change that an owner sees, and the end of what a campaign does not wait for any more.

use messaging::domain::status::EventKind;

use super::*;

#[test]
fn only_what_the_owner_sees_is_a_visible_change_and_moves_the_time_of_the_last_one() {
    let mut case = Case::new(Guarantee::AtLeastOnce).after(SignedDuration::from_secs(1));
    let accepted_at = case.message.state.updated_at;
    let claim = case.claim();
    assert!(!case.apply(&claim).unwrap().visible, "nobody sees who holds it");
    assert_eq!(case.message.state.updated_at, accepted_at);
    let fence = case.fence();
    assert!(case.apply(&fence).unwrap().visible, "another status");
    assert_eq!(case.message.state.updated_at, case.now);

    let mut case = case.settled(accepted("p-1")).after(SignedDuration::from_secs(1));
    let on_the_way = word(Rank::Sent, None);
    assert!(case.apply(&on_the_way).unwrap().visible, "the same status, another word of the provider's");
    assert_eq!(case.message.state.updated_at, case.now);
    let mut again = case.clone().after(SignedDuration::from_secs(1));
    assert_eq!(again.apply(&on_the_way), Err(Refused::Known), "nothing new");
    assert_eq!(again.message.state.updated_at, case.now);
}

#[test]
fn a_late_word_that_nothing_was_taken_ends_a_campaigns_message_that_rests() {
    let settled = |case: Case, outcome| {
        let settle = Event::Settle { lease: case.lease(), outcome, random: 0.0 };
        let mut case = case.after(LEASE).with(&Event::Timer);
        case.message.lane = Lane::Campaign;
        case.message.state.due_at = None;
        assert_eq!(case.apply(&settle).unwrap().kind, Some(EventKind::LateAnswer));
        let state = case.message.state;
        (state.dispatch, state.due_at, state.error_code.unwrap())
    };
    let once = || Case::new(Guarantee::AtMostOnce).sending();
    assert_eq!(settled(once(), unhealthy()), (Dispatch::Dead, None, "NOT_SENT".to_owned()));
    assert_eq!(settled(once(), server_failed()), (Dispatch::Unknown, None, "PROVIDER_ERROR".to_owned()));
    // An earlier try may have reached the provider: it does not read as never sent.
    let tried = || Case::new(Guarantee::AtLeastOnce).resent().sending();
    assert_eq!(settled(tried(), unhealthy()), (Dispatch::Unknown, None, "PROCESS_LOST".to_owned()));
    assert_eq!(settled(tried(), server_failed()), (Dispatch::Unknown, None, "PROVIDER_ERROR".to_owned()));
}
