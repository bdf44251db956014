//! Owners' endpoints of every temper are told of what happens while replicas are killed: each event comes, in its message's order, and
//! no more often than was in flight.

mod receiver;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use messaging::proto::webhook_service_client::WebhookServiceClient;
use messaging::proto::{CreateEndpointRequest, EnableEndpointRequest};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use self::receiver::{Receiver, Temper};
use crate::check::own::Own;
use crate::evidence::tables::{ExceptionRow, JournalRow, Tables};
use crate::fleet::Fleet;
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

/// Between two kills: an endpoint changes hands within five seconds, and is to be seen working in between.
const BETWEEN: Duration = Duration::from_secs(6);
const START: Duration = Duration::from_secs(30);
/// How long everybody may take to be told of everything, when the load is over.
const CATCH_UP: Duration = Duration::from_mins(4);
/// How soon one that was down has what it missed.
const BACK: Duration = Duration::from_mins(2);
/// How many calls an endpoint has in flight: what a kill may repeat.
const CALLS: usize = 8;
/// The longest that 95 of 100 events wait, although the process that delivers is killed again and again: where a call carries many, since
/// how many calls a debug build gets done beside a full load is the machine's affair.
const LAG: Duration = Duration::from_secs(6);

/// How long nothing happens: longer than what can wait is kept in memory.
const QUIET: Duration = Duration::from_secs(7);
/// How much of a core a replica may use then, in percent: of a debug build.
const AT_REST: f64 = 40.0;

/// One endpoint and who listens there.
struct Told {
    name: &'static str,
    receiver: Receiver,
    id: String,
    batch: usize,
}

