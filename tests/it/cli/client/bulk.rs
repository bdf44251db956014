//! Bulk refreshes: lines, counts, cut streams, exit codes.

use std::net::SocketAddr;
use std::sync::Arc;

use messaging::cli::client::Exit;
use messaging::proto::refresh_status_bulk_request::Target;
use messaging::proto::refresh_status_bulk_response::{Event, Result as One, Summary};
use messaging::proto::{RefreshOutcome, RefreshStatusBulkResponse};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::fake::{Fake, Script, Step};
use super::terminal::{run, run_env, run_input, run_watched};

fn result(completed: i64, outcome: RefreshOutcome) -> Step {
    let error = if outcome == RefreshOutcome::Failed { "Message not found: p".into() } else { String::new() };
    let one = One { provider_message_id: format!("p-{completed}"), outcome: outcome.into(), error, ..One::default() };
    event(completed, Event::Result(one))
}

fn summary(updated: i64, unchanged: i64, failed: i64) -> Step {
    event(3, Event::Summary(Summary { total: 3, updated, unchanged, failed }))
}

fn event(completed: i64, event: Event) -> Step {
    let resume_token = format!("after-{completed}");
    Step::Event(RefreshStatusBulkResponse { total: 3, completed, resume_token, event: Some(event) })
}

async fn service(streams: impl IntoIterator<Item = Vec<Step>>) -> Fake {
    Fake::start(Script { bulk: streams.into_iter().collect(), ..Default::default() }).await
}

fn tokens(fake: &Fake) -> Vec<String> {
    fake.heard().bulks.into_iter().map(|bulk| bulk.resume_token).collect()
}

use RefreshOutcome::{Failed, Unchanged, Updated};

#[tokio::test]
async fn every_event_is_a_line_of_json_and_the_summary_is_the_last() {
    let fake = service([vec![result(1, Updated), result(2, Unchanged), result(3, Updated), summary(2, 1, 0)]]).await;

    let done = run(fake.addr, &["refresh", "--campaign", "5", "--only-pending", "--json"]).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    let lines = done.json();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["result"], json!({"providerMessageId": "p-1", "outcome": "REFRESH_OUTCOME_UPDATED"}));
    assert_eq!(lines[3]["summary"], json!({"total": "3", "updated": "2", "unchanged": "1"}));
    let bulks = fake.heard().bulks;
    assert_eq!((bulks[0].target.clone(), bulks[0].only_pending), (Some(Target::CampaignId(5)), true));
}

#[tokio::test]
async fn people_read_the_failures_and_the_counts_and_scripts_the_exit_status() {
    let fake = service([vec![result(1, Updated), result(2, Failed), result(3, Unchanged), summary(1, 1, 1)]]).await;
    let done = run(fake.addr, &["refresh", "--campaign", "5"]).await;
    assert_eq!(done.exit, Exit::Failed);
    assert_eq!(done.out, "failed  p-2  Message not found: p\n3 in all: 1 updated, 1 unchanged, 1 failed\n");
}

#[tokio::test]
async fn ids_come_from_a_file_or_from_standard_input() {
    let fake = service([vec![summary(0, 3, 0)], vec![summary(0, 3, 0)]]).await;
    let addr = fake.addr.to_string();
    let env = [("MESSAGING_ADDR", addr.as_str())];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a\r\n\n  b \nc").unwrap();

    run_input(&env, &["refresh", "--ids", "-"], "a\r\n\n  b \nc").await;
    run_env(&env, &["refresh", "--ids", file.path().to_str().unwrap()]).await;

    for bulk in fake.heard().bulks {
        let Some(Target::ProviderMessageIds(list)) = bulk.target else { panic!("a list of ids") };
        assert_eq!(list.ids, ["a", "b", "c"]);
    }
}

#[tokio::test]
async fn a_list_without_ids_is_wrong_usage() {
    let done = run_input(&[], &["refresh", "--ids", "-"], "\n \n").await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Usage, "error: --ids: - holds no ids\n"));
}

