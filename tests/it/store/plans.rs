//! No statement of the hot paths reads the whole table of messages: Postgres counts the scans of the store's own calls.

use jiff::Timestamp;
use messaging::clock::Clock;
use messaging::domain::evidence::Evidence;
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::keyword::Keywords;
use messaging::domain::message::{Dispatch, Guarantee, Status};
use messaging::domain::phone::Msisdn;
use messaging::domain::report::Form;
use messaging::domain::status::Event;
use messaging::domain::tags::Reference;
use messaging::store::{Config, DeadFilter, Filter, Job, Pace, Pick, Store, Url, WaitingFilter};

use crate::support::messages::{queued, start};
use crate::support::postgres::connect;
use crate::support::store::{Rig, claim, nobody_else_is_connected, nobody_else_is_connected_but, provider_id, take};

/// Two owners, twenty campaigns; a tenth is queued, the others are sent, every other one of them delivered.
/// Of the first owner's one in ten has failed.
const FILL: &str = "INSERT INTO messages (id, owner_id, campaign_id, destination, text, sender, traffic_account_id, \
      segments, encoding, delivery_guarantee, created_at, expires_at, dispatch, delivery_rank, status, evidence_hash, \
      provider_message_id, attempts, ambiguous, crashes, possible_duplicate, epoch, due_at, updated_at, version) \
    SELECT gen_random_uuid(), 1 + i % 2, 1 + i % 20, '+3069' || (i % 5000), 'text', 's', 'a', 1, 1, 1, now(), now(), \
      CASE WHEN i % 10 = 0 THEN 1 ELSE 4 END, CASE WHEN i % 2 = 0 THEN 40 ELSE 10 END, \
      CASE WHEN i % 20 = 0 THEN 6 ELSE 4 END, 0, \
      CASE WHEN i % 10 = 0 THEN NULL ELSE 'p-' || i END, 1, 0, 0, false, 1, \
      CASE WHEN i % 10 = 0 THEN '2026-01-01'::timestamptz + i * interval '1 second' END, now(), 1 \
    FROM generate_series(1, 20000) AS i; ANALYZE";

/// A campaign that is all messages, one of which is queued.
const RUNNING: &str = "UPDATE campaigns SET state = 3, started_at = now(), sender = 's'; \
    UPDATE messages SET lane = 1 WHERE id = (SELECT id FROM messages WHERE dispatch = 1 AND campaign_id = 1 LIMIT 1)";

