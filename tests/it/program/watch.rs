//! `kill -9` ten times under a watch: a client that goes on with its token is told every change once.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{SendSingleRequest, WatchMessagesRequest};
use tonic::transport::Endpoint;

use crate::support::app::{Client, Credentials, Home};
use crate::support::database::{Kind, on_both_databases};
use crate::support::program::{Running, messaging, printed};
use crate::support::settings::JWT_SECRET;
use crate::support::store::count;

const KILLS: usize = 10;
/// How many changes are read between two kills.
const BETWEEN: usize = 15;

async fn client(server: &Running, token: &str) -> Client {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address("grpc"))).unwrap();
    let credentials = Credentials("authorization", format!("Bearer {token}"));
    MessagingServiceClient::with_interceptor(endpoint.connect().await.unwrap(), credentials)
}

async fn a_watch_through_ten_kills_is_told_every_change_once(kind: Kind) {
    let home = Home::new(kind).await;
    let database = home.url();
    // Nobody is at the provider's address: every message is tried once, and queued.
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("JWT_SECRET", JWT_SECRET),
        ("MITTO_API_KEY", "key"),
        ("MITTO_API_BASE", "http://127.0.0.1:9"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("WORKERS", "0"),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    printed(&["migrate"], &env);
    let user = printed(&["user", "create", "--name", "carol", "--sender", "Carol"], &env);
    let token = printed(&["token", "--user", &user], &env);
    let mut server = Running::start(&["serve"], &env);
    let (mut resume_token, mut seen) = (String::new(), HashSet::new());
    let mut kills = 0;
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let mut watcher = client(&server, &token).await;
        let sender = client(&server, &token).await;
        let request = WatchMessagesRequest { resume_token: resume_token.clone(), ..Default::default() };
        let mut stream = watcher.watch_messages(request).await.unwrap().into_inner();
        // The first answer is a token, before anything is sent.
        resume_token = stream.message().await.unwrap().unwrap().resume_token;
        let sending: Vec<_> = (0..4)
            .map(|_| {
                let mut sender = sender.clone();
                tokio::spawn(async move {
                    for _ in 0..20 {
                        let (destination, text) = ("+306900000001".to_owned(), "Hi".to_owned());
                        let _ = sender.send_single(SendSingleRequest { destination, text, ..Default::default() }).await;
                    }
                })
            })
            .collect();
        let mut read = 0;
        while read < BETWEEN || kills == KILLS {
            assert!(Instant::now() < deadline, "{} seen: {}", seen.len(), server.log());
            if kills == KILLS && sending.iter().all(tokio::task::JoinHandle::is_finished) {
                let all = count(&home.config.url, "events WHERE from_status <> to_status").await;
                if usize::try_from(all).unwrap() == seen.len() {
                    break;
                }
            }
            let next = tokio::time::timeout(Duration::from_millis(500), stream.message()).await;
            let Ok(next) = next else { continue };
            let told = next.unwrap().unwrap();
            resume_token = told.resume_token;
            if let Some(event) = told.event {
                assert!(seen.insert((event.id, event.from, event.to, event.at.map(|at| (at.seconds, at.nanos)))));
                read += 1;
            }
        }
        if kills == KILLS {
            break;
        }
        server.signal("KILL");
        server.wait();
        sending.iter().for_each(tokio::task::JoinHandle::abort);
        server = Running::start(&["serve"], &env);
        kills += 1;
    }
    assert!(seen.len() >= KILLS * BETWEEN);
}

on_both_databases![std::future::ready => a_watch_through_ten_kills_is_told_every_change_once];

#[test]
fn the_command_ends_at_an_interrupt_with_its_token_and_goes_on_from_there() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().display().to_string();
    let env = [("DATA_DIR", data.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let server = Running::start(&["serve", "--sandbox"], &env);
    let token = printed(&["token", "--sandbox", "--user", "1"], &env);
    let addr = server.address("grpc");
    let env = [("MESSAGING_ADDR", addr.as_str()), ("MESSAGING_TOKEN", token.as_str())];
    let start =
        |arguments: &[&str]| messaging(arguments, &env).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut watch = start(&["watch", "--json"]);
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert!(first["event"].is_null());
    printed(&["send", "--to", "+306900000001", "--text", "Hi"], &env);
    let change: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(change["event"]["to"], "MESSAGE_STATUS_SENDING");
    lines.next().unwrap().unwrap();
    let pid = watch.id().to_string();
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status().unwrap().success());
    assert!(watch.wait().unwrap().success());
    let mut said = String::new();
    watch.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let resume_token = said.trim().strip_prefix("to go on: --resume-token ").unwrap().to_owned();
    printed(&["send", "--to", "+306900000001", "--text", "Hi"], &env);
    let mut again = start(&["watch", "--resume-token", &resume_token]);
    let mut lines = BufReader::new(again.stdout.take().unwrap()).lines();
    // The first message may be delivered meanwhile; what was told of it is not told again.
    let first = change["event"]["id"].as_str().unwrap();
    let of_first = |line: &String| line.contains(first);
    let line = loop {
        let Some(line) = lines.next() else {
            let mut said = String::new();
            again.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it ended: {said}, and the server said: {}", server.log());
        };
        let line = line.unwrap();
        if !of_first(&line) {
            break line;
        }
        assert!(!line.ends_with("-> SENDING") && !line.ends_with("-> SENT"), "{line}");
    };
    assert!(line.ends_with("NEW -> SENDING"), "{line}");
    again.kill().unwrap();
    again.wait().unwrap();
}
