//! A process that stands still in transactions, as SIGSTOP or a starved machine has it: others wait for one of them, not for each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use messaging::store::{Error, Store};
use tokio::sync::oneshot;

use crate::support::postgres::connect;
use crate::support::store::{Rig, eventually};

const NAME: &str = "limited";

/// A thread with a runtime of its own.
fn thread<F: Future>(work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<F::Output>
where
    F::Output: Send + 'static,
{
    std::thread::spawn(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work()))
}

async fn change(store: &Store) -> Result<(), Error> {
    store.change_gate(NAME, |_, _| ()).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_row_beside_a_process_that_stands_still_waits_for_one_of_its_transactions() {
    let rig = Rig::postgres().await;
    change(&rig.store).await.unwrap();
    // Two threads are the whole process: one stands still with the row, the other one with two that are in line for it.
    let go_on = Arc::new(Barrier::new(3));
    let (has_it, holds, store) = (Arc::new(AtomicBool::new(false)), go_on.clone(), rig.another().await);
    let seen = has_it.clone();
    let holder = thread(move || async move {
        let stand = move || {
            if !seen.swap(true, Ordering::SeqCst) {
                holds.wait();
            }
        };
        store.change_gate(NAME, move |_, _| stand()).await.is_ok()
    });
    eventually(async || has_it.load(Ordering::SeqCst)).await;

    let (next, second) = oneshot::channel();
    let (freeze, frozen) = oneshot::channel();
    let (stands, holds, store) = (Arc::new(AtomicBool::new(false)), go_on.clone(), rig.another().await);
    let still = stands.clone();
    let in_line = thread(move || async move {
        let after = async {
            second.await.unwrap();
            change(&store).await
        };
        let stand = async {
            frozen.await.unwrap();
            still.store(true, Ordering::SeqCst);
            holds.wait();
        };
        let (one, other, ()) = tokio::join!(change(&store), after, stand);
        [one.is_ok(), other.is_ok()]
    });
    let waits = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(async || rig.count(waits).await == 1).await;
    next.send(()).unwrap();
    eventually(async || rig.count(waits).await == 2).await;
    freeze.send(()).unwrap();
    eventually(async || stands.load(Ordering::SeqCst)).await;

    let other = connect(&rig.address).await.unwrap();
    other.batch_execute("BEGIN; SELECT * FROM gates FOR UPDATE; COMMIT").await.unwrap();
    go_on.wait();
    // The server ended the one that had the row. Those in line never got it, and were told again.
    assert!(!holder.join().unwrap());
    assert_eq!(in_line.join().unwrap(), [true, true]);
}
