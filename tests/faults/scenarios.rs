//! The disturbances of the fleet while messages are being sent: one function a scenario.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use tokio::time::{Instant, sleep, timeout};

use crate::check::own::Own;
use crate::check::pace::Pace;
use crate::fleet::{ACCOUNT, Database, Fleet, LEASE, Moment, Replica, Then};
use crate::halves;
use crate::hooks;
use crate::hostile;
use crate::load::{self, Campaigns, Owners, Singles, Steered, Told};
use crate::options::{Scenario, Size};
use crate::reports::Reporter;

/// Between two kills.
const BETWEEN: Duration = Duration::from_secs(2);
/// Load before the first disturbance and after the last.
const CALM: Duration = Duration::from_secs(1);
/// How long a replica gets to start again.
const START: Duration = Duration::from_secs(30);
/// How long a send may take to reach the moment that a trap waits for.
const TRAP: Duration = Duration::from_secs(20);
/// How long clients are at giving orders, or longer.
const ORDERS: Duration = Duration::from_secs(16);
/// The longest between two disturbances of `reports`, whatever is reported meanwhile.
const STALL: Duration = Duration::from_secs(30);
/// How long all reports may take to be acknowledged.
const DRAIN: Duration = Duration::from_mins(10);
/// How many sends pass before a trap springs, at most.
const PASSING: u32 = 20;

/// The result: what clients were told meanwhile, and what has to hold of the times at which the provider got it.
pub struct Done {
    pub told: Vec<Told>,
    pub pace: Option<Pace>,
    /// What has to hold in this scenario alone.
    pub own: Own,
    /// Who reported on the messages, and goes on.
    pub reporter: Option<Arc<Reporter>>,
}

impl From<Vec<Told>> for Done {
    fn from(told: Vec<Told>) -> Self {
        Self { told, pace: None, own: Own::default(), reporter: None }
    }
}

/// Does it.
pub async fn disturb(scenario: Scenario, fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    match scenario {
        Scenario::Kills => return kills(fleet, size, rng).await.into(),
        Scenario::Rate => return rate(fleet, size).await,
        Scenario::Fair => return fair(fleet, size).await,
        Scenario::Orders => return orders(fleet, size, rng).await.into(),
        Scenario::Hostile => return hostile::hostile(fleet, size).await,
        Scenario::Hooks => return hooks::hooks(fleet, size, rng).await,
        Scenario::Races => return races(fleet, size, rng).await,
        Scenario::Reports => return reports(fleet, size, rng).await,
        halved if halved.is_halves() => return halves::disturb(halved, fleet, size, rng).await,
        _ => {}
    }
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    let with_campaigns = matches!(scenario, Scenario::Moments | Scenario::Database | Scenario::Provider);
    let campaigns = if with_campaigns { 2 * size.rounds } else { 0 };
    let campaigns =
        Campaigns { campaigns, recipients: size.recipients, every: size.trouble * 2, one_by_one: 2 }.start(fleet);
    sleep(CALM).await;
    match scenario {
        Scenario::Moments => moments(fleet, size, rng).await,
        Scenario::Pause => pause(fleet, size, rng).await,
        Scenario::Database => database(fleet, size, rng).await,
        Scenario::Provider => provider(fleet, size).await,
        Scenario::Upgrade => upgrade(fleet).await,
        _ => {}
    }
    sleep(CALM).await;
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);
    told.into()
}

fn any<'a>(fleet: &'a Fleet, rng: &mut StdRng) -> &'a Arc<Replica> {
    &fleet.replicas[rng.random_range(0..fleet.replicas.len())]
}

