//! A clock that is not believed when a process starts, and a time that is taken back.

use jiff::SignedDuration;
use messaging::clock::Clock;
use messaging::domain::gate::Gate;
use messaging::domain::message::{Dispatch, Guarantee, Message, Status};
use messaging::metrics::Loop;
use messaging::service::Settings;
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::outcomes::ambiguous;
use crate::support::scripted::{Scripted, all};
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    what_was_left_waits_while_the_clock_of_a_start_is_doubted,
    a_start_that_finds_nothing_left_doubts_only_what_it_would_erase,
    a_process_that_ended_well_says_when_it_served_last,
    no_start_goes_on_from_a_time_that_was_taken_back,
    what_was_put_off_by_a_time_that_is_taken_back_waits_for_as_much_less,
];

const DAYS: SignedDuration = SignedDuration::from_hours(72);
const SENDS: [Loop; 6] = [Loop::Send, Loop::SendBulk, Loop::Timers, Loop::Polls, Loop::Campaigns, Loop::Webhooks];

/// The loops among these that leave their work, in a process that started months after the database was served last.
async fn leave_their_work(rig: Rig, of: &[Loop]) -> Vec<Loop> {
    let rig = rig.begun_by(Clock::system()).await;
    let service = settings::service(&rig.store, &rig.clock, Scripted::new(all), Settings::for_tests());
    of.iter().copied().filter(|which| service.lets_time_pass(*which)).collect()
}

async fn what_was_left_waits_while_the_clock_of_a_start_is_doubted(rig: Rig) {
    rig.store.note_process(Uuid::from_u128(7), 0).await.unwrap();
    let owner = rig.owner().await;
    rig.queued(owner).await;
    assert_eq!(leave_their_work(rig, &SENDS).await, SENDS);
}

async fn a_start_that_finds_nothing_left_doubts_only_what_it_would_erase(rig: Rig) {
    rig.store.note_process(Uuid::from_u128(7), 0).await.unwrap();
    assert_eq!(leave_their_work(rig, Loop::ALL).await, [Loop::Retention]);
}

async fn a_process_that_ended_well_says_when_it_served_last(rig: Rig) {
    // By a clock that is right now, which the next start's is, too.
    let rig = rig.begun_by(Clock::system()).await;
    let owner = rig.owner().await;
    rig.queued(owner).await;
    rig.store.note_process(Uuid::from_u128(7), 0).await.unwrap();
    rig.store.forget_process(Uuid::from_u128(7)).await.unwrap();
    assert!(rig.store.replicas().await.unwrap().is_empty());
    assert_eq!(leave_their_work(rig, Loop::ALL).await, []);
}

async fn no_start_goes_on_from_a_time_that_was_taken_back(rig: Rig) {
    rig.clock.advance(DAYS);
    rig.store.note_process(Uuid::from_u128(7), 0).await.unwrap();
    rig.store.forget_process(Uuid::from_u128(7)).await.unwrap();
    rig.clock.advance(-DAYS);
    rig.store.note_process(Uuid::from_u128(8), 0).await.unwrap();
    assert_eq!(rig.count("processes").await, 1);
}

async fn what_was_put_off_by_a_time_that_is_taken_back_waits_for_as_much_less(rig: Rig) {
    let owner = rig.owner().await;
    let before = rig.queued(owner).await;
    rig.clock.advance(DAYS);
    // Of those days: one that is queued, one that is being sent, one that is sent again in two minutes, one that a caller wants later.
    let waits = rig.queued(owner).await;
    let held = rig.queued(owner).await;
    let held = rig.fenced(&held).await;
    let lost = rig.queued(owner).await;
    let lost = rig.fenced(&lost).await;
    rig.settle(&lost, ambiguous()).await;
    let mut later = queued(owner, Guarantee::AtMostOnce, rig.clock.now());
    later.state = messaging::domain::message::State::waiting(true, rig.clock.now() + DAYS, rig.clock.now());
    let later = rig.stored(later).await;
    let booked = |gate: &mut Gate, now| (gate.rate, gate.burst, gate.booked) = (Some(1), Some(1), Some(now));
    rig.store.change_gate("limited", booked).await.unwrap();

    let of = async |message: &Message| rig.read(message).await.state.due_at.unwrap();
    let due = [of(&before).await, of(&waits).await, of(&held).await, of(&lost).await, of(&later).await];
    rig.clock.advance(-DAYS);
    rig.store.take_back(DAYS).await.unwrap();
    assert_eq!([of(&before).await, of(&later).await], [due[0], due[4]], "nobody put these off");
    assert_eq!([of(&waits).await, of(&held).await, of(&lost).await], [due[1] - DAYS, due[2] - DAYS, due[3] - DAYS]);
    let (gate, ()) = rig.store.change_gate("limited", |_, _| ()).await.unwrap();
    assert_eq!(gate.booked, Some(rig.clock.now()));
    // And each goes on.
    rig.claimed(&waits).await;
    rig.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(rig.timer(Dispatch::Sending).await[0].status(), Status::Unknown);
    assert_eq!(rig.timer(Dispatch::Unknown).await[0].state.dispatch, Dispatch::Queued);
}
