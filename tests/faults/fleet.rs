//! The fleet: replicas of the program over one database, each with its own way to the one provider.

mod database;
mod gateway;
mod line;
mod mood;
mod program;
mod replica;
mod skewed;
mod small_disk;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use messaging::clock::Clock;
use messaging::proto::CreateCampaignRequest;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::sandbox::{self, Sandbox};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Request;
use tonic::transport::Channel;

pub use database::{Database, connect};
pub use gateway::{Moment, Sent, Then};
pub use line::{Line, Loss};
pub use replica::{ACCOUNT, BULK_IN_FLIGHT, LEASE, QUEUED_IN_FLIGHT, Replica};

use self::skewed::Skewed;
pub use self::small_disk::SmallDisk;
use crate::evidence::tables::Tables;
use crate::options::{Case, Kind, Scenario};

/// The longest that replicas get to start in.
const START: Duration = Duration::from_secs(30);

/// The scopes of the harness's clients: also for the other users.
const SCOPE: &str = "messages:send messages:read campaigns act-as";

/// How long the provider takes to answer what it has accepted: long enough for kills to find something in flight.
const LATENCY: Duration = Duration::from_millis(40);

/// Replicas, their database and their provider. All of it ends when this is dropped.
pub struct Fleet {
    pub name: String,
    pub database: Database,
    /// The disk that the database is on, if it is a small one of its own.
    pub disk: Option<SmallDisk>,
    /// The first replica's way to Postgres, if it is the harness's.
    pub line: Option<Line>,
    /// What the replicas' wall clock shows, if that is the harness's.
    pub clock: Option<Skewed>,
    pub replicas: Vec<Arc<Replica>>,
    pub token: String,
    /// The users whose messages are sent.
    pub owners: Mutex<Vec<i64>>,
    /// The campaign that a part of the load is counted in.
    pub campaign: i64,
    /// How often a process, or the database under it, was kept from settling what it had begun.
    pub cuts: AtomicU32,
    /// How long clients go on.
    pub patience: Duration,
    /// Where the provider is.
    sandbox: String,
    directory: tempfile::TempDir,
    _provider: DropGuard,
}

impl Fleet {
    /// Starts two replicas on Postgres, one on SQLite, with a user and a campaign.
    pub async fn start(name: String, case: &Case) -> Self {
        let directory = tempfile::Builder::new().prefix("messaging-faults-").tempdir().unwrap();
        let disk = case.scenario.has_small_disk().then(|| SmallDisk::mount(&directory.path().join("disk")));
        let database = match &disk {
            Some(disk) => Database::on(case.kind, &disk.path()).await,
            None => Database::create(case.kind, directory.path(), case.scenario.stops_postgres()).await,
        };
        let config = sandbox::Config { latency: LATENCY, ..sandbox::Config::default() };
        let sandbox = Sandbox::bind("127.0.0.1:0", config, Clock::system()).await.unwrap();
        let url = format!("http://{}", sandbox.addr());
        let stop = CancellationToken::new();
        tokio::spawn(sandbox.run(stop.clone()));

        let line = if case.scenario.has_line() { Some(Line::open(&database.url()).await) } else { None };
        let clock = (case.scenario == Scenario::Clock).then(|| Skewed::make(directory.path()));
        let count = if case.kind == Kind::Postgres { case.scenario.replicas() } else { 1 };
        let mut replicas = Vec::new();
        for number in 0..count {
            let way = line.as_ref().filter(|_| number == 0).map_or_else(|| database.url(), Line::url);
            let replica = Replica::new(number, directory.path(), way, &url, clock.as_ref(), case).await;
            replica.start(START).await;
            replicas.push(replica);
        }
        let user = replicas[0].ask(&["user", "create", "--name", "faults"]).await;
        let token = replicas[0].ask(&["token", "--user", &user, "--scope", SCOPE]).await;
        let owners = Mutex::new(vec![user.parse().unwrap()]);
        let mut fleet = Self {
            name,
            database,
            disk,
            line,
            clock,
            replicas,
            token,
            owners,
            campaign: 0,
            cuts: AtomicU32::new(0),
            // Longer than a lease, after which a message that nobody settled has a state.
            patience: LEASE * 4 + case.scenario.outage(case.outage),
            sandbox: url,
            directory,
            _provider: stop.drop_guard(),
        };
        fleet.campaign = fleet.create_campaign().await;
        fleet
    }