/// kill -9 of a random replica every two seconds, spread over the messages: a slow machine is not killed out of breath. Two
/// of five messages are campaigns' recipients.
async fn kills(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Vec<Told> {
    let seconds = (size.kills + 1) * u32::try_from(BETWEEN.as_secs()).unwrap();
    let campaigns = (size.messages * 2 / 5 / size.recipients).max(2);
    let singles = size.messages.saturating_sub(campaigns * size.recipients).max(1);
    let load = Singles { messages: singles, rate: (singles / seconds).max(1) }.start(fleet);
    let every = Duration::from_secs(seconds.into()) / campaigns;
    let campaigns = Campaigns { campaigns, recipients: size.recipients, every, one_by_one: 2 }.start(fleet);
    for kill in 1..=size.kills {
        sleep(BETWEEN.mul_f64(rng.random_range(0.8..1.2))).await;
        while u64::from(load.begun()) < u64::from(singles) * u64::from(kill) / u64::from(size.kills + 1) {
            sleep(Duration::from_millis(20)).await;
        }
        let replica = any(fleet, rng);
        replica.kill();
        fleet.count_cut();
        replica.start(START).await;
    }
    let (mut told, of_campaigns) = tokio::join!(load.finish(), campaigns.finish());
    told.extend(of_campaigns);
    told
}

/// kill -9 exactly when a send has come so far.
async fn moments(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) {
    for _ in 0..size.rounds {
        for moment in Moment::ALL {
            let replica = any(fleet, rng);
            // Killed before it was sent, it is not sent on: that the rest lies in a buffer is chance.
            let then = if moment == Moment::Head { Then::Drop } else { Then::GoOn };
            let victim = Arc::downgrade(replica);
            let act = move || victim.upgrade().iter().for_each(|replica| replica.kill());
            let sprung = replica.gateway.trap(moment, rng.random_range(0..PASSING), then, act);
            timeout(TRAP, sprung).await.expect("sends reach every moment").unwrap();
            fleet.count_cut();
            replica.start(START).await;
        }
    }
}

/// A replica stands still past all of its leases, with an answer on the way to it that would let it send again. Where it is
/// alone, nobody takes the message from it meanwhile: it may believe the answer, so there the answer is the true one.
async fn pause(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) {
    for _ in 0..size.rounds.min(2) {
        let replica = any(fleet, rng);
        let victim = Arc::downgrade(replica);
        let act = move || victim.upgrade().iter().for_each(|replica| replica.pause());
        let passing = rng.random_range(0..PASSING);
        let then = if fleet.replicas.len() > 1 { Then::Unavailable } else { Then::GoOn };
        let sprung = replica.gateway.trap(Moment::Answered, passing, then, act);
        timeout(TRAP, sprung).await.expect("sends are answered").unwrap();
        fleet.count_cut();
        sleep(LEASE + Duration::from_secs(3)).await;
        replica.resume();
        sleep(CALM).await;
    }
}

/// Postgres is gone without a word, and comes back.
async fn database(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) {
    for _ in 0..size.rounds {
        fleet.database.crash(Duration::from_millis(rng.random_range(200..2000))).await;
        // Every replica may have had a commit on the way of which it never heard.
        fleet.replicas.iter().for_each(|_| fleet.count_cut());
        sleep(BETWEEN).await;
    }
}

/// The provider, in every way that it can fail.
async fn provider(fleet: &Arc<Fleet>, size: Size) {
    fleet.replicas.iter().for_each(|replica| replica.gateway.go_down());
    sleep(size.trouble).await;
    for replica in &fleet.replicas {
        replica.gateway.come_up().await;
    }
    sleep(CALM).await;
    for outage in ["hang", "500", "429", "cut", "malformed"] {
        fleet.outage(outage).await;
        sleep(size.trouble).await;
        fleet.outage("none").await;
        sleep(CALM).await;
    }
    // A blocked account is tried once a minute, and messages that it stopped wait as long: for the full run alone.
    if size.resends {
        fleet.outage("unauthorized").await;
        sleep(size.trouble).await;
        fleet.outage("none").await;
        fleet.replicas[0].ask(&["account", "unblock", ACCOUNT]).await;
        sleep(CALM).await;
    }
}

/// One replica after the other is stopped in order and replaced.
async fn upgrade(fleet: &Arc<Fleet>) {
    for replica in &fleet.replicas {
        assert!(replica.stop().await, "a replica did not stop in order");
        replica.start(START).await;
        sleep(CALM).await;
    }
}

/// Clients pause, resume and cancel campaigns that a limited account keeps long enough, and schedule others; replicas are
/// killed meanwhile, all of them while the scheduled ones wait.
async fn orders(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Vec<Told> {
    fleet.limit(200, 50).await;
    let load = Steered { rounds: size.rounds.min(2), recipients: size.recipients }.start(fleet);
    let stopped = Instant::now() + ORDERS;
    while Instant::now() < stopped {
        sleep(BETWEEN.mul_f64(rng.random_range(1.2..1.8))).await;
        let replica = any(fleet, rng);
        replica.kill();
        fleet.count_cut();
        replica.start(START).await;
    }
    load.finish().await
}

/// Clients take back what they scheduled, when it is due, half of it by sending another in its place.
async fn races(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    let (told, raced) = load::race(fleet, size.raced, rng.random()).await;
    Done { own: Own { raced, races: size.raced as usize, ..Own::default() }, ..told.into() }
}

/// A storm of reports on campaigns in bulk calls and one by one and on single sends, while replicas are killed and Postgres
/// is stopped: spread over the reports, whatever the machine's speed.
async fn reports(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    /// How many campaigns there are; every fifth goes out one by one.
    const CAMPAIGNS: u32 = 10;
    let reporter = Reporter::start(fleet, rng.random(), size.reported);
    let singles = (size.reported / 20).max(1);
    let recipients = ((size.reported - singles) / CAMPAIGNS).max(1);
    let load = Singles { messages: singles, rate: 200 }.start(fleet);
    let every = Duration::from_millis(500);
    let campaigns = Campaigns { campaigns: CAMPAIGNS, recipients, every, one_by_one: 5 }.start(fleet);
    let stops = if matches!(fleet.database, Database::Postgres { .. }) { size.stops } else { 0 };
    let mut stop: Vec<bool> = (0..size.reported_kills + stops).map(|n| n < stops).collect();
    stop.shuffle(rng);
    let parts = f64::from(u32::try_from(stop.len() + 1).unwrap());
    for (number, stop) in (1_u32..).zip(stop) {
        // Not to the very end: leases that were cut off run out while the rest is reported.
        reporter.reaches(f64::from(number) / parts * 0.5, STALL).await;
        sleep(CALM.mul_f64(rng.random_range(0.0..0.4))).await;
        if stop {
            fleet.database.crash(Duration::from_millis(rng.random_range(200..1500))).await;
            fleet.replicas.iter().for_each(|_| fleet.count_cut());
        } else {
            let replica = any(fleet, rng);
            replica.kill();
            fleet.count_cut();
            replica.start(START).await;
        }
    }
    let (mut told, of_campaigns) = tokio::join!(load.finish(), campaigns.finish());
    told.extend(of_campaigns);
    reporter.reaches(1.0, CALM).await;
    reporter.drain(DRAIN).await;
    Done { told, pace: None, own: Own::default(), reporter: Some(reporter) }
}

/// A limited account with two campaigns, one in bulk calls and one one by one, and single sends beside them: more
/// waits than may be sent until nearly the end.
async fn rate(fleet: &Arc<Fleet>, size: Size) -> Done {
    const RATE: u32 = 200;
    const BURST: u32 = 50;
    fleet.limit(RATE, BURST).await;
    let campaigns =
        Campaigns { campaigns: 2, recipients: size.limited * 2 / 5, every: Duration::ZERO, one_by_one: 2 }.start(fleet);
    let load = Singles { messages: size.limited / 5, rate: RATE * 3 / 10 }.start(fleet);
    let (mut told, of_campaigns) = tokio::join!(load.finish(), campaigns.finish());
    told.extend(of_campaigns);
    Done { pace: Some(Pace::Limit { rate: RATE, burst: BURST }), ..Done::from(told) }
}

/// One user's messages wait for room on the account, then others' come; then there is room.
async fn fair(fleet: &Arc<Fleet>, size: Size) -> Done {
    const OTHERS: u32 = 20;
    let owners = Owners { large: size.backlog, others: OTHERS, small: size.small };
    let users = fleet.more_users(OTHERS).await;
    fleet.limit(1, 1).await;
    let told = owners.hand_over(fleet, &users).await;
    let few: HashSet<String> = told[size.backlog as usize..].iter().map(|told| told.destination.clone()).collect();
    let from = jiff::Timestamp::now();
    fleet.limit(0, 1).await;
    Done { pace: Some(Pace::Turns { from, few, owners: OTHERS }), ..Done::from(told) }
}
