//! A whole service for one test: its own database, the sandbox as its provider, a real gRPC API, and a clock that
//! the test moves. Nothing runs in the background: `run_due` does what workers would do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messaging::admission::Limits;
use messaging::auth::tokens::Tokens;
use messaging::clock::Clock;
use messaging::config::{Grpc, Http};
use messaging::domain::ids::OwnerId;
use messaging::domain::keyword::Keywords;
use messaging::domain::rate::Rate;
use messaging::domain::retention::Retention;
use messaging::domain::sender::SenderId;
use messaging::proto::admin_service_client::AdminServiceClient;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::inbound_service_client::InboundServiceClient;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::webhook_service_client::WebhookServiceClient;
use messaging::provider::mitto::{self, Mitto};
use messaging::sandbox::{self, Sandbox};
use messaging::server::{Addresses, Listeners};
use messaging::service::{ProviderPosts, Service, Settings};
use messaging::store::{self, Store};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::support::database::Kind;
use crate::support::leftovers::{self, Leftovers, PATIENCE};
use crate::support::postgres::{Guard, Template};
use crate::support::settings::{self, ForTests as _, JWT_SECRET};

/// The sandbox's key.
pub const API_KEY: &str = "canary-provider-key";
/// The secret that the provider's posts are known by.
pub const WEBHOOK_SECRET: &str = "canary-webhook-secret";
/// The key that the secrets of webhook endpoints are derived from.
pub const HOOK_KEY: &str = "canary-hook-key, 32 bytes or more";
/// The key of the tests' pseudonyms, where there are any.
pub const PSEUDONYM_KEY: &str = "canary-pseudonym-key, 32 bytes or more";
/// The origin whose pages may call.
pub const ORIGIN: &str = "https://app.example.com";
/// All ordinary scopes.
pub const ORDINARY: &str = "messages:send messages:read campaigns";

static MIGRATED: Template = Template::new();

/// A client that shows its credentials.
pub type Client = MessagingServiceClient<InterceptedService<Channel, Credentials>>;
/// The same for campaigns.
pub type Campaigns = CampaignServiceClient<InterceptedService<Channel, Credentials>>;

/// The same for messages from recipients.
pub type Inbox = InboundServiceClient<InterceptedService<Channel, Credentials>>;

/// The same for webhook endpoints.
pub type Hooks = WebhookServiceClient<InterceptedService<Channel, Credentials>>;

/// The same for operators.
pub type Admin = AdminServiceClient<InterceptedService<Channel, Credentials>>;

/// Adds a header to every call.
#[derive(Clone)]
pub struct Credentials(pub &'static str, pub String);

impl tonic::service::Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if !self.1.is_empty() {
            request.metadata_mut().insert(self.0, self.1.parse().expect("credentials are a header"));
        }
        Ok(request)
    }
}

/// Where a test's data lives, until it is dropped.
pub struct Home {
    pub config: store::Config,
    _directory: tempfile::TempDir,
    _guard: Option<Guard>,
}

impl Home {
    pub async fn new(kind: Kind) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (url, guard) = match kind {
            Kind::Sqlite => (store::Url::Sqlite(directory.path().join("test.db").display().to_string()), None),
            Kind::Postgres => {
                let migrate = async |url: &str| {
                    let config =
                        store::Config { url: store::Url::Postgres(url.to_owned()), pool_size: 2, pseudonym_key: None };
                    Store::open(&config, Clock::system(), false).await.expect("the template is migrated");
                };
                let (url, guard) = MIGRATED.database(migrate).await;
                (store::Url::Postgres(url), Some(guard))
            }
        };
        Self { config: store::Config { url, pool_size: 6, pseudonym_key: None }, _directory: directory, _guard: guard }
    }

    /// `DATABASE_URL` for a program.
    pub fn url(&self) -> String {
        match &self.config.url {
            store::Url::Postgres(url) => url.clone(),
            store::Url::Sqlite(path) => format!("sqlite://{path}"),
        }
    }
}

/// See the module.
pub struct TestApp {
    pub service: Service,
    pub store: Store,
    pub clock: Clock,
    pub grpc: SocketAddr,
    pub sandbox: SocketAddr,
    pub alice: OwnerId,
    pub bob: OwnerId,
    home: Home,
    runtime: tokio::runtime::Id,
    channel: Channel,
    tokens: Tokens,
    http: reqwest::Client,
    stop: CancellationToken,
    another: Box<Another>,
    /// Why a test leaves work that is due, if it does.
    leaves: Mutex<Option<&'static str>>,
}