/// Does it.
pub async fn hooks(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    let (down, slow, dead, kills) = if size.resends { (600, 14, 100, 20) } else { (15, 3, 10, 3) };
    let (slow, down) = (Duration::from_secs(slow), Duration::from_secs(down));
    let mut own = Own::default();
    let mut told = Vec::new();
    for (name, temper, batch) in [
        ("good", Temper::Good, 1),
        ("batching", Temper::Good, 100),
        ("half", Temper::Half, 1),
        ("down", Temper::Down, 1),
        ("slow", Temper::Slow(slow), 500),
        ("later", Temper::Good, 1),
    ] {
        told.push(make(fleet, name, Receiver::open(temper).await, batch).await);
    }
    let mut buried = Vec::new();
    for _ in 0..dead {
        buried.push(make(fleet, "dead", Receiver::nobody(), 1).await);
    }

    let began = Instant::now();
    let load = Singles { messages: u32::MAX, rate: size.rate }.start(fleet);
    let campaigns = Campaigns { campaigns: 2, recipients: size.recipients, every: BETWEEN, one_by_one: 2 }.start(fleet);
    for _ in 0..kills {
        sleep(BETWEEN).await;
        let replica = &fleet.replicas[rng.random_range(0..fleet.replicas.len())];
        replica.kill();
        fleet.count_cut();
        replica.start(START).await;
    }
    sleep(BETWEEN).await;
    let (mut done, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    done.extend(of_campaigns);
    sleep(down.saturating_sub(began.elapsed())).await;

    let by_name = |name: &str| told.iter().find(|one| one.name == name).unwrap();
    enable(fleet, &by_name("later").id).await;
    let back = Instant::now();
    by_name("down").receiver.come_up();
    let caught_up = settle(fleet, &told, back).await;

    rest(fleet, &mut own).await;

    let journal = Tables::open(&fleet.database).await.journal().await;
    let exceptions = Tables::open(&fleet.database).await.exceptions().await;
    own.measured.push(format!(
        "{} events, {} endpoints and {dead} dead ones, {kills} kills",
        journal.len(),
        told.len()
    ));
    for one in &told {
        judge(&mut own, one, &journal, &exceptions, kills);
    }
    let down = caught_up.get("down").copied();
    own.measured.push(format!(
        "the one that was down had everything {:.1} s after it came back",
        down.unwrap_or_default().as_secs_f64()
    ));
    if down.is_none_or(|took| took > BACK) {
        own.wrong.push(format!("the one that was down had not everything {BACK:?} after it came back"));
    }
    let of_dead = exceptions.iter().filter(|row| buried.iter().any(|one| one.id == dashed(&row.endpoint))).count();
    if of_dead > 0 {
        own.wrong.push(format!("{of_dead} rows were written about events of dead endpoints"));
    }
    Done { own, ..Done::from(done) }
}

/// Nothing happens, and everybody was told: nobody is to be busy with that.
async fn rest(fleet: &Fleet, own: &mut Own) {
    sleep(QUIET).await;
    let ticks = || fleet.replicas.iter().map(|replica| replica.ticks()).collect::<Vec<u64>>();
    let before = ticks();
    sleep(QUIET).await;
    let used = ticks().iter().zip(before).map(|(after, before)| after.saturating_sub(before)).max().unwrap_or_default();
    let share = 100.0 * Duration::from_millis(used * 10).as_secs_f64() / QUIET.as_secs_f64();
    own.measured.push(format!("at rest, the busiest replica used {share:.0} % of a core"));
    if share > AT_REST {
        own.wrong.push(format!("a replica at rest used {share:.0} % of a core; {AT_REST:.0} % are allowed"));
    }
}

/// An id of 32 digits as the contract has it.
fn dashed(id: &str) -> String {
    uuid::Uuid::parse_str(id).map(|id| id.to_string()).unwrap_or_default()
}

async fn make(fleet: &Fleet, name: &'static str, receiver: Receiver, batch: usize) -> Told {
    let mut client = WebhookServiceClient::new(fleet.channel(0).unwrap());
    let wait = (batch > 1).then_some(pbjson_types::Duration { seconds: 0, nanos: 200_000_000 });
    let request = CreateEndpointRequest {
        url: receiver.url(),
        max_batch: i32::try_from(batch).unwrap(),
        max_wait: wait,
        description: name.to_owned(),
        disabled: name == "later",
        ..CreateEndpointRequest::default()
    };
    let made = client.create_endpoint(fleet.with_token(request)).await.unwrap().into_inner();
    receiver.has_secret(&made.secret);
    Told { name, receiver, id: made.endpoint.unwrap().id, batch }
}

async fn enable(fleet: &Fleet, id: &str) {
    let mut client = WebhookServiceClient::new(fleet.channel(0).unwrap());
    let request = EnableEndpointRequest { id: id.to_owned(), start: None, ..Default::default() };
    client.enable_endpoint(fleet.with_token(request)).await.unwrap();
}

/// Waits until everybody was told of everything. Returns when each was, since `back`.
async fn settle(fleet: &Fleet, told: &[Told], back: Instant) -> HashMap<&'static str, Duration> {
    let mut when = HashMap::new();
    while back.elapsed() < CATCH_UP {
        let tables = Tables::open(&fleet.database).await;
        let waiting = tables.unsettled(false).await;
        let journal = tables.journal().await;
        let exceptions = tables.exceptions().await;
        let ids: HashSet<String> = journal.iter().map(JournalRow::event_id).collect();
        for one in told {
            let heard = one.receiver.taken();
            let waits = exceptions.iter().filter(|row| dashed(&row.endpoint) == one.id).count();
            let missing = ids.iter().filter(|id| !heard.contains_key(*id)).count();
            if missing == 0 || (one.name == "half" && missing <= waits && missing * 20 < ids.len()) {
                when.entry(one.name).or_insert_with(|| back.elapsed());
            } else {
                when.remove(one.name);
            }
        }
        if waiting == 0 && when.len() == told.len() {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    when
}

fn judge(own: &mut Own, one: &Told, journal: &[JournalRow], exceptions: &[ExceptionRow], kills: usize) {
    let taken = one.receiver.taken();
    // What has tries of its own still is not lost; only one that refuses has such.
    let waits: HashSet<String> =
        exceptions.iter().filter(|row| dashed(&row.endpoint) == one.id).map(ExceptionRow::event_id).collect();
    let is_lost = |id: String| !taken.contains_key(&id) && !waits.contains(&id);
    let missing = journal.iter().filter(|row| is_lost(row.event_id())).count();
    if missing > 0 {
        own.wrong.push(format!("{}: {missing} of {} events never came", one.name, journal.len()));
    }
    let repeats: usize = taken.values().map(|taken| taken.times.saturating_sub(1)).sum();
    let most = CALLS * one.batch * kills;
    if repeats > most {
        own.wrong.push(format!("{}: {repeats} events came again, {most} may", one.name));
    }
    // By the order in which they were first taken, the versions of a message grow.
    let mut last: BTreeMap<&str, (usize, i32)> = BTreeMap::new();
    let mut inversions = 0;
    for row in journal {
        let Some(taken) = taken.get(&row.event_id()) else { continue };
        let before = last.entry(&row.message).or_insert((taken.first, row.version));
        if row.version > before.1 {
            inversions += usize::from(taken.first < before.0);
            *before = (taken.first, row.version);
        }
    }
    if inversions > 0 {
        own.wrong.push(format!("{}: {inversions} events came before an earlier one of their message", one.name));
    }
    let unsigned = one.receiver.unsigned();
    if unsigned > 0 {
        own.wrong.push(format!("{}: {unsigned} calls were not signed by its secret", one.name));
    }
    let mut lags: Vec<Duration> = taken.values().map(|taken| taken.lag).collect();
    lags.sort();
    let at = |share: usize| lags.get(lags.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    if one.name == "batching" && at(95) > LAG {
        own.wrong.push(format!("batching: 95 of 100 events came within {:.2?}; {LAG:?} are allowed", at(95)));
    }
    own.measured.push(format!(
        "{:<8} {} events in {} calls, {} wait, {repeats} again (≤ {most}), lag p50 {:.0?} p95 {:.2?}",
        one.name,
        taken.len(),
        one.receiver.calls(),
        waits.len(),
        at(50),
        at(95)
    ));
}
