//! Shares and turns: how much one may have, while others ask and while nobody does.

use std::time::Duration;

use messaging::admission::{Admission, Limits, Place, Quota, Who};
use messaging::domain::ids::OwnerId;
use proptest::prelude::*;

const ANN: Who = Who::Owner(OwnerId(1));
const BEN: Who = Who::Owner(OwnerId(2));

fn of(calls: usize) -> Admission {
    Admission::new(&Limits { calls, ..Limits::default() })
}

/// Takes places until there is no more for `who`. Returns them, and the reason of the refusal.
fn all(admission: &Admission, who: Who) -> (Vec<Place>, &'static str) {
    let mut taken = Vec::new();
    loop {
        match admission.take(Quota::Calls, who, None) {
            Ok(place) => taken.push(place),
            Err(e) => return (taken, e.reason()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_leaves_an_eighth_to_the_next_one_and_has_half_once_that_one_asked() {
    let admission = of(16);
    let (of_ann, why) = all(&admission, ANN);
    assert_eq!((of_ann.len(), why), (14, "TOO_MANY_CALLS_OF_ONE_OWNER"));
    let (of_ben, why) = all(&admission, BEN);
    assert_eq!((of_ben.len(), why), (2, "TOO_MANY_CALLS"), "what was left");
    drop(of_ann);
    assert_eq!(all(&admission, ANN).0.len(), 8, "another one asked");
    tokio::time::advance(Duration::from_mins(2)).await;
    drop(of_ben);
    assert_eq!(all(&admission, ANN).0.len(), 14, "nobody else has asked for a while");
    assert_eq!(admission.taken(Quota::Calls), 0);
}

#[tokio::test]
async fn the_smallest_share_has_one_place() {
    let admission = of(1);
    let (taken, why) = all(&admission, ANN);
    assert_eq!((taken.len(), why), (1, "TOO_MANY_CALLS"));
}

#[tokio::test]
async fn a_refusal_of_the_owners_own_share_names_the_quota_and_how_much_one_may_have() {
    use tonic_types::StatusExt as _;
    let admission = of(8);
    let (_taken, _) = all(&admission, ANN);
    let status = messaging::grpc::render(&admission.take(Quota::Calls, ANN, None).unwrap_err());
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "calls");
    assert!(status.get_details_retry_info().is_some());
    assert!(status.message().contains(": 7."), "{}", status.message());
}

#[tokio::test]
async fn who_waits_for_a_turn_holds_up_nobody_but_its_own() {
    let admission = Admission::new(&Limits { lists: 4, ..Limits::default() });
    let (ann, ben) = (OwnerId(1), OwnerId(2));
    let _held = [admission.list(ann).await, admission.list(ann).await];
    let mut waits = Vec::new();
    for _ in 0..40 {
        waits.push(Box::pin(admission.list(ann)));
    }
    for wait in &mut waits {
        assert!(futures::poll!(wait).is_pending());
    }
    let mut other = Box::pin(admission.list(ben));
    assert!(futures::poll!(&mut other).is_ready());
}

#[tokio::test]
async fn places_that_are_held_for_days_are_taken_back_for_whoever_has_fewer_and_their_holders_are_told() {
    let admission = Admission::new(&Limits { streams: 16, ..Limits::default() });
    let take = |who| admission.take(Quota::Streams, who, None);
    let of_ann: Vec<Place> = std::iter::from_fn(|| take(ANN).ok()).collect();
    let told = |places: &[Place]| places.iter().filter(|place| place.notice().unwrap().is_cancelled()).count();
    let mut of_ben: Vec<Place> = std::iter::from_fn(|| take(BEN).ok()).collect();
    assert_eq!((of_ann.len(), of_ben.len(), told(&of_ann)), (14, 8, 6));
    assert!(of_ann[0].notice().unwrap().is_cancelled() && !of_ann[13].notice().unwrap().is_cancelled(), "the oldest");
    assert_eq!((take(ANN).unwrap_err().reason(), admission.taken(Quota::Streams)), ("TOO_MANY_WATCHES", 16));
    let third = Who::Address([127, 0, 0, 1].into());
    let of_third: Vec<Place> = std::iter::from_fn(|| take(third).ok()).collect();
    assert_eq!((of_third.len(), told(&of_ann) + told(&of_ben)), (5, 11), "all have as many, but for one");
    let anns = of_ann.len() - told(&of_ann);
    drop(of_ann);
    assert_eq!(admission.taken(Quota::Streams), 16 - anns, "what was taken back is not given back twice");
    of_ben.clear();
    drop(of_third);
    assert_eq!(admission.taken(Quota::Streams), 0);
}

proptest! {
    /// Whatever is taken, grown and given back: never more than the whole, and nothing is left at the end.
    #[test]
    fn what_is_given_back_is_there_again(steps in prop::collection::vec((0_i64..3, 0_usize..9, any::<bool>()), 0..60)) {
        let admission = Admission::new(&Limits { bytes: 20, ..Limits::default() });
        let mut rooms: Vec<(Place, usize)> = Vec::new();
        for (owner, size, new) in steps {
            if new || rooms.is_empty() {
                rooms.push((admission.bytes(Who::Owner(OwnerId(owner))), 0));
            }
            let at = usize::try_from(owner).unwrap() % rooms.len();
            if size == 8 {
                rooms.swap_remove(at);
            } else if let Some((room, held)) = rooms.get_mut(at) && admission.resize(room, size).is_ok() {
                *held = size;
            }
            let held: usize = rooms.iter().map(|(_, held)| held).sum();
            prop_assert_eq!(admission.taken(Quota::Bytes), held);
            prop_assert!(held <= 20);
        }
        drop(rooms);
        prop_assert_eq!(admission.taken(Quota::Bytes), 0);
    }
}
