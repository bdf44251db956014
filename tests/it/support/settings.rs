//! How the services of the tests behave where a test does not say otherwise, and a service with a provider of the test's own.

use std::sync::Arc;
use std::time::Duration;

use messaging::admission;
use messaging::auth::tokens::Tokens;
use messaging::clock::Clock;
use messaging::domain::retention::Retention;
use messaging::domain::sender::SenderId;
use messaging::domain::webhook::address::Nets;
use messaging::domain::webhook::secret::HookKeys;
use messaging::provider::Provider;
use messaging::provider::mitto::{self, Mitto};
use messaging::receiver::http::Http;
use messaging::service::{Hooks, Parts, ProviderPosts, Service, Settings, Watching};
use messaging::spool::Spool;
use messaging::store::Store;
use messaging::traces::Traces;
use secrecy::SecretString;

/// The key that signs every token of these tests.
pub const JWT_SECRET: &str = "a secret of the tests, long enough for HS256";
/// The default route account.
pub const ACCOUNT: &str = "5a4db0c5-0000-4000-8000-00000000000a";

/// The settings of the tests: a minute's lease, no rates, no webhooks, and nothing is erased.
pub trait ForTests {
    fn for_tests() -> Self;
}

impl ForTests for Settings {
    fn for_tests() -> Self {
        Self {
            default_sender: SenderId::parse("Default").ok(),
            traffic_account_id: ACCOUNT.to_owned(),
            lease: Duration::from_mins(1),
            refresh_concurrency: 16,
            send_concurrency: 32,
            owner_in_flight: 28,
            bulk_concurrency: 2,
            bulk_chunk: 100,
            rate: None,
            poll_rate: None,
            provider_timeout: Duration::from_secs(3),
            repeat_patience: Duration::from_secs(4),
            first_pause: Duration::from_millis(1),
            user_ttl: Duration::ZERO,
            credentials_again: Duration::from_millis(500),
            webhooks: ProviderPosts::default(),
            hooks: Hooks::default(),
            watching: Watching::default(),
            admission: admission::Limits::default(),
            retention: Retention::default(),
        }
    }
}

/// Webhook endpoints that may be on this machine, with secrets from this key.
pub fn hooks(key: &str) -> Hooks {
    let nets = Nets::parse(["127.0.0.0/8"]).expect("the nets are nets");
    Hooks { keys: HookKeys::new(vec![SecretString::from(key)]), nets }
}

/// A service over a store and a provider; what it leaves to chance comes out at the middle.
pub fn service(store: &Store, clock: &Clock, provider: Arc<dyn Provider>, settings: Settings) -> Service {
    service_with(store, clock, provider, settings, None)
}

/// The same with a spool.
pub fn service_with(
    store: &Store,
    clock: &Clock,
    provider: Arc<dyn Provider>,
    settings: Settings,
    spool: Option<Spool>,
) -> Service {
    Service::new(parts(store, clock, provider, settings, spool))
}

/// The parts of a service, of which a test may replace some.
pub fn parts(
    store: &Store,
    clock: &Clock,
    provider: Arc<dyn Provider>,
    settings: Settings,
    spool: Option<Spool>,
) -> Parts {
    let nets = settings.hooks.nets.clone();
    Parts {
        store: store.clone(),
        provider,
        tokens: Tokens::new(&SecretString::from(JWT_SECRET)).expect("the secret is long enough"),
        clock: clock.clone(),
        random: Arc::new(|| 0.5),
        fresh: Arc::new(rand::random),
        settings,
        spool,
        receiver: Arc::new(Http::new(nets).expect("a client")),
        traces: Traces::default(),
    }
}

/// A provider that cannot be reached.
pub fn nobody() -> Arc<dyn Provider> {
    let config = mitto::Config::new("http://127.0.0.1:9".parse().expect("a URL"), SecretString::from("key"));
    Arc::new(Mitto::new(config).expect("the adapter starts"))
}
