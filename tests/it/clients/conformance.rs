//! The clients of `clients/`, row by row of one list, against the program with a sandbox: Python and Rust here, Node.js in
//! `scripts/clients`. The page with what they do is held to what they did.

/// The example of the page.
#[path = "../../../clients/rust/example.rs"]
mod example;
/// The client.
#[path = "../../../clients/rust/messaging_client.rs"]
mod messaging_client;
mod receiver;
mod rows;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{server, tool};
use crate::support::files;
use crate::support::program::{Running, printed};

const PAGE: &str = "docs/conformance.md";

/// The rows of the list, by their ids and words.
fn listed() -> Vec<(String, String)> {
    let rows: Vec<Value> = serde_json::from_str(&files::read("clients/conformance.json")).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "id"), text(row, "behaviour"))).collect()
}

/// The addresses and credentials that the rows need.
fn setup(directory: &tempfile::TempDir, server: &Running, token: &str) -> Value {
    let data = directory.path();
    let env = [("DATA_DIR", data.to_str().unwrap())];
    let secret = std::fs::read(data.join("sandbox-jwt-secret")).unwrap();
    let secret = secret.trim_ascii();
    let claims = json!({"sub": "1", "scope": "messages:read", "iat": 1_700_000_000, "exp": 1_700_003_600});
    let key = jsonwebtoken::EncodingKey::from_secret(secret);
    let expired = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let path = |name: &str| data.join(name).display().to_string();
    let (descriptors, config) = (path("messaging.binpb"), path("config.json"));
    printed(&["proto", "--descriptors", &descriptors, "--service-config", &config], &[]);
    json!({
        "grpc": server.address("grpc"), "http": server.address("http"), "sandbox": server.address("sandbox"),
        "token": token, "expired_token": expired,
        "reading_token": printed(&["token", "--user", "1", "--sandbox", "--scope", "messages:read"], &env),
        "descriptors": descriptors, "service_config": config,
    })
}

/// What came of a client's rows.
type Outcomes = Vec<(String, Result<(), String>)>;

/// What the page says of a client, row by row; nothing where it has no such row.
fn column(page: &str, client: &str) -> BTreeMap<String, String> {
    let cells =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    let mut lines = page.lines().filter(|line| line.starts_with('|')).map(cells);
    let at = lines.next().and_then(|header| header.iter().position(|name| name == client));
    at.map(|at| lines.map(|row| (row[0].clone(), row[at].clone())).collect()).unwrap_or_default()
}

/// The page by what the clients did; of Node.js it is known by the page alone, which its own run rewrites.
fn page(python: &Outcomes, rust: &Outcomes, before: &str) -> String {
    let mut text = String::from(
        "# What the clients do\n\n\
         The small clients of `clients/`, and what each was seen to do against the program with its sandbox: Python and Rust by\n\
         `scripts/test clients::conformance`, Node.js by `scripts/clients conformance`. A run fails if a row does, and if this page is not what it\n\
         saw. The rows are `clients/conformance.json`; [clients.md](clients.md#clients-to-copy) has the clients.\n\n\
         | behaviour | Python | Node.js | Rust |\n|---|---|---|---|\n",
    );
    let done = |outcomes: &Outcomes, row: &str| {
        let (_, outcome) = outcomes.iter().find(|(id, _)| id == row).unwrap_or_else(|| panic!("{row} was not run"));
        if outcome.is_ok() { "yes" } else { "NO" }
    };
    let node = column(before, "Node.js");
    for (id, behaviour) in listed() {
        let node = node.get(&behaviour).map_or("not run", String::as_str);
        writeln!(text, "| {behaviour} | {} | {node} | {} |", done(python, &id), done(rust, &id)).unwrap();
    }
    text
}

fn python(setup: &Value, directory: &tempfile::TempDir) -> Outcomes {
    let file = directory.path().join("setup.json");
    std::fs::write(&file, setup.to_string()).unwrap();
    let script = files::root().join("clients/python/conformance.py");
    let run = Command::new(tool("PYTHON")).arg("-B").arg(script).arg(file).output().unwrap();
    let told = String::from_utf8(run.stdout).unwrap();
    let outcome = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        ["pass", id] => (id.to_owned(), Ok(())),
        ["FAIL", id, ..] => (id.to_owned(), Err(line.to_owned())),
        _ => panic!("{line} {}", String::from_utf8_lossy(&run.stderr)),
    };
    told.lines().map(outcome).collect()
}

