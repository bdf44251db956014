//! Gates as rows: those that say nothing go away, those that do stay, and one that somebody else has keeps its own account alone.

use jiff::SignedDuration;
use messaging::domain::gate::{Gate, Signal};
use messaging::domain::message::{Dispatch, Guarantee};
use messaging::domain::rate::Rate;
use messaging::store::{Accepted, Terms};
use tokio_util::sync::CancellationToken;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::postgres::connect;
use crate::support::store::{ME, Rig};

on_both_databases![Rig::on => a_gate_that_says_nothing_goes_after_a_day];

async fn a_gate_that_says_nothing_goes_after_a_day(rig: Rig) {
    let store = &rig.store;
    store.change_gate("limited", |gate, _| gate.rate = Some(7)).await.unwrap();
    store.change_gate("blocked", |gate, now| gate.record(Signal::Blocked("X"), ME, now)).await.unwrap();
    store.change_gate("released", |gate, now| gate.record(Signal::Blocked("X"), ME, now)).await.unwrap();
    store.change_gate("released", |gate, _| gate.reset()).await.unwrap();
    let mut booked = queued(rig.owner().await, Guarantee::AtLeastOnce, rig.clock.now());
    booked.state.dispatch = Dispatch::Sending;
    let terms = Terms { rate: Rate::new(1, 1), limited: false };
    let stored = store.accept(booked, None, terms, CancellationToken::new()).await;
    assert!(matches!(stored, Ok(Accepted::New(_))));

    let names = async || {
        store.forget_idle_gates().await.unwrap();
        let gates: Vec<Gate> = store.gates().await.unwrap();
        gates.into_iter().map(|gate| gate.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["account-1", "blocked", "limited"]);
    rig.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(names().await, ["blocked", "limited"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_that_another_transaction_has_keeps_its_own_account_waiting_and_no_other() {
    let rig = Rig::postgres().await;
    let (owner, terms) = (rig.owner().await, Terms { rate: Rate::new(100, 100), limited: false });
    let send = async |account: &str| {
        let mut message = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
        message.state.dispatch = Dispatch::Sending;
        account.clone_into(&mut message.traffic_account_id);
        match rig.store.accept(message, None, terms, CancellationToken::new()).await {
            Ok(Accepted::New(message)) => message.state.dispatch,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((send("held").await, send("free").await), (Dispatch::Sending, Dispatch::Sending));
    let holder = connect(&rig.address).await.unwrap();
    holder.batch_execute("BEGIN; SELECT * FROM gates WHERE name = 'held' FOR UPDATE").await.unwrap();
    assert_eq!(
        (send("held").await, send("free").await),
        (Dispatch::Queued, Dispatch::Sending),
        "it is accepted, and waits"
    );
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(send("held").await, Dispatch::Sending);
}
