//! A store of the test's own, on either database, and what is done with it again and again.

use jiff::Timestamp;
use messaging::clock::Clock;
use messaging::domain::campaign::NewCampaign;
use messaging::domain::ids::{CampaignId, MessageId, OwnerId, ProviderMessageId};
use messaging::domain::message::{Dispatch, Guarantee, Lease, Message};
use messaging::domain::outcome::Outcome;
use messaging::domain::status::Event;
use messaging::domain::tags::Tags;
use messaging::store::{
    Accepted, CampaignInsert, Claim, Claimed, Config, Error, Job, Moved, Partition, Pick, Store, Terms, Url,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::database::Kind;
use super::messages::{queued, start};
use super::postgres::{self, Guard, Template};

/// A serving store with a clock that stands still, on a database of its own.
pub struct Rig {
    pub store: Store,
    pub clock: Clock,
    pub config: Config,
    /// The Postgres database's URL, or the SQLite file's path.
    pub address: String,
    folder: Option<TempDir>,
    database: Option<Guard>,
}

/// The holder in the tests.
pub const ME: Uuid = Uuid::from_u128(1);

impl Rig {
    /// On a new database of this kind.
    pub async fn on(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::sqlite().await,
            Kind::Postgres => Self::postgres().await,
        }
    }

    /// On a new SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = folder.path().join("messages.db").to_str().unwrap().to_owned();
        let mut rig = Self::open(Url::parse(&format!("sqlite://{address}")).unwrap(), address).await;
        rig.folder = Some(folder);
        rig
    }

    /// On a new Postgres database.
    pub async fn postgres() -> Self {
        static MIGRATED: Template = Template::new();
        let (url, guard) = MIGRATED.database(migrate).await;
        let mut rig = Self::open(Url::parse(&url).unwrap(), url).await;
        rig.database = Some(guard);
        rig
    }

    async fn open(url: Url, address: String) -> Self {
        let (clock, config) = (Clock::manual(start()), Config { url, pool_size: 8, pseudonym_key: None });
        let store = Store::open(&config, clock.clone(), true).await.unwrap();
        Self { store, clock, config, address, folder: None, database: None }
    }

    /// The same database with another key for pseudonyms, or none, by a process that starts now.
    pub async fn with_key(self, key: Option<&str>) -> Result<Self, Error> {
        let Self { store, clock, mut config, address, folder, database } = self;
        drop(store);
        config.pseudonym_key = key.map(secrecy::SecretString::from);
        let store = Store::open(&config, clock.clone(), true).await?;
        Ok(Self { store, clock, config, address, folder, database })
    }

    /// The same database by a process that starts now, with a clock of its own.
    pub async fn begun_by(self, clock: Clock) -> Self {
        let Self { store, clock: _, config, address, folder, database } = self;
        drop(store);
        let store = Store::open(&config, clock.clone(), true).await.unwrap();
        Self { store, clock, config, address, folder, database }
    }

    pub fn is_postgres(&self) -> bool {
        self.store.kind() == "postgres"
    }

    /// The same database by another process: with pools and writers of its own. SQLite has one serving process.
    pub async fn another(&self) -> Store {
        if self.is_postgres() {
            Store::open(&self.config, self.clock.clone(), true).await.unwrap()
        } else {
            self.store.clone()
        }
    }

    /// Ends the store, as its process would end, and keeps the file.
    pub fn close(self) -> Option<TempDir> {
        self.folder
    }

    pub async fn owner(&self) -> OwnerId {
        self.store.create_user("somebody", None).await.unwrap()
    }

    pub async fn campaign(&self, owner: OwnerId) -> CampaignId {
        let new = NewCampaign {
            owner,
            name: "spring".to_owned(),
            text: "Hello".to_owned(),
            sender: None,
            guarantee: Guarantee::AtMostOnce,
            scheduled_at: None,
            validity: Message::DEFAULT_VALIDITY,
            tags: Tags::default(),
        };
        match self.store.create_campaign(new, None).await.unwrap() {
            CampaignInsert::Made(campaign) => campaign.id,
            CampaignInsert::KeyReused => panic!("a campaign without a key"),
        }
    }

    /// A queued message of the owner's, stored.
    pub async fn queued(&self, owner: OwnerId) -> Message {
        self.stored(queued(owner, Guarantee::AtLeastOnce, self.clock.now())).await
    }

    pub async fn stored(&self, message: Message) -> Message {
        assert!(matches!(accept(&self.store, &message).await, Ok(Accepted::New(_))));
        message
    }

    /// Many queued messages of the owner's, stored together.
    pub async fn many(&self, owner: OwnerId, n: usize) -> Vec<Message> {
        futures::future::join_all((0..n).map(|_| self.queued(owner))).await
    }

    /// A message that the provider took under this id.
    pub async fn sent(&self, owner: OwnerId, campaign: Option<CampaignId>, provider_id: &str) -> Message {
        let mut message = queued(owner, Guarantee::AtLeastOnce, self.clock.now());
        message.campaign = campaign;
        let message = self.stored(message).await;
        let message = self.fenced(&message).await;
        self.settle(&message, super::outcomes::accepted(provider_id)).await.message
    }

    /// Lets an event happen to one message.
    pub async fn apply(&self, id: MessageId, event: Event) -> Moved {
        let moved = self.store.apply(Job { pick: Pick::Id(id), event }).await.unwrap();
        moved.into_iter().next().unwrap()
    }

    /// Claims up to `limit` of all that is due, for `by`.
    pub async fn take(&self, limit: usize) -> Vec<Message> {
        take(&self.store, ME, self.lease_end(), limit).await.leased
    }

    /// Claims this message.
    pub async fn claimed(&self, message: &Message) -> Message {
        let moved = self.apply(message.id, self.claim()).await;
        moved.result.unwrap();
        moved.message
    }

    /// Claims this message and passes the fence with it.
    pub async fn fenced(&self, message: &Message) -> Message {
        let claimed = self.claimed(message).await;
        let moved = self.apply(message.id, self.fence(claimed.lease().unwrap())).await;
        moved.result.unwrap();
        moved.message
    }

    pub async fn settle(&self, message: &Message, outcome: Outcome) -> Moved {
        self.apply(message.id, Event::Settle { lease: message.lease().unwrap(), outcome, random: 1.0 }).await
    }

    pub fn claim(&self) -> Event {
        Event::Claim { by: ME, until: self.lease_end() }
    }

    pub fn fence(&self, lease: Lease) -> Event {
        Event::Fence { lease, until: self.lease_end(), margin: jiff::SignedDuration::from_secs(5) }
    }

    /// A minute from now.
    pub fn lease_end(&self) -> Timestamp {
        self.clock.now() + jiff::SignedDuration::from_mins(1)
    }

    /// Lets the timer happen to what is due in this state; answers what changed.
    pub async fn timer(&self, dispatch: Dispatch) -> Vec<Message> {
        let job = Job { pick: Pick::Due { dispatch, limit: 100 }, event: Event::Timer };
        let moved = self.store.apply(job).await.unwrap();
        moved.into_iter().filter(|m| m.result.is_ok()).map(|m| m.message).collect()
    }

    /// The message as it is stored.
    pub async fn read(&self, message: &Message) -> Message {
        self.store.message(message.owner, message.id).await.unwrap().unwrap()
    }

    /// How many rows `what` has: a table, or a table and a condition.
    pub async fn count(&self, what: &str) -> i64 {
        count(&self.config.url, what).await
    }

    /// Runs a statement on the database, beside the store.
    pub async fn execute(&self, statement: &str) {
        execute(&self.config.url, statement).await;
    }
}

