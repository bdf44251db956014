//! The program itself as a child process, and the sandbox beside it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A command with nothing of this process's environment.
pub fn messaging(arguments: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_messaging"));
    command.args(arguments).env_clear().envs(env.iter().copied());
    command
}

/// Runs a command to its end.
pub fn run(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    messaging(arguments, env).output().expect("the program starts")
}

/// What a command printed, which ended well.
pub fn printed(arguments: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(arguments, env);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is text").trim().to_owned()
}

/// A program that runs until it is ended; killed when dropped.
pub struct Running {
    child: Child,
    pub addresses: Value,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts it, and waits for its first line, which holds its addresses in JSON.
    pub fn start(arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = messaging(arguments, env);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let mut errors = BufReader::new(child.stderr.take().expect("standard error is piped"));
        let lines = log.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            while errors.read_line(&mut line).is_ok_and(|n| n > 0) {
                lines.lock().expect("the log is whole").push_str(&line);
                line.clear();
            }
        });
        let mut out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut first = String::new();
        out.read_line(&mut first).expect("standard output is read");
        let addresses = serde_json::from_str(&first);
        let addresses = addresses.unwrap_or_else(|_| panic!("no addresses, but {first:?} {:?}", log.lock()));
        let lines = log.clone();
        std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = out.read_to_string(&mut rest);
            lines.lock().expect("the log is whole").push_str(&rest);
        });
        Self { child, addresses, log }
    }

    /// One of its addresses: `grpc`, `http` or `sandbox`.
    pub fn address(&self, door: &str) -> String {
        self.addresses[door].as_str().expect("the door has an address").to_owned()
    }

    /// Everything that it wrote after its first line so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log is whole").clone()
    }

    /// Sends a signal by its name, `TERM` for example.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the program ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