/// Another service, over the same data and with these secrets of the webhooks.
type Another = dyn Fn(&Store, &Clock, Vec<SecretString>) -> Service + Send + Sync;

impl Drop for TestApp {
    /// Fails the test that left something behind, or a task of which panicked.
    fn drop(&mut self) {
        self.stop.cancel();
        if std::thread::panicking() {
            return;
        }
        let panics = leftovers::panics(self.runtime);
        assert!(panics.is_empty(), "a task of the test panicked: {panics:#?}");
        let Leftovers { held, due } = leftovers::leftovers(self.home.config.url.clone(), self.clock.now(), PATIENCE);
        assert!(held.is_empty(), "at the test's end {}", held.join(", "));
        let leaves = *self.leaves.lock().expect("nobody panicked");
        match leaves {
            None => assert!(due.is_empty(), "at the test's end {}: do it, or say leaves_work", due.join(", ")),
            Some(why) => assert!(!due.is_empty(), "the test leaves no work, and need not say that {why}"),
        }
    }
}

impl TestApp {
    pub async fn start(kind: Kind) -> Self {
        Self::over(Home::new(kind).await, Timestamp::from_second(1_790_000_000).expect("a time"), None).await
    }

    /// Over data that may be there already, from `now` on, with a sandbox that may run already.
    pub async fn over(home: Home, now: Timestamp, sandbox: Option<SocketAddr>) -> Self {
        Self::build(home, now, sandbox, false, Limits::default()).await
    }

    /// With one place for those who call.
    pub async fn with_one_place(kind: Kind) -> Self {
        Self::limited(kind, Limits { calls: 1, ..Limits::default() }).await
    }

    /// With a few places of each kind.
    pub async fn with_few_places(kind: Kind) -> Self {
        let limits = Limits {
            calls: 16,
            streams: 8,
            uploads: 8,
            refreshes: 8,
            sends: 8,
            bytes: 1 << 20,
            open: 8,
            provider_reads: 8,
            lists: 4,
            failures: 8,
            suspects: 0,
        };
        Self::limited(kind, limits).await
    }

    /// Four calls at a time, and twenty watches, of which one owner has ten: opened in a moment.
    pub async fn with_few_watches(kind: Kind) -> Self {
        Self::limited(kind, Limits { calls: 4, streams: 20, ..Limits::default() }).await
    }

    async fn limited(kind: Kind, limits: Limits) -> Self {
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        Self::build(Home::new(kind).await, now, None, false, limits).await
    }

    /// With a key for pseudonyms: texts are kept for 30 days, messages for 90. The sandbox posts to the webhook.
    pub async fn keyed(kind: Kind) -> Self {
        let mut home = Home::new(kind).await;
        home.config.pseudonym_key = Some(SecretString::from(PSEUDONYM_KEY));
        Self::build(home, Timestamp::from_second(1_790_000_000).expect("a time"), None, true, Limits::default()).await
    }

    /// With a sandbox that posts its reports and injected messages to the webhook.
    pub async fn reported(kind: Kind) -> Self {
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        Self::build(Home::new(kind).await, now, None, true, Limits::default()).await
    }

