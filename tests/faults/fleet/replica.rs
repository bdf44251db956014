//! One replica: its process, which comes and goes, its gateway to the provider, and the channel that clients reach it by.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tonic::transport::{Channel, Endpoint};

use super::gateway::Gateway;
use super::program::Program;
use super::skewed::Skewed;
use crate::hostile::CONNECTIONS;
use crate::options::{Case, Scenario};
use crate::reports::SECRET;

/// The longest time in one process's hands, in every fleet (`LEASE_SECONDS`).
pub const LEASE: Duration = Duration::from_secs(20);
/// The longest provider call (`MITTO_TIMEOUT_SECONDS`); with 15 s more it is the shortest lease that is allowed.
const CALL: Duration = Duration::from_secs(3);
/// How many queued messages a replica has in flight. As many calls of clients' may be, which makes 32: what a kill may
/// leave unknown.
pub const QUEUED_IN_FLIGHT: usize = crate::load::IN_FLIGHT;
/// How many bulk calls a replica has in flight (`BULK_CONCURRENCY`), and how many messages each holds (`BULK_CHUNK`).
const BULK: (usize, usize) = (2, 50);
/// How many messages may be in them together.
pub const BULK_IN_FLIGHT: usize = BULK.0 * BULK.1;
/// The route account of all messages.
pub const ACCOUNT: &str = "5a4db0c5-0000-4000-8000-000000000001";
/// The longest orderly end that a process promises.
const STOP: Duration = Duration::from_secs(25);

/// A replica. Its process ends when this is dropped.
pub struct Replica {
    /// The way to the provider.
    pub gateway: Gateway,
    executable: PathBuf,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    program: Mutex<Option<Program>>,
    channel: Mutex<Option<Channel>>,
    /// The HTTP API's address, while it is up.
    web: Mutex<Option<String>>,
}

