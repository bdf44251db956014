//! Readings of `/proc` for processes: processor time and memory.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Processor time in `/proc/PID/stat` is in ticks; Linux shows 100 a second to programs on every machine we build for.
const TICK: Duration = Duration::from_millis(10);

/// The fields of `/proc/PID/stat` after the name, which may itself hold spaces and brackets.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn ticks(stat: &[String], fields: std::ops::Range<usize>) -> Duration {
    let ticks: u64 = stat.get(fields).unwrap_or_default().iter().filter_map(|t| t.parse::<u64>().ok()).sum();
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// The time that a process has spent, in the kernel and out of it.
pub fn cpu(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| ticks(&stat, 11..13))
}

/// The time that a process and all its children have spent, those included that have ended and been waited for:
/// a Postgres cluster, from its first process.
pub fn cpu_of_family(pid: u32) -> Duration {
    let own = stat(pid).map_or(Duration::ZERO, |stat| ticks(&stat, 11..15));
    let parent = pid.to_string();
    let all: BTreeSet<u32> =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let children = all.into_iter().filter_map(stat).filter(|stat| stat.get(1) == Some(&parent));
    own + children.map(|stat| ticks(&stat, 11..15)).sum::<Duration>()
}

/// The resident memory of a process in MB (10⁶ bytes).
pub fn resident(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u32 = line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    f64::from(kib) * 1024.0 / 1e6
}

/// Looks at a process's resident memory ten times a second, and keeps the highest.
pub struct Peak {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    looking: std::thread::JoinHandle<()>,
}

impl Peak {
    pub fn of(pid: u32) -> Self {
        let (most, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, done) = (most.clone(), stop.clone());
        let looking = std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                // Positive numbers compare like their bits.
                seen.fetch_max(resident(pid).to_bits(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Self { most, stop, looking }
    }

    pub fn end(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.join().unwrap();
        f64::from_bits(self.most.load(Ordering::Relaxed))
    }
}

/// Microseconds for each of `count`, from two readings.
pub fn micros_each(before: Duration, after: Duration, count: u32) -> f64 {
    after.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(count)
}