    async fn build(home: Home, now: Timestamp, sandbox: Option<SocketAddr>, reported: bool, admission: Limits) -> Self {
        leftovers::note_panics();
        let any = "127.0.0.1:0".parse().expect("an address");
        let grpc = Grpc { addr: any, tls: None, max_connections: None, reflection: true };
        let listeners = Listeners::open(&grpc, &Http { addr: any, tls: None, admin: None, console: None })
            .await
            .expect("the listeners open");
        let Addresses { grpc, http: http_at, .. } = listeners.addresses();
        let hook = |name: &str| reported.then(|| format!("http://{http_at}/webhooks/mitto/{name}"));
        let clock = Clock::manual(now);
        let stop = CancellationToken::new();
        let sandbox = if let Some(addr) = sandbox {
            addr
        } else {
            let config = sandbox::Config {
                api_key: SecretString::from(API_KEY),
                slow_answer: Duration::from_secs(5),
                report_url: hook("dlr"),
                inbound_url: hook("inbound"),
                report_header: Some(("x-webhook-token".to_owned(), WEBHOOK_SECRET.to_owned())),
                ..sandbox::Config::default()
            };
            let sandbox = Sandbox::bind("127.0.0.1:0", config, clock.clone()).await.expect("the sandbox starts");
            let addr = sandbox.addr();
            tokio::spawn(sandbox.run(stop.clone()));
            addr
        };
        let store = Store::open(&home.config, clock.clone(), true).await.expect("the database opens");
        let base = format!("http://{sandbox}").parse().expect("a URL");
        let mut mitto = mitto::Config::new(base, SecretString::from(API_KEY));
        mitto.timeout = Duration::from_secs(3);
        mitto.connect_timeout = Duration::from_secs(1);
        let tokens = Tokens::new(&SecretString::from(JWT_SECRET)).expect("the secret is long enough");
        let provider = Arc::new(Mitto::new(mitto).expect("the adapter starts"));
        // With a key there is something that is erased in time.
        let kept = Retention { texts: Some(30), rows: Some(90) };
        let retention = if home.config.pseudonym_key.is_some() { kept } else { Retention::default() };
        let another = move |store: &Store, clock: &Clock, secrets: Vec<SecretString>| {
            let settings = Settings {
                poll_rate: Rate::new(20, 20),
                webhooks: ProviderPosts { secrets, keywords: Keywords::with(&["no more".to_owned()]) },
                retention,
                admission: admission.clone(),
                hooks: settings::hooks(HOOK_KEY),
                ..Settings::for_tests()
            };
            settings::service(store, clock, provider.clone(), settings)
        };
        let service = another(&store, &clock, vec![SecretString::from(WEBHOOK_SECRET)]);
        let serving =
            Box::pin(listeners.serve(service.clone(), vec![ORIGIN.parse().expect("an origin")], stop.clone()));
        tokio::spawn(async move { serving.await.expect("the listeners serve") });
        let endpoint = Channel::from_shared(format!("http://{grpc}")).expect("a URL");
        let channel = endpoint.connect_lazy();
        let alice = store.create_user("alice", SenderId::parse("Alice").ok().as_ref()).await.expect("alice is made");
        let bob = store.create_user("bob", None).await.expect("bob is made");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self {
            another: Box::new(another),
            service,
            store,
            clock,
            grpc,
            sandbox,
            alice,
            bob,
            home,
            runtime: Handle::current().id(),
            channel,
            tokens,
            http,
            stop,
            leaves: Mutex::new(None),
        }
    }

    /// The file of an SQLite database.
    pub fn sqlite_file(&self) -> String {
        match &self.home.config.url {
            store::Url::Sqlite(path) => path.clone(),
            store::Url::Postgres(_) => panic!("this is Postgres"),
        }
    }

    /// A token for a user.
    pub fn token(&self, user: OwnerId, scopes: &str) -> String {
        let token = self.tokens.issue(user, scopes, self.clock.now(), SignedDuration::from_hours(1000));
        token.expect("a token is made").expose_secret().to_owned()
    }

    /// A client with these credentials; an empty value shows none.
    pub fn client(&self, header: &'static str, value: String) -> Client {
        MessagingServiceClient::with_interceptor(self.channel.clone(), Credentials(header, value))
    }

    /// A client of this user with these scopes.
    pub fn client_of(&self, user: OwnerId, scopes: &str) -> Client {
        self.client("authorization", format!("Bearer {}", self.token(user, scopes)))
    }

    /// Alice, with an ordinary user's scopes.
    pub fn alice(&self) -> Client {
        self.client_of(self.alice, ORDINARY)
    }

    /// Bob, with an ordinary user's scopes.
    pub fn bob(&self) -> Client {
        self.client_of(self.bob, ORDINARY)
    }

    /// Campaigns of this user.
    pub fn admin(&self, user: OwnerId, scopes: &str) -> Admin {
        let token = format!("Bearer {}", self.token(user, scopes));
        AdminServiceClient::with_interceptor(self.channel.clone(), Credentials("authorization", token))
    }

    /// What recipients wrote to this user.
    pub fn inbox(&self, user: OwnerId, scopes: &str) -> Inbox {
        let token = format!("Bearer {}", self.token(user, scopes));
        InboundServiceClient::with_interceptor(self.channel.clone(), Credentials("authorization", token))
    }

