//! The fleet's database: an SQLite file, or a database on a throw-away Postgres, which can be stopped without a word.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use super::program::send;
use crate::cluster::{Cluster, FORGETFUL};
use crate::options::Kind;

/// The longest that Postgres gets to stop or to come back.
const LIMIT: Duration = Duration::from_mins(1);

/// Where the tables are.
pub enum Database {
    Sqlite(PathBuf),
    Postgres { server: Arc<Server>, url: String },
}

impl Database {
    /// An empty one; on a server of its own if it shall be stopped.
    pub async fn create(kind: Kind, directory: &Path, own_server: bool) -> Self {
        static SHARED: OnceCell<Arc<Server>> = OnceCell::const_new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if kind == Kind::Sqlite {
            return Self::Sqlite(directory.join("messaging.db"));
        }
        let server = if own_server { Server::start().await } else { SHARED.get_or_init(Server::start).await.clone() };
        let name = format!("faults_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let client = connect(&server.cluster.url).await.expect("the server answers");
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.unwrap();
        let mut url = url::Url::parse(&server.cluster.url).unwrap();
        url.set_path(&name);
        Self::Postgres { server, url: url.into() }
    }

    /// An empty one in this folder, which is the only thing of it that is there: the log of Postgres is elsewhere.
    pub async fn on(kind: Kind, folder: &Path) -> Self {
        if kind == Kind::Sqlite {
            return Self::Sqlite(folder.join("messaging.db"));
        }
        let server = Server::start().await;
        let client = connect(&server.cluster.url).await.expect("the server answers");
        let place = folder.display();
        client.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{place}'")).await.unwrap();
        client.batch_execute("CREATE DATABASE faults_small TEMPLATE template0 TABLESPACE small").await.unwrap();
        let mut url = url::Url::parse(&server.cluster.url).unwrap();
        url.set_path("faults_small");
        Self::Postgres { server, url: url.into() }
    }

    /// The value of `DATABASE_URL`.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres { url, .. } => url.clone(),
        }
    }

    /// Stops Postgres as `pg_ctl stop -m immediate` does, and starts it again after `down`.
    pub async fn crash(&self, down: Duration) {
        self.crash_while(tokio::time::sleep(down)).await;
    }

    /// The same, and starts it again when this is done.
    pub async fn crash_while(&self, meanwhile: impl Future<Output = ()>) {
        if let Self::Postgres { server, .. } = self {
            server.crash(meanwhile).await;
        }
    }
}

/// A connection of the harness's own.
pub async fn connect(url: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}

/// A Postgres server that ends with this.
pub struct Server {
    cluster: Cluster,
    /// The process that took the first one's place.
    again: Mutex<Option<Child>>,
}

impl Server {
    async fn start() -> Arc<Self> {
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(&FORGETFUL)).await.unwrap();
        Arc::new(Self { cluster, again: Mutex::default() })
    }

    async fn crash(&self, meanwhile: impl Future<Output = ()>) {
        let client = connect(&self.cluster.url).await.expect("the server answers");
        let row = client.query_one("SELECT pg_read_file('postmaster.pid'), current_setting('data_directory')", &[]);
        let row = row.await.unwrap();
        let (file, data): (String, String) = (row.get(0), row.get(1));
        let pid: u32 = file.lines().next().unwrap().parse().unwrap();
        let process = PathBuf::from(format!("/proc/{pid}"));
        // As it was started, by whom it was started.
        let line = std::fs::read(process.join("cmdline")).unwrap();
        let words: Vec<String> = line
            .split(|b| *b == 0)
            .map(|w| String::from_utf8_lossy(w).into_owned())
            .filter(|w| !w.is_empty())
            .collect();
        let owner = std::fs::metadata(&process).unwrap();

        send(pid, "QUIT");
        let begun = Instant::now();
        while process.exists() {
            // The one that was started here has to be waited for, or it stays as a zombie.
            drop(self.again.lock().unwrap().as_mut().map(Child::try_wait));
            assert!(begun.elapsed() < LIMIT, "Postgres does not stop");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        meanwhile.await;
        let begun = Instant::now();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).uid(owner.uid()).gid(owner.gid()).current_dir(&data);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        *self.again.lock().unwrap() = Some(command.spawn().unwrap());
        while connect(&self.cluster.url).await.is_none() {
            assert!(begun.elapsed() < LIMIT, "Postgres does not come back");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.again.lock().unwrap().take() {
            send(child.id(), "QUIT");
            let _ = child.wait();
        }
    }
}
