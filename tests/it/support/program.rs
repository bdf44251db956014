//! The program itself as a child process, and the sandbox beside it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

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

/// The output of a command that ended well.
pub fn printed(arguments: &[&str], env: &[(&str, &str)]) -> String {
    let output = run(arguments, env);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is text").trim().to_owned()
}

/// The words of a command that ended with this exit status: one line on standard error, and nothing else.
pub fn failed(arguments: &[&str], env: &[(&str, &str)], status: i32) -> String {
    let output = run(arguments, env);
    let said = String::from_utf8(output.stderr).expect("the output is text");
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty() && said.lines().count() == 1, "{arguments:?}: {said}");
    said
}

/// A program that runs until it is ended; killed when dropped.
pub struct Running {
    child: Child,
    pub addresses: Value,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

/// Adds every line to the log, until there are no more.
fn follow(mut lines: impl BufRead + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
            log.lock().expect("the log is whole").push_str(&line);
            line.clear();
        }
    })
}

impl Running {
    /// Starts it, and waits for its first line, which holds its addresses in JSON.
    pub fn start(arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = messaging(arguments, env);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut first = String::new();
        out.read_line(&mut first).expect("standard output is read");
        let log = Arc::new(Mutex::new(String::new()));
        let errors = BufReader::new(child.stderr.take().expect("standard error is piped"));
        let readers = vec![follow(out, log.clone()), follow(errors, log.clone())];
        let addresses = serde_json::from_str(&first);
        let addresses = addresses.unwrap_or_else(|_| panic!("no addresses, but {first:?} {:?}", log.lock()));
        Self { child, addresses, log, readers }
    }

    /// One of its addresses: `grpc`, `http` or `sandbox`.
    pub fn address(&self, listener: &str) -> String {
        self.addresses[listener].as_str().expect("the listener has an address").to_owned()
    }

    /// Everything that it wrote after its first line so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log is whole").clone()
    }

    /// Sends a signal by its name, `TERM` for example.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {pid}")])
            .status()
            .expect("a shell, whose own kill needs no package");
        assert!(sent.success());
    }

    /// Waits for its end; the log is whole then.
    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("the program ends");
        self.readers.drain(..).for_each(|reader| reader.join().expect("the output is read"));
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
