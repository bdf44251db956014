//! Secrets and keys change under load, on two replicas that restart one by one: no call fails.

use std::sync::{Arc, Mutex};

use messaging::proto::ListMessagesRequest;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::support::app::{Credentials, Home};
use crate::support::database::Kind;
use crate::support::program::{Running, printed};
use crate::support::settings::ACCOUNT;

const OLD: &str = "old=of thirty-two bytes or more as it was before";
const NEW: &str = "new=of thirty-two bytes or more as it is after that";

type Env<'a> = Vec<(&'a str, &'a str)>;

/// Two replicas, and where they are now.
struct Pair {
    servers: [Running; 2],
    addresses: Arc<Mutex<[String; 2]>>,
}

impl Pair {
    fn start(env: &Env<'_>) -> Self {
        let servers = [Running::start(&["serve"], env), Running::start(&["serve"], env)];
        let addresses = [0, 1].map(|n: usize| servers[n].address("grpc"));
        Self { servers, addresses: Arc::new(Mutex::new(addresses)) }
    }

    /// Restarts one after the other with this environment.
    fn restart(&mut self, env: &Env<'_>) {
        for n in 0..2 {
            self.servers[n].signal("TERM");
            assert!(self.servers[n].wait().success(), "{}", self.servers[n].log());
            self.servers[n] = Running::start(&["serve"], env);
            self.addresses.lock().unwrap()[n] = self.servers[n].address("grpc");
        }
    }
}

/// A call as a client makes it that knows both replicas: where one is away, the other one is asked.
async fn call(addresses: &Mutex<[String; 2]>, (header, value): (&'static str, &str)) -> Result<(), Status> {
    let mut last = Status::unavailable("nobody was asked");
    for round in 0..100 {
        let address = addresses.lock().unwrap()[round % 2].clone();
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let mut client = MessagingServiceClient::with_interceptor(channel, Credentials(header, value.to_owned()));
        match client.list_messages(ListMessagesRequest::default()).await {
            Ok(_) => return Ok(()),
            Err(e) if matches!(e.code(), Code::Unauthenticated | Code::PermissionDenied) => return Err(e),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Calls with these credentials, one after the other.
struct Load {
    credentials: Arc<Mutex<(&'static str, String)>>,
    stop: CancellationToken,
    calling: tokio::task::JoinHandle<(usize, Vec<Status>)>,
}

impl Load {
    fn start(addresses: &Arc<Mutex<[String; 2]>>, header: &'static str, value: String) -> Self {
        let credentials = Arc::new(Mutex::new((header, value)));
        let (addresses, shown, stop) = (addresses.clone(), credentials.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let calling = tokio::spawn(async move {
            let (mut made, mut failed) = (0, Vec::new());
            while !stopped.is_cancelled() {
                let (header, value) = shown.lock().unwrap().clone();
                made += 1;
                failed.extend(call(&addresses, (header, &value)).await.err());
            }
            (made, failed)
        });
        Self { credentials, stop, calling }
    }

    fn show(&self, value: String) {
        self.credentials.lock().unwrap().1 = value;
    }

    async fn end(self) {
        self.stop.cancel();
        let (made, failed) = self.calling.await.unwrap();
        assert!(made > 20 && failed.is_empty(), "{made}: {failed:?}");
    }
}

fn env<'a>(database: &'a str, keys: &'a str) -> Env<'a> {
    vec![
        ("DATABASE_URL", database),
        ("JWT_KEYS", keys),
        ("MITTO_API_KEY", "key"),
        ("MITTO_API_BASE", "http://127.0.0.1:9"),
        ("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn secrets_and_keys_are_rotated_under_load_and_no_call_fails() {
    let home = Home::new(Kind::Postgres).await;
    let database = home.url();
    let (both, turned) = (format!("{OLD},{NEW}"), format!("{NEW},{OLD}"));
    let before = env(&database, OLD);
    printed(&["migrate"], &before);
    let user = printed(&["user", "create", "--name", "carol", "--sender", "Carol"], &before);
    let token = |env: &Env<'_>| format!("Bearer {}", printed(&["token", "--user", &user], env));
    let first_key = printed(&["key", "create", "--user", &user], &before);
    let listed = printed(&["key", "list", "--user", &user], &before);
    let first_id = listed.split('\t').next().unwrap().to_owned();
    let mut pair = Pair::start(&before);
    let old = token(&before);
    let by_token = Load::start(&pair.addresses, "authorization", old.clone());
    let by_key = Load::start(&pair.addresses, "x-api-key", first_key.clone());

    pair.restart(&env(&database, &both));
    pair.restart(&env(&database, &turned));
    by_token.show(token(&env(&database, &turned)));
    by_key.show(printed(&["key", "create", "--user", &user], &before));
    call(&pair.addresses, ("authorization", &old)).await.expect("it counts until its secret goes");
    pair.restart(&env(&database, NEW));
    printed(&["key", "revoke", &first_id], &before);

    let refused = call(&pair.addresses, ("authorization", &old)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    crate::support::store::eventually(async || call(&pair.addresses, ("x-api-key", &first_key)).await.is_err()).await;
    by_token.end().await;
    by_key.end().await;
}