async fn rust(setup: &Value) -> Outcomes {
    let rig = rows::Rig::new(setup);
    let mut told = Vec::new();
    for (id, _) in listed() {
        let outcome = tokio::time::timeout(Duration::from_mins(1), rig.row(&id)).await;
        told.push((id, outcome.unwrap_or_else(|_| Err("it hangs".into())).map_err(|e| e.to_string())));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_for_python_and_rust_do_every_row_and_the_page_says_so() {
    let (directory, _server, setup) = tokio::task::spawn_blocking(|| {
        let (directory, server, token) = server();
        let setup = setup(&directory, &server, &token);
        (directory, server, setup)
    })
    .await
    .unwrap();
    let rust = rust(&setup).await;
    let python = tokio::task::spawn_blocking(move || python(&setup, &directory)).await.unwrap();
    let before = std::fs::read_to_string(files::root().join(PAGE)).unwrap_or_default();
    let page = page(&python, &rust, &before);
    if std::env::var_os("REWRITE_EXAMPLES").is_some() {
        std::fs::write(files::root().join(PAGE), &page).unwrap();
    }
    let failed: Vec<_> = python.iter().chain(&rust).filter(|(_, outcome)| outcome.is_err()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((listed().len(), python.len(), rust.len()), (25, 25, 25));
    let now = files::read(PAGE);
    assert!(now == page, "{PAGE} is out of date: REWRITE_EXAMPLES=1 scripts/test clients::conformance");
    let node = column(&now, "Node.js");
    assert!(
        listed().iter().all(|(_, behaviour)| node[behaviour] == "yes"),
        "run REWRITE_EXAMPLES=1 scripts/clients conformance"
    );
}

#[test]
fn every_client_is_small() {
    for file in ["python/messaging_client.py", "node/messaging-client.mjs", "rust/messaging_client.rs"] {
        let lines = files::read(&format!("clients/{file}")).lines().count();
        assert!(lines <= 200, "clients/{file} has {lines} lines");
    }
}

/// A page of ten minutes shows this file, byte for byte.
fn shows(page: &str, fence: &str, file: &str) {
    let block = format!("```{fence}\n{}```\n", files::read(file));
    assert!(files::read(page).contains(&block), "{page} shows {file} otherwise than it is");
}

#[test]
fn the_pages_of_ten_minutes_show_the_examples_byte_for_byte() {
    shows("docs/ten-minutes-python.md", "python", "clients/python/example.py");
    shows("docs/ten-minutes-typescript.md", "js", "clients/node/example.mjs");
    shows("docs/ten-minutes-rust.md", "rust", "clients/rust/example.rs");
}

const DELIVERED: &str = "MESSAGE_STATUS_DELIVERED";

/// A server whose messages are reported, and a token.
fn reporting() -> (tempfile::TempDir, Running, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let server = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    (directory, server, token)
}

#[test]
fn the_example_for_python_sends_once_reads_an_error_and_sees_the_delivery() {
    let (directory, server, token) = reporting();
    printed(&["proto", "--descriptors", &directory.path().join("messaging.binpb").display().to_string()], &[]);
    let config = directory.path().join("messaging_grpc_service_config.json").display().to_string();
    printed(&["proto", "--service-config", &config], &[]);
    let script = files::root().join("clients/python/example.py");
    let mut command = Command::new(tool("PYTHON"));
    command.current_dir(directory.path()).arg("-B").arg(script).args([&server.address("grpc"), &token]);
    let out = super::succeed(&mut command);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("sent 0"), "{out}");
    assert!(lines[1].starts_with("INVALID_ARGUMENT VALIDATION_ERROR {'destination': "), "{out}");
    assert_eq!(lines[2..], [DELIVERED]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_for_rust_sends_once_reads_an_error_and_sees_the_delivery() {
    let (_directory, server, token) = tokio::task::spawn_blocking(reporting).await.unwrap();
    let url = format!("http://{}", server.address("grpc"));
    let seen = example::send(&url, &token, "order-17").await.unwrap();
    assert_eq!(seen, ["sent once: true", "VALIDATION_ERROR destination", DELIVERED]);
}
