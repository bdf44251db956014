//! Strangers without credentials and one hostile owner do everything at once that admission is there for, beside an owner who
//! does nothing wrong. One file for who asks well, one for how the process is, one for each kind of attacker.

mod good;
mod owner;
mod sockets;
mod strangers;
mod vitals;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::good::{Good, Manners};
use self::owner::Hostile;
use self::sockets::Doors;
use self::vitals::{Sampled, Vitals};
use crate::check::own::Own;
use crate::fleet::{Fleet, Replica};
use crate::options::Size;
use crate::scenarios::Done;

/// Where the attackers call from: addresses are told apart, and the good owner's is another one.
const ATTACKERS: [u8; 4] = [127, 0, 0, 66];
/// How many connections the replica lets in (`MAX_CONNECTIONS`): fewer than the attackers want.
pub const CONNECTIONS: usize = 1000;
/// What it may take, beside its connections: a debug build of a process that has 45 MB when nobody calls.
const MEMORY: u64 = 256 << 20;
const FILES: usize = CONNECTIONS / 4 * 5 + 256;
const THREADS: usize = 64;
/// The longest `/metrics` that is put up with.
const METRICS: usize = 256 << 10;
/// How much slower the slowest sends but one of a hundred may be than before, unless they are faster than this anyway: of a debug
/// build on a machine whose two cores are the attackers', too.
const SLOWER: u32 = 3;
const FAST: Duration = Duration::from_secs(2);
/// How long afterwards everything is as it was,
const AFTER: Duration = Duration::from_secs(10);
/// but for what an allocator keeps, and the connections to the provider that it keeps for the next ones who ask.
const KEPT: u64 = 128 << 20;
const KEPT_FILES: usize = 192;
/// How long the attack goes on again when the replica is told to stop.
const AGAIN: Duration = Duration::from_secs(3);
const START: Duration = Duration::from_secs(30);

/// Does it.
pub async fn hostile(fleet: &Arc<Fleet>, size: Size) -> Done {
    // Small, twenty seconds; else two minutes.
    let (calm, attack) = if size.resends { (15, 120) } else { (4, 10) };
    let replica = &fleet.replicas[0];
    let hostile = Hostile::new(fleet, 100).await;
    let mut own = Own::default();

    let good = Good::start(fleet);
    sleep(Duration::from_secs(calm)).await;
    let before = good.finish().await;
    let was = Vitals::of(replica);

    let (good, sampled) = (Good::start(fleet), Sampled::start(replica));
    let attackers = start(replica, &hostile);
    sleep(Duration::from_secs(attack)).await;
    let during = good.finish().await;
    let sampled = sampled.finish().await;
    let tried = attackers.finish().await;

    sleep(AFTER).await;
    let good = Good::start(fleet);
    sleep(Duration::from_secs(calm.min(5))).await;
    let after = good.finish().await;
    let is = Vitals::of(replica);
    judge(&mut own, &before, &during, &after);
    vitals(&mut own, &was, &sampled, &is);
    own.measured.push(format!("tried: {tried}"));
    let attackers = start(replica, &hostile);
    sleep(AGAIN).await;
    let begun = Instant::now();
    if !replica.stop().await {
        own.wrong.push("it did not stop in order while it was attacked".to_owned());
    }
    own.measured.push(format!("SIGTERM ended it after {:.1?}, attacked", begun.elapsed()));
    attackers.finish().await;
    replica.start(START).await;
    let told: Vec<_> = [before, during, after].into_iter().flat_map(|manners| manners.told).collect();
    Done { own, ..Done::from(told) }
}

/// Attackers that are at it until they are stopped.
struct Attackers {
    work: JoinSet<()>,
    stop: CancellationToken,
    doors: Doors,
}

fn start(replica: &Replica, hostile: &Hostile) -> Attackers {
    let doors = Doors::of(replica);
    let mut attackers = Attackers { work: JoinSet::new(), stop: CancellationToken::new(), doors: doors.clone() };
    sockets::all(&mut attackers, &doors, hostile);
    strangers::all(&mut attackers, &doors);
    owner::all(&mut attackers, &doors, hostile);
    attackers
}

impl Attackers {
    /// Lets one more do its worst.
    fn add(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.work.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    /// Ends them, and with them their sockets. What they got done.
    async fn finish(self) -> String {
        self.stop.cancel();
        self.work.join_all().await;
        self.doors.tried()
    }
}

fn judge(own: &mut Own, before: &Manners, during: &Manners, after: &Manners) {
    let bound = (before.p99() * SLOWER).max(FAST);
    own.measured.push(format!("before: {before}"));
    own.measured.push(format!("attacked: {during}"));
    own.measured.push(format!("after: {after}"));
    for (when, manners) in
        [("before the attack", before), ("while it was attacked", during), ("after the attack", after)]
    {
        if manners.failed.len() * 1000 > manners.calls {
            let some: Vec<_> = manners.failed.iter().take(5).collect();
            own.wrong.push(format!("{} of {} good calls failed {when}: {some:?}", manners.failed.len(), manners.calls));
        }
    }
    if during.p99() > bound {
        own.wrong
            .push(format!("99 of 100 sends took {:.0?} while it was attacked, more than {bound:.0?}", during.p99()));
    }
}

fn vitals(own: &mut Own, was: &Vitals, sampled: &Sampled, is: &Vitals) {
    own.measured.push(format!("before {was}; at most {}; after {is}", sampled.most));
    own.measured.push(format!("probes: {} answered, the slowest after {:.0?}", sampled.answered, sampled.slowest));
    for wrong in sampled.silent.iter().take(5) {
        own.wrong.push(format!("a probe failed while it was attacked: {wrong}"));
    }
    let most = &sampled.most;
    let mut bounded = |what: &str, is: u64, bound: u64| {
        if is > bound {
            own.wrong.push(format!("{what}: {is}, more than {bound}"));
        }
    };
    bounded("bytes of memory", most.memory, MEMORY);
    bounded("open files", most.files as u64, FILES as u64);
    bounded("threads", most.threads as u64, THREADS as u64);
    bounded("bytes of /metrics", most.metrics as u64, METRICS as u64);
    bounded("bytes of memory afterwards", is.memory, was.memory + KEPT);
    bounded("open files afterwards", is.files as u64, (was.files + KEPT_FILES) as u64);
    bounded("threads afterwards", is.threads as u64, most.threads.min(was.threads + 16) as u64);
}
