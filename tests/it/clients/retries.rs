//! Python's grpcio with the shipped service config, on ways that lose 30 of 100 answers: keyed sends come through and none is sent
//! twice, sends without a key are never carried out a second time. `scripts/retries` runs it with many more.

mod ways;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::{digest, server, succeed, tool};
use crate::support::files;
use crate::support::program::{Running, printed};
use ways::{Lossy, Way, cutting};

/// How many sends are made with a key and without, unless `RETRIES` says otherwise, such as `20000/2000`.
const SENDS: (u64, u64) = (200, 40);

fn sends() -> (u64, u64) {
    let given = std::env::var_os("RETRIES");
    given.map_or(SENDS, |text| {
        let text = text.into_string().unwrap();
        let (keyed, keyless) = text.split_once('/').expect("RETRIES is such as 20000/2000");
        (keyed.parse().unwrap(), keyless.parse().unwrap())
    })
}

/// Runs the sends on this way.
fn run(way: &str, token: &str, (keyed, keyless): (u64, u64), side_by_side: u32) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (descriptors, config) = (path("messaging.binpb"), path("config.json"));
    printed(&["proto", "--descriptors", &descriptors, "--service-config", &config], &[]);
    let script = files::root().join("tests/clients/retries.py").display().to_string();
    let numbers = [keyed, keyless, u64::from(side_by_side)].map(|n| n.to_string());
    let arguments = [&script, way, token, &descriptors, &config];
    let out = succeed(Command::new(tool("PYTHON")).args(arguments).args(numbers));
    serde_json::from_str(&out).unwrap()
}

/// How often the provider took each text, by its digest.
fn ledger(server: &Running) -> BTreeMap<String, u64> {
    let url = format!("http://{}/sandbox/ledger?format=ndjson", server.address("sandbox"));
    let lines = succeed(Command::new("curl").args(["-s", &url]));
    let mut texts = BTreeMap::new();
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        *texts.entry(entry["text_sha256"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    texts
}

/// Every keyed send is with the provider once; of those without a key each at most once. Returns how many of the latter are.
fn judge(server: &Running, (keyed, keyless): (u64, u64)) -> u64 {
    let texts = ledger(server);
    for n in 0..keyed {
        assert_eq!(texts.get(&digest(&format!("keyed {n}"))), Some(&1), "keyed {n}");
    }
    let copies = (0..keyless).map(|n| texts.get(&digest(&format!("keyless {n}"))).copied().unwrap_or(0));
    let copies: Vec<u64> = copies.collect();
    assert!(copies.iter().all(|n| *n <= 1), "a send without a key was carried out again: {copies:?}");
    copies.iter().sum()
}

fn total(told: &Value, of: &str) -> u64 {
    told[of].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_answers_are_lost_keyed_sends_are_repeated_and_others_never_carried_out_again() {
    let sends = sends();
    let (_directory, server, token) = tokio::task::spawn_blocking(server).await.unwrap();
    let way = Lossy::start(&server.address("grpc")).await;
    let address = way.address.to_string();
    let (told, server) = tokio::task::spawn_blocking(move || (run(&address, &token, sends, 8), server)).await.unwrap();
    let carried_out = tokio::task::spawn_blocking(move || judge(&server, sends)).await.unwrap();
    let seen = way.seen();
    assert_eq!((total(&told, "keyed"), total(&told, "keyless")), sends, "{told}");
    let keyed = told["keyed"].as_object().unwrap();
    assert!(keyed.keys().all(|outcome| outcome.starts_with("calls ")), "{told}");
    let at_once = keyed["calls 1"].as_u64().unwrap();
    assert!(at_once * 10 > sends.0 * 9, "nearly all came through without a line of the caller's: {told}");
    // All that was lost without a key failed, and none of it by the way's own words: the repeat was refused by the server.
    let ok = told["keyless"]["ok"].as_u64().unwrap_or(0);
    assert!(told["keyless"]["UNAVAILABLE REPEATED_WITHOUT_KEY"].as_u64().unwrap_or(0) > 0, "{told}");
    assert!(carried_out > ok, "answers were lost of what was carried out");
    assert!(seen.lost > sends.0 / 5 && seen.repeats > sends.0 / 5, "the way lost answers: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_connections_are_cut_no_send_is_carried_out_twice() {
    // One after the other, and each cut takes a new connection: a twentieth of the many.
    let sends = sends();
    let sends = (sends.0.min(1000), sends.1.min(100));
    let (_directory, server, token) = tokio::task::spawn_blocking(server).await.unwrap();
    let way = cutting(&server.address("grpc")).await;
    let address = way.address.to_string();
    let (told, server) = tokio::task::spawn_blocking(move || (run(&address, &token, sends, 1), server)).await.unwrap();
    tokio::task::spawn_blocking(move || judge(&server, sends)).await.unwrap();
    assert_eq!((total(&told, "keyed"), total(&told, "keyless")), sends, "{told}");
    assert!(way.cuts() > sends.0 / 10, "connections were cut: {}", way.cuts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_the_server_pushes_back_is_not_tried_again_at_all() {
    let (_directory, server, token) = tokio::task::spawn_blocking(server).await.unwrap();
    let way = Way::start(&server.address("grpc"), |_| ways::Fate::RepeatsAtOnce).await;
    let address = way.address.to_string();
    let told = tokio::task::spawn_blocking(move || {
        let _server = server;
        run(&address, &token, (0, 3), 1)
    });
    let told = told.await.unwrap();
    assert_eq!(told["keyless"], serde_json::json!({"UNAVAILABLE REPEATED_WITHOUT_KEY": 3}));
    assert_eq!(way.seen().calls, 3, "one attempt each");
}
