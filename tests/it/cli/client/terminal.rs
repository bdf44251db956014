//! Runs commands as the program would, and catches what they write.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use messaging::cli::client::{Command, Console, Exit, Patience, run_in};
use messaging::config::Env;
use tokio::sync::Notify;

/// The program, with these commands alone.
#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// The traces of a command.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) exit: Exit,
    pub(super) out: String,
    pub(super) err: String,
}

impl Done {
    /// Its output, line by line, as JSON.
    pub(super) fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Why clap refuses a command line.
pub(super) fn refused(args: &[&str]) -> clap::error::ErrorKind {
    parse(args).err().unwrap().kind()
}

pub(super) fn parse(args: &[&str]) -> Result<Command, clap::Error> {
    Ok(Program::try_parse_from([&["messaging"], args].concat())?.command)
}

/// Runs a command against a service, which its environment names.
pub(super) async fn run(addr: SocketAddr, args: &[&str]) -> Done {
    Box::pin(run_env(&[("MESSAGING_ADDR", &addr.to_string())], args)).await
}

/// Runs a command in an environment.
pub(super) async fn run_env(env: &[(&str, &str)], args: &[&str]) -> Done {
    run_input(env, args, "").await
}

/// Runs a command with something on its standard input.
pub(super) async fn run_input(env: &[(&str, &str)], args: &[&str], input: &str) -> Done {
    let mut input = input.as_bytes();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = start(env, args, &mut input, &mut out, &mut err).await;
    Done { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// Runs a command whose reader has gone away.
pub(super) async fn run_into_closed_pipe(addr: SocketAddr, args: &[&str]) -> (Exit, String) {
    let mut err = Vec::new();
    let exit = start(&[("MESSAGING_ADDR", &addr.to_string())], args, &mut io::empty(), &mut ClosedPipe, &mut err).await;
    (exit, String::from_utf8(err).unwrap())
}

/// Runs a command and tells when it has written something.
pub(super) async fn run_watched(addr: SocketAddr, args: &[&str], awaited: &str, seen: &Notify) -> Done {
    let (mut out, mut err) = (Watched { text: Vec::new(), awaited, seen }, Vec::new());
    let exit = start(&[("MESSAGING_ADDR", &addr.to_string())], args, &mut io::empty(), &mut out, &mut err).await;
    Done { exit, out: String::from_utf8(out.text).unwrap(), err: String::from_utf8(err).unwrap() }
}

struct Watched<'a> {
    text: Vec<u8>,
    awaited: &'a str,
    seen: &'a Notify,
}

impl Write for Watched<'_> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(part);
        if String::from_utf8_lossy(&self.text).contains(self.awaited) {
            self.seen.notify_one();
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn start(
    env: &[(&str, &str)],
    args: &[&str],
    input: &mut (dyn io::Read + Send),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let command = parse(args).unwrap_or_else(|e| panic!("{e}"));
    let env = Env::new(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    let millisecond = Duration::from_millis(1);
    let patience = Patience { tries: 3, first: millisecond, longest: millisecond };
    run_in(command, &mut Console { env: &env, input, out, err, progress: false, patience }).await
}

struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