#[tokio::test]
async fn a_cut_stream_goes_on_after_the_last_event_that_was_read() {
    let cut = || Step::Error(Status::unavailable("going down"));
    let fake = service([
        vec![result(1, Updated), cut()],
        vec![cut()],
        vec![result(2, Unchanged)],
        vec![result(3, Updated), summary(2, 1, 0)],
    ])
    .await;

    let done = run(fake.addr, &["refresh", "--campaign", "5", "--json"]).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    assert_eq!(done.json().len(), 4, "every event once: {}", done.out);
    assert_eq!(tokens(&fake), ["", "after-1", "after-1", "after-2"]);
}

#[tokio::test]
async fn a_broken_connection_is_a_cut_stream() {
    let seen = Arc::new(Notify::new());
    let fake =
        service([vec![result(1, Updated), result(2, Updated), Step::Hang], vec![result(3, Updated), summary(3, 0, 0)]])
            .await;
    let (addr, _wire) = wire(fake.addr, Arc::clone(&seen)).await;

    let done = run_watched(addr, &["refresh", "--campaign", "5", "--json"], "p-2", &seen).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    assert_eq!(done.json().len(), 4, "every event once: {}", done.out);
    assert_eq!(tokens(&fake), ["", "after-2"]);
}

/// A wire to a service whose first connection breaks on command.
async fn wire(to: SocketAddr, cut: Arc<Notify>) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let forward = async move || {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        copy_bidirectional(&mut near, &mut far).await
    };
    let task = tokio::spawn(async move {
        tokio::select! {
            _ = forward() => {}
            () = cut.notified() => {}
        }
        let _ = forward().await;
    });
    (addr, AbortOnDropHandle::new(task))
}

#[tokio::test]
async fn a_stream_that_is_cut_again_and_again_is_given_up() {
    let cut = || vec![Step::Error(Status::unavailable("going down"))];
    let fake = service((0..9).map(|_| cut())).await;

    let done = run(fake.addr, &["refresh", "--campaign", "5"]).await;

    assert_eq!((done.exit, done.err.as_str()), (Exit::Failed, "UNAVAILABLE: going down\n"));
    assert_eq!(fake.heard().bulks.len(), 1 + 3, "the first time and three tries");
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let fake = service([vec![result(1, Updated), Step::Error(Status::permission_denied("no"))], vec![]]).await;
    let done = run(fake.addr, &["refresh", "--campaign", "5"]).await;
    assert_eq!(
        (done.exit, done.err.as_str()),
        (Exit::Failed, "to go on: --resume-token after-1\nPERMISSION_DENIED: no\n")
    );
    assert_eq!(fake.heard().bulks.len(), 1);
}

#[tokio::test]
async fn a_refresh_goes_on_after_a_token_that_is_given() {
    let fake = service([vec![result(3, Updated), summary(3, 0, 0)]]).await;
    let done = run(fake.addr, &["refresh", "--campaign", "5", "--resume-token", "after-2"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    assert_eq!(tokens(&fake), ["after-2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_refresh_tells_how_to_go_on() {
    let fake = service([vec![result(1, Updated), result(2, Updated), Step::Hang]]).await;
    let addr = fake.addr.to_string();
    let interrupted = tokio::task::spawn_blocking(move || {
        use std::io::{BufRead as _, BufReader, Read as _};
        use std::process::Stdio;
        let arguments = ["refresh", "--campaign", "5", "--json", "--addr", &addr];
        let mut command = crate::support::program::messaging(&arguments, &[]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..2 {
            lines.next().unwrap().unwrap();
        }
        let pid = child.id().to_string();
        assert!(std::process::Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status().unwrap().success());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (child.wait().unwrap().code(), said)
    });
    assert_eq!(interrupted.await.unwrap(), (Some(1), "to go on: --resume-token after-2\n".to_owned()));
}
