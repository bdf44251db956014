//! Errors: one line each, and the exit status.

use std::collections::HashMap;
use std::time::Duration;

use clap::error::ErrorKind;
use messaging::cli::client::{Exit, Patience, run};
use messaging::config::Env;
use messaging::proto::SendSingleResponse;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::fake::{Fake, Script};
use super::terminal::{Done, refused, run as run_at, run_env};

const SEND: [&str; 5] = ["send", "--to", "+306900000001", "--text", "Hi"];

async fn send(status: Status) -> Done {
    let fake = Fake::start(Script { send: [Err(status)].into(), ..Default::default() }).await;
    run_at(fake.addr, &SEND).await
}

#[tokio::test]
async fn violations_stand_on_the_line_with_code_and_reason() {
    let mut details = ErrorDetails::with_error_info("INVALID_REQUEST", "messaging", HashMap::new());
    details.add_bad_request_violation("destination", "is not a number");
    details.add_bad_request_violation("text", "is required");

    let done = send(Status::with_error_details(Code::InvalidArgument, "The request is invalid.", details)).await;

    assert_eq!((done.exit, done.out.as_str()), (Exit::Usage, ""));
    assert_eq!(
        done.err,
        "INVALID_ARGUMENT: The request is invalid. [destination: is not a number; text: is required] (INVALID_REQUEST)\n"
    );
}

#[tokio::test]
async fn metadata_and_the_time_to_wait_are_told() {
    let metadata = HashMap::from([("id".to_owned(), "m-1".to_owned()), ("code".to_owned(), "4".to_owned())]);
    let mut details = ErrorDetails::with_error_info("PROVIDER_REJECTED", "messaging", metadata);
    details.set_retry_info(Some(Duration::from_millis(1500)));

    let done = send(Status::with_error_details(Code::FailedPrecondition, "Refused.", details)).await;

    let line = "FAILED_PRECONDITION: Refused. (PROVIDER_REJECTED, code=4, id=m-1); try again in 1.5 s\n";
    assert_eq!((done.exit, done.err.as_str()), (Exit::Failed, line));
}

#[tokio::test]
async fn what_the_service_says_cannot_steer_the_terminal() {
    let done = send(Status::internal("a\nb\u{1b}[2J")).await;
    assert_eq!(done.err, "INTERNAL: a\\nb\\u{1b}[2J\n");
}

#[tokio::test]
async fn an_answer_without_its_message_is_an_error() {
    let fake = Fake::start(Script { send: [Ok(SendSingleResponse::default())].into(), ..Default::default() }).await;
    let done = run_at(fake.addr, &SEND).await;
    assert_eq!(done.err, "error: the service's answer cannot be used: it holds no message\n");
    assert_eq!(done.exit, Exit::Failed);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    // Bound and dropped: nobody listens there.
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = run_at(addr, &SEND).await;
    assert_eq!(done.exit, Exit::Failed);
    let start = format!("UNAVAILABLE: cannot connect to http://{addr}/: Connection refused");
    assert!(done.err.starts_with(&start) && done.err.lines().count() == 1, "{}", done.err);
}

#[tokio::test]
async fn what_cannot_work_is_wrong_usage() {
    for (args, complaint) in [
        (["--addr", "ftp://x"], "is not an address"),
        (["--addr", "http://"], "is not an address"),
        (["--addr", "a b"], "is not an address"),
        (["--token", "a\nb"], "characters"),
        (["--ca", "/nowhere/ca.pem"], "--ca: cannot read /nowhere/ca.pem"),
    ] {
        let done = run_env(&[], &[&SEND[..], &args].concat()).await;
        assert_eq!((done.exit, done.out.as_str()), (Exit::Usage, ""), "{}", done.err);
        assert!(done.err.contains(complaint) && done.err.lines().count() == 1, "{}", done.err);
    }
}

#[tokio::test]
async fn the_program_runs_commands_by_what_it_is_given_alone() {
    let fake = Fake::start(Script { send: [Err(Status::not_found("x"))].into(), ..Default::default() }).await;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let command = super::terminal::parse(&SEND).unwrap();
    let env = Env::new([("MESSAGING_ADDR".to_owned(), fake.addr.to_string())].into());
    assert_eq!(run(command, &env, &mut out, &mut err).await, Exit::Failed);
    assert_eq!((out.as_slice(), err.as_slice()), (&b""[..], &b"NOT_FOUND: x\n"[..]));
}

#[test]
fn a_restart_of_the_service_fits_into_the_patience() {
    let Patience { tries, first, longest } = Patience::default();
    let waits = (0..tries).map(|n| (first * 2_u32.pow(n)).min(longest) / 2);
    assert!(waits.sum::<Duration>() >= Duration::from_secs(10));
}

#[test]
fn command_lines_that_contradict_themselves_are_refused() {
    for (args, kind) in [
        (&["refresh"][..], ErrorKind::MissingRequiredArgument),
        (&["refresh", "p-1", "--campaign", "5"], ErrorKind::ArgumentConflict),
        (&["refresh", "--campaign", "5", "--ids", "x"], ErrorKind::ArgumentConflict),
        (&["refresh", "p-1", "--only-pending"], ErrorKind::ArgumentConflict),
        (&["refresh", "--only-pending"], ErrorKind::MissingRequiredArgument),
        (&["list", "--status", "lost"], ErrorKind::ValueValidation),
        (&["list", "--status", "unspecified"], ErrorKind::ValueValidation),
        (&["list", "--limit", "0"], ErrorKind::ValueValidation),
        (&["message", "m", "--token", "a", "--api-key", "b"], ErrorKind::ArgumentConflict),
        (&["message", "m", "--client-cert", "a"], ErrorKind::MissingRequiredArgument),
        (&["send", "--to", "1", "--text", "x", "--at", "tomorrow"], ErrorKind::ValueValidation),
        (&["send", "--to", "1", "--text", "x", "--validity", "3600"], ErrorKind::ValueValidation),
        (&["campaign", "create", "--name", "n", "--text", "x", "--validity", "1 month"], ErrorKind::ValueValidation),
        (&["watch", "--status", "lost"], ErrorKind::ValueValidation),
    ] {
        assert_eq!(refused(args), kind, "{args:?}");
    }
}