/// How often the table was read whole, and how many rows its indexes gave.
async fn scans(url: &str) -> (i64, i64) {
    nobody_else_is_connected(url).await;
    let query = "SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'messages'";
    let row = connect(url).await.unwrap().query_one(query, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// How many rows the calls read by an index, each made often enough for Postgres to settle on a plan. They must not
/// read the table whole.
async fn rows_read(url: &str, name: &str, calls: impl AsyncFn(&Store)) -> i64 {
    let before = scans(url).await;
    let config = Config { url: Url::parse(url).unwrap(), pool_size: 1, pseudonym_key: None };
    let store = Store::open(&config, Clock::manual(start()), true).await.unwrap();
    for _ in 0..8 {
        calls(&store).await;
    }
    drop(store);
    let after = scans(url).await;
    assert_eq!(after.0 - before.0, 0, "{name} reads the whole table");
    (after.1 - before.1) / 8
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hot_paths_read_by_an_index_and_little() {
    let rig = Rig::postgres().await;
    let url = rig.address.clone();
    let owner = OwnerId(1);
    let campaign = rig.campaign(rig.owner().await).await;
    assert_eq!(campaign, CampaignId(1));
    connect(&url).await.unwrap().batch_execute(FILL).await.unwrap();
    connect(&url).await.unwrap().batch_execute(RUNNING).await.unwrap();
    drop(rig.store);

    let claim = async |s: &Store| {
        let claimed = take(s, uuid::Uuid::max(), start() + jiff::SignedDuration::from_mins(1), 32).await;
        // All that is filled in has lost its validity; the running campaign's one message is a stream of its own.
        assert!((32..=33).contains(&(claimed.leased.len() + claimed.dropped.len())));
    };
    let report = async |s: &Store| {
        let event = Event::Evidence(Evidence::of_read_model("Delivered", None, None));
        let pick = Pick::Provider(OwnerId(2), provider_id("p-777"));
        assert_eq!(s.apply(Job { pick, event }).await.unwrap().len(), 1);
    };
    let owns = async |s: &Store| assert!(s.owns_provider_id(OwnerId(2), &provider_id("p-777")).await.unwrap());
    let ids: Vec<_> = (1..=100).map(|i| provider_id(&format!("p-{i}"))).collect();
    let mine = async |s: &Store| assert!(!s.owned_provider_ids(owner, &ids, true).await.unwrap().is_empty());
    let list = async |filter: Filter, s: &Store| {
        assert!(!s.messages(owner, &filter, None, 50).await.unwrap().is_empty());
    };
    let number = Filter { destination: Some(Msisdn::from_stored("+306942".to_owned())), ..Filter::default() };
    let by_status = Filter { status: Some(Status::Failed), ..Filter::default() };
    let reconcile = async |s: &Store| {
        let pace = Pace { page: 10, ceiling: 10, traffic_account_id: "a".to_owned(), default_sender: None };
        assert_eq!(s.reconcile(CampaignId(1), pace).await.unwrap(), 0, "one of it is queued");
    };
    let given_up = async |s: &Store| {
        let filter = DeadFilter { owner: Some(owner), ..DeadFilter::default() };
        s.dead(&filter, None, 50).await.unwrap();
        s.dead_ids(&filter, 50).await.unwrap();
        s.count_dead(&filter).await.unwrap();
    };
    let waiting = async |s: &Store| {
        let filter = WaitingFilter { owner: Some(owner), until: start() };
        s.waiting(Dispatch::Scheduled, filter, None, 50).await.unwrap();
        s.count_waiting(Dispatch::Scheduled, filter).await.unwrap();
    };
    let targets = async |s: &Store| {
        assert_eq!(s.refresh_targets(owner, CampaignId(3), false, "", 50).await.unwrap().len(), 50);
    };
    assert!(rows_read(&url, "claim", claim).await <= 400);
    assert!(rows_read(&url, "report", report).await <= 20);
    assert!(rows_read(&url, "owns", owns).await <= 20);
    assert!(rows_read(&url, "owned ids", mine).await <= 400);
    assert!(rows_read(&url, "list", async |s| list(Filter::default(), s).await).await <= 100);
    assert!(rows_read(&url, "list of a number", async |s| list(number.clone(), s).await).await <= 100);
    // These few have an index of their own: whoever looks for them would read all others.
    assert!(rows_read(&url, "list of a status", async |s| list(by_status.clone(), s).await).await <= 100);
    assert!(rows_read(&url, "given up", given_up).await <= 10);
    assert!(rows_read(&url, "waiting", waiting).await <= 10);
    assert!(rows_read(&url, "refresh targets", targets).await <= 1100);
    // What the claims before have left behind in the index is read, too, until a vacuum comes.
    assert!(rows_read(&url, "reconcile", reconcile).await <= 60);
}

/// As [`FILL`], of one owner: ids in the order of time, a second each; every reference and error code is that of ten.
const FILL_ONE: &str = "INSERT INTO messages (id, owner_id, destination, text, sender, traffic_account_id, segments, encoding, \
      delivery_guarantee, created_at, expires_at, dispatch, delivery_rank, status, evidence_hash, provider_message_id, \
      error_code, reference, attempts, ambiguous, crashes, possible_duplicate, epoch, updated_at, version) \
    SELECT (lpad(to_hex(1767225600000 + i * 1000::bigint), 12, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid, 1, \
      '+3069' || (i % 5000), 'text', 's', 'a', 1, 1, 1, '2026-01-01'::timestamptz + i * interval '1 second', now(), 4, 10, \
      CASE WHEN i % 2 = 0 THEN 6 ELSE 4 END, 0, 'p-' || i, CASE WHEN i % 2 = 0 THEN 'CODE_' || (i / 20) END, \
      CASE WHEN i % 3 = 0 THEN 'order-' || (i / 30) END, 1, 0, 0, false, 1, now(), 1 \
    FROM generate_series(1, 20000) AS i; ANALYZE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_filter_of_a_list_reads_little_more_than_it_finds() {
    let rig = Rig::postgres().await;
    let url = rig.address.clone();
    let owner = rig.owner().await;
    assert_eq!(owner, OwnerId(1));
    connect(&url).await.unwrap().batch_execute(FILL_ONE).await.unwrap();
    drop(rig.store);
    let at = |seconds: i64| Some(Timestamp::from_second(1_767_225_600 + seconds).unwrap());
    let of = Filter::default;
    let reference = Reference::parse("order-7").unwrap();
    for (name, filter, finds) in [
        ("reference", Filter { reference: reference.clone(), ..of() }, 10),
        ("reference and status", Filter { reference, status: Some(Status::Failed), ..of() }, 5),
        ("provider's id", Filter { provider_id: Some(provider_id("p-777")), ..of() }, 1),
        ("error code", Filter { error_code: Some("CODE_9".to_owned()), ..of() }, 10),
        ("time", Filter { after: at(5000), before: at(5020), ..of() }, 20),
        ("time and status", Filter { after: at(5000), before: at(5020), status: Some(Status::Failed), ..of() }, 10),
    ] {
        let list = async |s: &Store| {
            assert_eq!(s.messages(owner, &filter, None, 50).await.unwrap().len(), finds, "{name}");
        };
        let read = rows_read(&url, name, list).await;
        assert!(read <= 60, "{name}: {read} rows");
    }
    // There is none, and no index leads there: it is not looked for in all of them.
    let delivered = Filter { status: Some(Status::Delivered), ..of() };
    let search = async |s: &Store| {
        let down_to = s.search_end(owner, &delivered, None, 1000).await.unwrap();
        assert!(down_to.is_some());
        let filter = Filter { down_to, ..delivered.clone() };
        assert!(s.messages(owner, &filter, None, 50).await.unwrap().is_empty());
    };
    assert!(rows_read(&url, "search", search).await <= 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_looks_at_those_who_wrote_to_its_author_and_at_nobody_else() {
    let rig = Rig::postgres().await;
    let url = rig.address.clone();
    let client = connect(&url).await.unwrap();
    let users = "INSERT INTO users (name, sender_name, created_at) SELECT 'u', 'Sender' || i, now() FROM \
        generate_series(1, 3000) AS i; ANALYZE";
    client.batch_execute(users).await.unwrap();
    // The second one wrote last.
    for (owner, at) in [(7, start()), (1800, start() + jiff::SignedDuration::from_secs(1))] {
        rig.stored(queued(OwnerId(owner), Guarantee::AtMostOnce, at)).await;
    }
    drop(rig.store);
    let probes = async || {
        nobody_else_is_connected(&url).await;
        let query = "SELECT sum(idx_scan + seq_scan)::bigint, sum(seq_tup_read + idx_tup_fetch)::bigint \
            FROM pg_stat_user_tables WHERE relname IN ('users', 'messages')";
        let row = connect(&url).await.unwrap().query_one(query, &[]).await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    drop(client);
    for (to, concerned) in [("Sender2000", 2000), ("sender42", 42), ("Somebody", 1800), ("447700900000", 1800)] {
        let before = probes().await;
        let config = Config { url: Url::parse(&url).unwrap(), pool_size: 1, pseudonym_key: None };
        let store = Store::open(&config, Clock::manual(start()), true).await.unwrap();
        let body = serde_json::json!({"from": "+306912345678", "to": to, "text": "STOP"}).to_string();
        store.file_inbound(Form::Json, body.as_bytes(), None).await.unwrap();
        let read = store.read_next_inbound(Keywords::default()).await.unwrap().unwrap();
        assert_eq!(read.owner, Some(OwnerId(concerned)), "{to}");
        drop(store);
        let after = probes().await;
        let (scans, rows) = (after.0 - before.0, after.1 - before.1);
        assert!(scans <= 30 && rows <= 100, "{to}: {scans} scans, {rows} rows");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_does_not_read_past_all_that_has_left_the_queue_and_is_kept_for_somebody() {
    let rig = Rig::postgres().await;
    let url = rig.address.clone();
    assert_eq!(rig.campaign(rig.owner().await).await, CampaignId(1));
    let client = connect(&url).await.unwrap();
    client.batch_execute("ALTER TABLE messages SET (autovacuum_enabled = off)").await.unwrap();
    client.batch_execute(FILL).await.unwrap();
    client.batch_execute("UPDATE messages SET owner_id = 1 WHERE dispatch = 1").await.unwrap();
    drop(rig.store);
    nobody_else_is_connected_but(&url, 1).await;
    // A dump, for example: what is dead to all others has to be kept for it.
    let dump = connect(&url).await.unwrap();
    dump.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users").await.unwrap();
    let gone =
        "UPDATE messages SET dispatch = 4, due_at = NULL WHERE due_at < '2026-01-01'::timestamptz + interval '19000 s'";
    client.batch_execute(gone).await.unwrap();

    let config = Config { url: Url::parse(&url).unwrap(), pool_size: 1, pseudonym_key: None };
    let store = Store::open(&config, Clock::manual(start()), true).await.unwrap();
    let shares: Vec<_> = store.partitions(&[]).await.unwrap().into_iter().map(|partition| (partition, 4)).collect();
    assert_eq!(shares.len(), 1);
    let read = async || {
        let entries = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'messages_queue'";
        client.query_one(entries, &[]).await.unwrap().get::<_, i64>(0)
    };
    drop(store);
    nobody_else_is_connected_but(&url, 2).await;
    let before = read().await;
    let store = Store::open(&config, Clock::manual(start()), true).await.unwrap();
    for _ in 0..8 {
        let claimed = store.claim(claim(uuid::Uuid::max(), start(), shares.clone())).await.unwrap();
        assert_eq!(claimed.leased.len() + claimed.dropped.len(), 4);
    }
    drop(store);
    nobody_else_is_connected_but(&url, 2).await;
    let each = (read().await - before) / 8;
    // What the list before them read can be counted late, and is then among it.
    assert!(each <= 600, "a claim of four reads {each} entries, and 1900 are dead");
    drop(dump);
}
