//! The kernel's figures of this process, by the names that Prometheus's own clients give it. Linux tells it; where there is
//! no `/proc`, none of it is told.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// A second has so many of the ticks that the kernel counts in towards programs, on every architecture that Rust's standard
/// library is made for (`USER_HZ`; proc(5) calls it `sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;

type Seconds = Gauge<f64, AtomicU64>;

/// See the module.
pub(super) struct Process {
    registry: Registry,
    cpu: Counter<f64, AtomicU64>,
    start: Seconds,
    resident: Gauge,
    virtual_memory: Gauge,
    threads: Gauge,
    open: Gauge,
    limit: Gauge,
}

impl Default for Process {
    fn default() -> Self {
        let mut process = Self {
            registry: Registry::default(),
            cpu: Counter::default(),
            start: Gauge::default(),
            resident: Gauge::default(),
            virtual_memory: Gauge::default(),
            threads: Gauge::default(),
            open: Gauge::default(),
            limit: Gauge::default(),
        };
        let r = &mut process.registry;
        r.register("process_cpu_seconds", "Time on a processor, in the program and in the kernel", process.cpu.clone());
        r.register("process_start_time_seconds", "When it started, in seconds since 1970", process.start.clone());
        r.register("process_resident_memory_bytes", "Memory in use", process.resident.clone());
        r.register("process_virtual_memory_bytes", "Memory that is mapped", process.virtual_memory.clone());
        r.register("process_threads", "Threads", process.threads.clone());
        r.register("process_open_fds", "Open files and connections", process.open.clone());
        r.register("process_max_fds", "How many of these it may have", process.limit.clone());
        process
    }
}

impl Process {
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Reads it anew. Returns whether there was anything to read.
    pub(super) fn read(&self) -> bool {
        let read = |path| fs::read_to_string(path).ok();
        let (Some(stat), Some(status)) = (read("/proc/self/stat"), read("/proc/self/status")) else { return false };
        if let Some((cpu, since_boot)) = times(&stat) {
            self.cpu.inner().store(cpu.to_bits(), Relaxed);
            // Not by `/proc/stat`, which a process that is locked in does not see; the kernel's clocks are no matter of the
            // service's own.
            self.start.set(seconds(ClockId::Realtime) - seconds(ClockId::Boottime) + since_boot);
        }
        let kilobytes = |name| field(&status, name).map_or(0, |n| n.saturating_mul(1024));
        self.resident.set(kilobytes("VmRSS:"));
        self.virtual_memory.set(kilobytes("VmSize:"));
        self.threads.set(field(&status, "Threads:").unwrap_or(0));
        // One of them is the listing itself.
        let open = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
        self.open.set(i64::try_from(open).unwrap_or(i64::MAX));
        let limit = getrlimit(Resource::Nofile).current.and_then(|n| i64::try_from(n).ok());
        self.limit.set(limit.unwrap_or(i64::MAX));
        true
    }
}

/// The seconds on a processor, and those from the machine's start to the process's: fields 14, 15 and 22 of `/proc/self/stat` (proc(5)).
fn times(stat: &str) -> Option<(f64, f64)> {
    // The second field is the program's name in brackets, which may hold spaces and brackets.
    let (_, after) = stat.rsplit_once(')')?;
    let ticks = |field: usize| after.split_whitespace().nth(field - 3)?.parse::<f64>().ok();
    Some(((ticks(14)? + ticks(15)?) / TICKS, ticks(22)? / TICKS))
}

/// The time of one of the kernel's clocks, in seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
fn seconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// The number in a line of `/proc/self/status`.
fn field(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