    async fn create_campaign(&self) -> i64 {
        let mut client = CampaignServiceClient::new(self.replicas[0].channel().unwrap());
        let wanted = CreateCampaignRequest {
            name: "faults".to_owned(),
            text: "counted together".to_owned(),
            ..CreateCampaignRequest::default()
        };
        let made = client.create_campaign(self.with_token(wanted)).await.unwrap().into_inner();
        made.campaign.unwrap().id
    }

    /// A request with the fleet's credentials.
    pub fn with_token<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    /// A way to a replica that is up: the `number`th if it is, else the next one.
    pub fn channel(&self, number: usize) -> Option<Channel> {
        let count = self.replicas.len();
        (0..count).find_map(|step| self.replicas[(number + step) % count].channel())
    }

    /// Lets the whole provider misbehave as its manual says; `none` ends it.
    pub async fn outage(&self, outage: &str) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/sandbox/settings", self.sandbox);
        let answer = client.put(url).json(&json!({ "outage": outage })).send().await.unwrap();
        assert!(answer.status().is_success(), "the sandbox knows no outage {outage}");
    }

    /// The address under which the provider tells what it accepted.
    pub fn ledger_url(&self) -> String {
        format!("{}/sandbox/ledger?format=ndjson", self.sandbox)
    }

    /// Makes more users, for whom the fleet's token may send, too. Returns all of them.
    pub async fn more_users(&self, count: u32) -> Vec<i64> {
        for number in 0..count {
            let user = self.replicas[0].ask(&["user", "create", "--name", &format!("user {number}")]).await;
            self.owners.lock().unwrap().push(user.parse().unwrap());
        }
        self.owners.lock().unwrap().clone()
    }

    /// Limits the route account, or lifts its limit with a rate of 0. In effect at every replica when this answers.
    pub async fn limit(&self, rate: u32, burst: u32) {
        let (rate, burst) = (rate.to_string(), burst.to_string());
        self.replicas[0].ask(&["account", "limit", ACCOUNT, "--rate", &rate, "--burst", &burst]).await;
        // The replicas read the gates every second.
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }

    /// One more cut between a fence and its settle.
    pub fn count_cut(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// Hears when messages have been taken by way of this replica.
    pub fn arrivals(replica: &Replica) -> Arc<Mutex<Vec<Instant>>> {
        let times = Arc::<Mutex<Vec<Instant>>>::default();
        let heard = times.clone();
        replica.gateway.listen(Arc::new(move |sent| {
            heard.lock().unwrap().extend(sent.iter().map(|_| Instant::now()));
            Box::pin(async {})
        }));
        times
    }

    /// Waits until no message waits for anything that is about to happen, `limit` at most. False if some still do.
    pub async fn rest(&self, resends: bool, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            let tables = Tables::open(&self.database).await;
            if tables.unsettled(resends).await + tables.alive(resends).await == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        false
    }

    /// Waits until no report waits whose message is there, `limit` at most. False if some still do.
    pub async fn reported(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if Tables::open(&self.database).await.unapplied().await == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        false
    }

    /// Stops every replica in order. False if one did not end as it should.
    pub async fn stop(&self) -> bool {
        let mut well = true;
        for replica in &self.replicas {
            well &= replica.stop().await;
        }
        well
    }

    /// Leaves the logs and the database file behind, for somebody to look at.
    pub fn keep(mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_path_buf()
    }
}
