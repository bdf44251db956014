//! The program under test and this one's own helpers, as child processes that end with their handles.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::database::Database;

/// The release binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_messaging");
/// The tokens' secret, of this bench alone.
const SECRET: &str = "a secret that only benchmarks know, 32+";
/// The route account of every message.
pub const ACCOUNT: &str = "5a4db0c5-0000-4000-8000-000000000001";
/// The key that the sandbox asks for.
pub const KEY: &str = "sandbox-key";
/// The sender of every message.
pub const SENDER: &str = "Bench";
/// How long a child gets to stop before it is killed.
const STOP: Duration = Duration::from_secs(10);

/// A running child; it is told to stop, and waited for, when this is dropped.
pub struct Running {
    child: Child,
    /// The first line of its standard output.
    pub first: Value,
    /// From before the start to that line.
    pub took: Duration,
}

impl Running {
    fn start(mut command: Command, log: &Path) -> Self {
        let begun = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log).unwrap());
        let mut child = command.spawn().expect("a child process starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let took = begun.elapsed();
        let first = serde_json::from_str(&line).unwrap_or_else(|_| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("a child said {line:?} instead of where it listens:\n{}", fs::read_to_string(log).unwrap())
        });
        Self { child, first, took }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An address of the first line, as a URL.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}", self.first[name].as_str().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The way that a supervisor stops it; std can only kill.
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let begun = Instant::now();
        while begun.elapsed() < STOP {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory, a database and the binary between them.
pub struct Installation {
    pub database: Database,
    directory: tempfile::TempDir,
}

impl Installation {
    pub fn new(database: Database) -> Self {
        Self { database, directory: tempfile::Builder::new().prefix("messaging-bench-").tempdir().unwrap() }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The value of `DATABASE_URL`.
    pub fn url(&self) -> String {
        self.database.url(self.directory.path())
    }

    /// The binary with nothing in its environment but what it is told here.
    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).env_clear().current_dir(self.directory.path());
        command.env("DATABASE_URL", self.url()).env("DATA_DIR", self.directory.path()).env("JWT_SECRET", SECRET);
        command
    }

    /// A stand-in for the provider, which accepts everything.
    pub fn sandbox(&self) -> Running {
        let arguments = ["sandbox", "--addr", "127.0.0.1:0", "--api-key", KEY];
        Running::start(self.command(arguments), &self.file("sandbox.log"))
    }

    /// The service, with every setting at its default but the addresses.
    pub fn serve(&self, provider: &str) -> Running {
        self.serve_with(provider, &[])
    }

    /// The same, with more settings.
    pub fn serve_with(&self, provider: &str, more: &[(&str, &str)]) -> Running {
        let mut command = self.command(["serve"]);
        command.env("MITTO_API_BASE", provider).env("MITTO_API_KEY", KEY).env("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT);
        command.env("MITTO_SENDER", SENDER).env("GRPC_ADDR", "127.0.0.1:0").env("HTTP_ADDR", "127.0.0.1:0");
        command.envs(more.iter().copied());
        Running::start(command, &self.file("serve.log"))
    }

    /// The bare server of a floor: this program again.
    pub fn echo(&self, answer: &[u8]) -> Running {
        let file = self.file("answer");
        fs::write(&file, answer).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("echo").arg(file);
        Running::start(command, &self.file("echo.log"))
    }

    /// The bare server that takes posts: this program again.
    pub fn take_posts(&self) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("take-posts");
        Running::start(command, &self.file("take-posts.log"))
    }

    /// A user, and a token for it.
    pub fn token(&self) -> String {
        let user = self.user();
        self.ask(&["token", "--user", &user])
    }

    /// The same with these scopes.
    pub fn token_of(&self, scopes: &str) -> String {
        let user = self.user();
        self.ask(&["token", "--user", &user, "--scope", scopes])
    }

    /// A new user's id; the database is made first, if nobody has served it.
    fn user(&self) -> String {
        self.ask(&["migrate"]);
        self.ask(&["user", "create", "--name", "bench"])
    }

    /// Removes the directory, and a database on a server that outlives this bench.
    pub async fn end(self) {
        self.database.remove().await;
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }
}
