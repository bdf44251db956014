//! How the replica's process is: what the system says of it, and whether its probes answer.

use std::fmt;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::fleet::Replica;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);
/// How long a probe may take: what watches over a process gives it about that.
const PROBE: Duration = Duration::from_secs(2);

/// What it takes.
#[derive(Debug, Clone, Default)]
pub struct Vitals {
    /// Resident, in bytes.
    pub memory: u64,
    pub files: usize,
    pub threads: usize,
    /// The longest `/metrics`, in bytes.
    pub metrics: usize,
}

impl fmt::Display for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, files, threads, metrics } = self;
        write!(f, "{} MB, {files} files, {threads} threads", memory >> 20)?;
        if *metrics > 0 { write!(f, ", {} KB of /metrics", metrics >> 10) } else { Ok(()) }
    }
}

impl Vitals {
    /// Now.
    pub fn of(replica: &Replica) -> Self {
        replica.pid().map(Self::read).unwrap_or_default()
    }

    fn read(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
        };
        Self {
            memory: value("VmRSS") << 10,
            files: fs::read_dir(format!("/proc/{pid}/fd")).map(Iterator::count).unwrap_or_default(),
            threads: usize::try_from(value("Threads")).unwrap(),
            metrics: 0,
        }
    }

    fn rise(&mut self, now: &Self) {
        self.memory = self.memory.max(now.memory);
        self.files = self.files.max(now.files);
        self.threads = self.threads.max(now.threads);
        self.metrics = self.metrics.max(now.metrics);
    }
}

/// The most of each, and what became of the probes.
#[derive(Debug, Default)]
pub struct Sampled {
    pub most: Vitals,
    pub answered: u32,
    pub slowest: Duration,
    pub silent: Vec<String>,
}

/// Looks that go on until they are stopped.
pub struct Sampling {
    work: JoinHandle<()>,
    stop: CancellationToken,
    sampled: Arc<Mutex<Sampled>>,
}

impl Sampled {
    /// Begins to look.
    pub fn start(replica: &Arc<Replica>) -> Sampling {
        let (stop, sampled) = (CancellationToken::new(), Arc::<Mutex<Self>>::default());
        let look = look(replica.clone(), sampled.clone());
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            stopped.run_until_cancelled(look).await;
        });
        Sampling { work, stop, sampled }
    }
}

impl Sampling {
    pub async fn finish(self) -> Sampled {
        self.stop.cancel();
        self.work.await.unwrap();
        std::mem::take(&mut *self.sampled.lock().unwrap())
    }
}

async fn look(replica: Arc<Replica>, sampled: Arc<Mutex<Sampled>>) {
    // A connection for each, as a prober makes it: one that is open already says nothing of those who come.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PROBE).build().unwrap();
    let paths = ["/healthz", "/readyz", "/metrics"];
    for path in paths.iter().cycle() {
        sleep(EVERY).await;
        let Some(address) = replica.web() else { continue };
        let begun = Instant::now();
        let asked = async {
            let answer = client.get(format!("http://{address}{path}")).send().await.map_err(|e| format!("{e:?}"))?;
            let status = answer.status();
            let body = answer.bytes().await.map_err(|e| format!("{e:?}"))?;
            if status == 200 { Ok(body.len()) } else { Err(status.to_string()) }
        };
        let said = asked.await;
        let mut sampled = sampled.lock().unwrap();
        sampled.slowest = sampled.slowest.max(begun.elapsed());
        let mut now = Vitals::of(&replica);
        match said {
            Ok(length) => {
                sampled.answered += 1;
                now.metrics = if *path == "/metrics" { length } else { 0 };
            }
            Err(why) => sampled.silent.push(format!("{path}: {why}")),
        }
        sampled.most.rise(&now);
    }
}