    /// Webhook endpoints of this user.
    pub fn hooks(&self, user: OwnerId, scopes: &str) -> Hooks {
        let token = format!("Bearer {}", self.token(user, scopes));
        WebhookServiceClient::with_interceptor(self.channel.clone(), Credentials("authorization", token))
    }

    pub fn campaigns_of(&self, user: OwnerId) -> Campaigns {
        let token = format!("Bearer {}", self.token(user, ORDINARY));
        CampaignServiceClient::with_interceptor(self.channel.clone(), Credentials("authorization", token))
    }

    /// Campaigns of whoever shows this.
    pub fn campaigns(&self, header: &'static str, value: &str) -> Campaigns {
        CampaignServiceClient::with_interceptor(self.channel.clone(), Credentials(header, value.to_owned()))
    }

    /// Another service over the same data, with these secrets of the webhooks.
    pub fn service_with(&self, secrets: Vec<SecretString>) -> Service {
        (self.another)(&self.store, &self.clock, secrets)
    }

    /// Says that the test ends with work that is due, and why it does.
    pub fn leaves_work(&self, why: &'static str) {
        *self.leaves.lock().expect("nobody panicked") = Some(why);
    }

    /// Moves the clock, for the service and the sandbox alike.
    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Does whatever the workers would do now, until nothing is due.
    pub async fn run_due(&self) {
        for _ in 0..100 {
            let reconciled = self.service.reconcile_campaigns().await.expect("the campaigns are reconciled");
            let timers = self.service.run_timers().await.expect("the timers run");
            self.service.sender().refresh_gates().await.expect("the gates are read");
            let sent = self.service.sender().send_due().await.expect("what is due is sent").done;
            let in_bulk = self.service.sender().send_due_in_bulk().await.expect("what is due is sent in bulk").done;
            let reports = self.service.apply_due_reports().await.expect("what was reported is applied");
            let inbound = self.service.read_inbound().await.expect("what came in is read");
            let polls = self.service.poll_unreported().await.expect("the provider is asked");
            self.service.drain().await;
            if reconciled + timers + sent + in_bulk + reports + inbound + polls == 0 {
                return;
            }
        }
        panic!("the work does not end");
    }

    /// Runs a statement on the database, beside the service.
    pub async fn execute(&self, statement: &str) {
        super::store::execute(&self.home.config.url, statement).await;
    }

    /// How many rows `what` has: a table, or a table and a condition.
    pub async fn count(&self, what: &str) -> i64 {
        super::store::count(&self.home.config.url, what).await
    }

    /// Notes that a number wants no messages of this owner's.
    pub async fn opt_out(&self, owner: OwnerId, destination: &str) {
        let now = if self.store.kind() == "postgres" { "now()" } else { "0" };
        self.execute(&format!("INSERT INTO opt_outs VALUES ({owner}, '{destination}', 1, {now})")).await;
    }

    /// The messages that the sandbox accepted, as its ledger says.
    pub async fn ledger(&self, query: &str) -> Vec<Value> {
        let url = format!("http://{}/sandbox/ledger?{query}", self.sandbox);
        let answer = self.http.get(url).send().await.expect("the ledger answers");
        let body = answer.json::<Value>().await.expect("the ledger is JSON");
        body.as_array().expect("the ledger is a list").clone()
    }

    /// Lets a handset write: the sandbox posts it to the webhook, and says what that answered.
    pub async fn inject(&self, from: &str, to: &str, text: &str) -> Value {
        let url = format!("http://{}/sandbox/inbound", self.sandbox);
        let body = json!({"from": from, "to": to, "text": text});
        let answer = self.http.post(url).json(&body).send().await.expect("the sandbox answers");
        answer.json().await.expect("the answer is JSON")
    }

    /// Changes how the sandbox behaves.
    pub async fn sandbox_settings(&self, settings: Value) {
        let url = format!("http://{}/sandbox/settings", self.sandbox);
        let answer = self.http.put(url).json(&settings).send().await.expect("the sandbox answers");
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }

    /// Lets every call to the provider meet this fault, or `none`.
    pub async fn outage(&self, kind: &str) {
        self.sandbox_settings(json!({"outage": kind})).await;
    }
}