/// How many rows `what` has: a table, or a table and a condition.
pub async fn count(url: &Url, what: &str) -> i64 {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, RunQueryDsl as _};
    match url {
        Url::Postgres(url) => postgres::count(url, what).await,
        Url::Sqlite(path) => {
            let mut connection = diesel::SqliteConnection::establish(path).unwrap();
            // A process that just ended may be cleaning up behind itself.
            connection.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
            let count = diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!("(SELECT count(*) FROM {what})"));
            diesel::select(count).get_result(&mut connection).unwrap()
        }
    }
}

/// Runs a statement on the database.
pub async fn execute(url: &Url, statement: &str) {
    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    match url {
        Url::Postgres(url) => postgres::connect(url).await.unwrap().batch_execute(statement).await.unwrap(),
        Url::Sqlite(path) => {
            let mut connection = diesel::SqliteConnection::establish(path).unwrap();
            connection.batch_execute(&format!("PRAGMA busy_timeout = 10000; {statement}")).unwrap();
        }
    }
}

/// Claims up to `limit` messages of every partition that has something due.
pub async fn take(store: &Store, by: Uuid, until: Timestamp, limit: usize) -> Claimed {
    let shares = store.partitions(&[]).await.unwrap().into_iter().map(|partition| (partition, limit)).collect();
    store.claim(claim(by, until, shares)).await.unwrap()
}

/// A claim without a rate, that does not pass the fence.
pub fn claim(by: Uuid, until: Timestamp, shares: Vec<(Partition, usize)>) -> Claim {
    let put_off = jiff::SignedDuration::from_secs(2);
    Claim { shares, by, until, fence: false, rates: BTreeMap::new(), retries: usize::MAX, put_off }
}

/// Accepts a message without a key.
pub async fn accept(store: &Store, message: &Message) -> Result<Accepted, Error> {
    store.accept(message.clone(), None, Terms::default(), CancellationToken::new()).await
}

pub fn provider_id(id: &str) -> ProviderMessageId {
    ProviderMessageId::from_provider(id).unwrap()
}

async fn migrate(url: &str) {
    let config = Config { url: Url::parse(url).unwrap(), pool_size: 1, pseudonym_key: None };
    drop(Store::open(&config, Clock::manual(start()), true).await.unwrap());
    nobody_else_is_connected(url).await;
}

/// Waits until the connections to the database at `url` are gone.
pub async fn nobody_else_is_connected(url: &str) {
    nobody_else_is_connected_but(url, 0).await;
}

/// Waits until so many are left.
pub async fn nobody_else_is_connected_but(url: &str, left: i64) {
    let name = url::Url::parse(url).unwrap().path().trim_start_matches('/').to_owned();
    eventually(async || {
        let others = format!("pg_stat_activity WHERE datname = '{name}'");
        postgres::count(postgres::server_url(), &others).await == left
    })
    .await;
}

/// Waits until `done` says so, a minute at most: a limit for what hangs, not a pace that a busy machine has to keep.
pub async fn eventually(done: impl AsyncFn() -> bool) {
    let until = tokio::time::Instant::now() + Duration::from_mins(1);
    while !done().await {
        assert!(tokio::time::Instant::now() < until, "it did not come to pass in a minute");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