impl Replica {
    /// A replica that has no process yet.
    pub async fn new(
        number: usize,
        directory: &Path,
        database: String,
        provider: &str,
        clock: Option<&Skewed>,
        case: &Case,
    ) -> Arc<Self> {
        let gateway = Gateway::open(provider.to_owned()).await;
        let mut environment = vec![
            ("DATABASE_URL", database),
            ("DATA_DIR", directory.display().to_string()),
            ("JWT_SECRET", "a secret that only this harness knows, 32+".to_owned()),
            ("MITTO_API_BASE", gateway.url()),
            ("MITTO_API_KEY", "sandbox-key".to_owned()),
            ("MITTO_TIMEOUT_SECONDS", CALL.as_secs().to_string()),
            ("MITTO_CONNECT_TIMEOUT_SECONDS", "1".to_owned()),
            ("MITTO_SENDER", "Faults".to_owned()),
            ("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT.to_owned()),
            ("GRPC_ADDR", "127.0.0.1:0".to_owned()),
            ("HTTP_ADDR", "127.0.0.1:0".to_owned()),
            ("LEASE_SECONDS", LEASE.as_secs().to_string()),
            ("LOG_LEVEL", "warn".to_owned()),
            ("SEND_CONCURRENCY", QUEUED_IN_FLIGHT.to_string()),
            ("BULK_CONCURRENCY", BULK.0.to_string()),
            // What it answered would change messages between the reading of one record and the next.
            ("POLL_RATE", "0".to_owned()),
            ("BULK_CHUNK", BULK.1.to_string()),
        ];
        if case.scenario.is_about_pace() {
            // Nothing is cut: what counts is that slots are not what holds messages back.
            environment.retain(|(name, _)| !matches!(*name, "SEND_CONCURRENCY" | "BULK_CONCURRENCY"));
            environment.push(("SEND_CONCURRENCY", "64".to_owned()));
        }
        if matches!(case.scenario, Scenario::Reports | Scenario::StopStart | Scenario::Hostile) {
            environment.push(("WEBHOOK_SECRET", SECRET.to_owned()));
        }
        if case.scenario == Scenario::Hooks {
            environment.push(("HOOK_KEY", "a-key-that-only-this-harness-knows-32".to_owned()));
            environment.push(("HOOK_NETS", "127.0.0.0/8".to_owned()));
        }
        if case.scenario == Scenario::Hostile {
            environment.push(("MAX_CONNECTIONS", CONNECTIONS.to_string()));
        }
        environment.extend(clock.into_iter().flat_map(Skewed::environment));
        environment.extend(case.bug.map(|bug| ("MESSAGING_PLANTED_BUG", bug.to_owned())));
        let log = directory.join(format!("replica-{number}.log"));
        Arc::new(Self {
            gateway,
            executable: case.program.clone(),
            environment,
            log,
            program: Mutex::default(),
            channel: Mutex::default(),
            web: Mutex::default(),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command beside the replica, and answers what it printed.
    pub async fn ask(&self, arguments: &[&str]) -> String {
        let mut command = self.command(arguments);
        let done = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Starts a process, again and again while it cannot start for want of its database.
    pub async fn start(self: &Arc<Self>, limit: Duration) {
        let begun = Instant::now();
        loop {
            let (replica, command) = (self.clone(), self.command(&["serve"]));
            let started = tokio::task::spawn_blocking(move || {
                // The old process first, so that it is really gone.
                drop(replica.program.lock().unwrap().take());
                Program::start(command, &replica.log)
            });
            if let Some(program) = started.await.unwrap() {
                let address = program.first["grpc"].as_str().unwrap().to_owned();
                *self.web.lock().unwrap() = program.first["http"].as_str().map(str::to_owned);
                *self.program.lock().unwrap() = Some(program);
                *self.channel.lock().unwrap() =
                    Some(Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy());
                return;
            }
            let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(begun.elapsed() < limit, "a replica does not start:\n{}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The way for clients, if it is up.
    pub fn channel(&self) -> Option<Channel> {
        self.channel.lock().unwrap().clone()
    }

    /// The address for posts, if it is up.
    pub fn web(&self) -> Option<String> {
        self.web.lock().unwrap().clone()
    }

    /// The gRPC API's address, if its process is there.
    pub fn grpc(&self) -> Option<String> {
        self.program.lock().unwrap().as_ref()?.first["grpc"].as_str().map(str::to_owned)
    }

    /// How many hundredths of a second of a core its process has used; 0 while there is none.
    pub fn ticks(&self) -> u64 {
        let stat =
            self.pid().and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()).unwrap_or_default();
        // Behind the name, which can hold anything, the 12th and 13th are the time of its own and the system's for it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    }

    /// Its process, if there is one.
    pub fn pid(&self) -> Option<u32> {
        self.program.lock().unwrap().as_ref().map(Program::pid)
    }

    fn close_channel(&self) {
        *self.web.lock().unwrap() = None;
        *self.channel.lock().unwrap() = None;
    }

    /// kill -9, at once.
    pub fn kill(&self) {
        if let Some(program) = self.program.lock().unwrap().as_mut() {
            program.kill();
        }
        self.close_channel();
    }

    /// SIGSTOP: it stands still, and knows nothing of it.
    pub fn pause(&self) {
        self.signal("STOP");
        self.close_channel();
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("CONT");
        let address =
            |name: &str| self.program.lock().unwrap().as_ref().and_then(|p| p.first[name].as_str().map(str::to_owned));
        *self.web.lock().unwrap() = address("http");
        let endpoint = address("grpc").map(|address| Endpoint::from_shared(format!("http://{address}")).unwrap());
        *self.channel.lock().unwrap() = endpoint.map(|endpoint| endpoint.connect_lazy());
    }

    fn signal(&self, name: &str) {
        if let Some(program) = self.program.lock().unwrap().as_ref() {
            program.signal(name);
        }
    }

    /// SIGTERM, and its end. True if that was orderly and within its limit. Clients learn of it from the process alone.
    pub async fn stop(self: &Arc<Self>) -> bool {
        let replica = self.clone();
        let ended = tokio::task::spawn_blocking(move || {
            let Some(mut program) = replica.program.lock().unwrap().take() else { return true };
            program.signal("TERM");
            program.end(STOP)
        });
        let ended = ended.await.unwrap();
        self.close_channel();
        ended
    }
}
