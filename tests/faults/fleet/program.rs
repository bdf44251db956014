//! One process of the program under test.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running process; killed when dropped.
pub struct Program {
    child: Child,
    /// The first line of its standard output.
    pub first: Value,
}

impl Program {
    /// Starts it and waits for its first line. `None` if it ends without one: the log says why.
    pub fn start(mut command: Command, log: &Path) -> Option<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the program starts");
        outlive_nobody(child.id());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // Made first, so that a process without a first line is ended, too.
        let program = Self { child, first: serde_json::from_str(&line).unwrap_or(Value::Null) };
        (!program.first.is_null()).then_some(program)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, at once: the process runs not one instruction more.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// A signal by its name, `TERM` for example.
    pub fn signal(&self, name: &str) {
        send(self.child.id(), name);
    }

    /// Waits for its end. True if it ended by itself with exit status 0.
    pub fn end(&mut self, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal with the shell's own kill, which needs no package. False if there is no such process.
pub fn send(pid: u32, signal: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -{signal} {pid}")]).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

/// Reads process ids until its input ends, which it does with the harness, and ends those that are replicas yet.
const WATCHDOG: &str = r#"
pids=; while read -r pid; do pids="$pids $pid"; done
for pid in $pids; do
  if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'messaging serve'; then kill -9 "$pid"; fi
done"#;

/// Sees to it that a process ends when the harness does, even if that is killed itself.
fn outlive_nobody(pid: u32) {
    static INPUT: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let start = || {
        let mut shell = Command::new("sh");
        // A group of its own: what ends the harness in a terminal must not end this first.
        shell.args(["-c", WATCHDOG]).stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        Mutex::new(shell.spawn().unwrap().stdin.unwrap())
    };
    writeln!(INPUT.get_or_init(start).lock().unwrap(), "{pid}").unwrap();
}
