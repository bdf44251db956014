//! `messaging serve`: both APIs, the workers and, with `--sandbox`, a provider inside.

use std::io::Write;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use rand::RngExt as _;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::auth::Scope;
use crate::cli::phone::Phone;
use crate::cli::{Failure, console_address};
use crate::clock::Clock;
use crate::config::{self, Config, Env, variables as var};
use crate::domain::allowed::Allowed;
use crate::domain::audit::Act;
use crate::domain::ids::OwnerId;
use crate::domain::sender::SenderId;
use crate::sandbox::{self, Sandbox};
use crate::server::{Addresses, Listeners, ServeError};
use crate::service::Service;
use crate::shutdown;
use crate::store::User;
use crate::supervisor::Supervisor;
use crate::worker::Worker;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Start a Mitto sandbox inside, with a demo user and a token: needs no account and no configuration
    #[arg(long)]
    sandbox: bool,
}

/// The route account that the sandbox's messages go out by unless the environment names one.
const DEMO_ACCOUNT: &str = "5a4db0c5-0000-4000-8000-000000000001";
/// The demo user's name and sender ID.
const DEMO_USER: &str = "demo";
const DEMO_SENDER: &str = "Sandbox";
/// How long the demo user's token is valid.
const DEMO_TOKEN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How one comes to the console once the link is over.
const LATER: &str =
    "Later sign in there with the token above, or have another link made: messaging console-link --user ID --sandbox";
/// The file in the data directory by which a sandbox's is known.
const SANDBOX_SECRET: &str = "sandbox-jwt-secret";
/// Where the provider is until the sandbox listens.
const NOWHERE: &str = "http://127.0.0.1:9";
/// How long stopping may take at most: promised are 25 s, and supervisors kill after 30.
const STOP_LIMIT: Duration = Duration::from_secs(23);

impl Serve {
    pub(super) async fn run(self, env: Env, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
        crate::telemetry::Settings::load(&env)?.install();
        let supervisor = supervisor(&env)?;
        let stop_sandbox = CancellationToken::new();
        let (config, listeners, sandbox) = if self.sandbox {
            // The listeners first: the sandbox posts its reports to one of them, and the rest sends to where it listens.
            let env = sandbox_env(env)?.with(&var::MITTO_API_BASE, NOWHERE.to_owned());
            let config = Config::load(&env)?;
            let listeners = Listeners::open(&config.grpc, &config.http).await?;
            let (sandbox, phone) = start_sandbox(&env, &config, listeners.addresses().http, &stop_sandbox).await?;
            let listeners = listeners.with_handsets(Arc::new(phone));
            (Config::load(&env.with(&var::MITTO_API_BASE, format!("http://{sandbox}")))?, listeners, Some(sandbox))
        } else {
            let config = Config::load(&env)?;
            let listeners = Listeners::open(&config.grpc, &config.http).await?;
            (config, listeners, None)
        };
        let service = app::build(&config).await?;
        app::follow_keys(&config, &service)?;
        let exporter = app::export(&config, &service)?;
        let stop = shutdown::signal().map_err(Failure::other)?;
        listeners.reload_on_hangup().map_err(Failure::other)?;

        // Before the addresses are told: whoever reads them finds everything in place.
        let demo = if self.sandbox { Some(demo(&config).await?) } else { None };
        let Addresses { grpc, http, admin } = listeners.addresses();
        let mut addresses = json!({"grpc": grpc.to_string(), "http": http.to_string()});
        for (name, address) in [("admin", admin), ("sandbox", sandbox)] {
            if let (Some(all), Some(address)) = (addresses.as_object_mut(), address) {
                all.insert(name.to_owned(), json!(address.to_string()));
            }
        }
        writeln!(out, "{addresses}").map_err(Failure::other)?;
        if let Some((user, token)) = demo {
            let certificate = config.grpc.tls.as_ref().map(|files| files.cert.as_path());
            write!(out, "{}", welcome(grpc, certificate, &token)).map_err(Failure::other)?;
            if let Some(console) = &config.http.console {
                let own = format!("{}://{http}", if config.http.tls.is_some() { "https" } else { "http" });
                let origin = console.origin.as_ref().map_or(own, ToString::to_string);
                let scopes = format!("{} {}", Scope::ORDINARY, Scope::Reveal.name());
                let link = console_address::link(service.tokens(), &origin, user, &scopes)?;
                write!(out, "The console, by a link that can be opened once, for a minute:\n\n{link}\n\n{LATER}\n\n")
                    .map_err(Failure::other)?;
            }
        }
        out.flush().map_err(Failure::other)?;
        tracing::info!(%grpc, %http, workers = config.work.enabled, "serving");
        if config.webhooks.secrets.is_empty() {
            tracing::info!("WEBHOOK_SECRET is not set: delivery reports and inbound messages are not taken in");
        }

        let worker = Worker::start(&service, config.work.enabled);
        let serving = listeners.serve(service.clone(), config.origins.clone(), stop.clone());
        let served = Box::pin(until_stopped(serving, worker, service, stop, &supervisor)).await;
        if let Some(exporter) = exporter {
            exporter.stop().await;
        }
        served?;
        stop_sandbox.cancel();
        Ok(())
    }
}

/// The supervisor that the environment names, if it names one.
pub(super) fn supervisor(env: &Env) -> Result<Supervisor, config::Error> {
    let patience = var::WATCHDOG_USEC.read(env)?.map(|text| text.parse::<NonZeroU64>());
    let patience = patience.transpose().map_err(|e| var::WATCHDOG_USEC.error(format_args!("cannot be used: {e}")))?;
    let patience = patience.map(|micros| Duration::from_micros(micros.get()));
    let supervisor = Supervisor::at(var::NOTIFY_SOCKET.read(env)?.as_deref(), patience);
    supervisor.map_err(|e| var::NOTIFY_SOCKET.error(format_args!("cannot be used: {e}; it is for systemd to set")))
}

/// Serves and works until `stop`, then lets what is in flight end, within a limit; the supervisor is told of it.
pub(super) async fn until_stopped(
    serving: impl Future<Output = Result<(), ServeError>>,
    worker: Worker,
    service: Service,
    stop: CancellationToken,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let (told, watched) = (stop.clone(), service.clone());
    let limit = stop.clone();
    let over = async move {
        limit.cancelled().await;
        tokio::time::sleep(STOP_LIMIT).await;
    };
    let work = async {
        let resting = async {
            stop.cancelled().await;
            worker.stop().await;
        };
        let (served, ()) = tokio::join!(serving, resting);
        service.drain().await;
        served
    };
    tokio::select! {
        served = work => served.map_err(Failure::other)?,
        // It ends with the process alone.
        () = supervisor.tell(&told, || watched.stalled().is_empty()) => {}
        () = over => tracing::warn!("stopping took too long; what is in flight will be found by its lease"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// The environment of a `serve --sandbox` that has been started before; a command that reads makes none.
pub(super) fn found_sandbox_env(env: Env) -> Result<Env, config::Error> {
    let dir = config::data_dir(&env)?;
    if !dir.join(SANDBOX_SECRET).exists() {
        return Err(var::DATA_DIR.error(format_args!(
            "leads to no sandbox: {} has none; name the directory that messaging serve --sandbox uses, or start that first",
            dir.display()
        )));
    }
    sandbox_env(env)
}

/// The environment of `serve --sandbox`: whatever it does not say, the data directory does.
pub(super) fn sandbox_env(env: Env) -> Result<Env, config::Error> {
    let dir = config::data_dir(&env)?;
    let cannot = |e: &dyn std::fmt::Display| {
        var::DATA_DIR
            .error(format_args!("cannot be used: {}: {e}; name a directory that can be written to", dir.display()))
            .that_passes()
    };
    std::fs::create_dir_all(&dir).map_err(|e| cannot(&e))?;
    let secret = kept_secret(&dir.join(SANDBOX_SECRET)).map_err(|e| cannot(&e))?;
    let pseudonyms = kept_secret(&dir.join("sandbox-pseudonym-key")).map_err(|e| cannot(&e))?;
    let webhooks = kept_secret(&dir.join("sandbox-webhook-secret")).map_err(|e| cannot(&e))?;
    let hooks = kept_secret(&dir.join("sandbox-hook-key")).map_err(|e| cannot(&e))?;
    let database = format!("sqlite://{}", dir.join("sandbox.db").display());
    let env = env.or(&var::DATABASE_URL, database).or(&var::JWT_SECRET, secret).or(&var::MITTO_SENDER, DEMO_SENDER);
    let env = env.or(&var::WEBHOOK_SECRET, webhooks).or(&var::PSEUDONYM_KEY, pseudonyms);
    // Whoever tries it has a receiver on the same machine.
    let env = env.or(&var::HOOK_KEY, hooks).or(&var::HOOK_NETS, "127.0.0.0/8,::1");
    let account = env.get(&var::MITTO_TRAFFIC_ACCOUNT_ID).unwrap_or(DEMO_ACCOUNT).to_owned();
    // Never the real provider's key: what is sent here must not be able to leave the machine.
    Ok(env.or(&var::SMS_TRAFFIC_ACCOUNT_ID, account).with(&var::MITTO_API_KEY, "sandbox-key".to_owned()))
}

/// A random secret that is made once and kept, readable by its owner alone, so that tokens outlive a restart.
fn kept_secret(path: &Path) -> std::io::Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::read_to_string(path) {
        Ok(secret) if secret.trim().len() >= crate::auth::rules::MIN_SECRET => return Ok(secret.trim().to_owned()),
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let secret = rand::rng().random::<[u8; 32]>().iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    Ok(secret)
}

/// The provider's stand-in, which reports to the HTTP listener unless `SANDBOX_REPORTS` says no.
async fn start_sandbox(
    env: &Env,
    config: &Config,
    http: std::net::SocketAddr,
    stop: &CancellationToken,
) -> Result<(std::net::SocketAddr, Phone), Failure> {
    let hook = |name: &str| Some(format!("http://{http}/webhooks/mitto/{name}"));
    let token = config.webhooks.secrets.first().filter(|_| config.sandbox_reports);
    let reports = token.map(|token| ("x-webhook-token".to_owned(), token.expose_secret().to_owned()));
    let addr = var::SANDBOX_ADDR.read(env)?.to_string();
    let ledger = config::data_dir(env)?.join("sandbox-ledger.jsonl");
    let config = sandbox::Config {
        ledger_file: Some(ledger),
        report_url: hook("dlr").filter(|_| reports.is_some()),
        inbound_url: hook("inbound").filter(|_| reports.is_some()),
        report_header: reports,
        ..sandbox::Config::default()
    };
    let sandbox = Sandbox::bind(&addr, config, Clock::system()).await;
    let sandbox = sandbox.map_err(|e| unusable(&e))?;
    let (addr, phone) = (sandbox.addr(), Phone(sandbox.handsets()));
    tokio::spawn(sandbox.run(stop.clone()));
    Ok((addr, phone))
}

/// The sandbox's trouble, by the variable that it comes from.
fn unusable(e: &sandbox::Error) -> config::Error {
    match e {
        sandbox::Error::Listen { addr, source } => var::SANDBOX_ADDR
            .error(format_args!("cannot be used: {addr}: {source}; name an address of this machine that is free"))
            .that_passes(),
        sandbox::Error::LedgerFile { path, source } => var::DATA_DIR
            .error(format_args!(
                "cannot be used: {}: {source}; name a directory that can be written to",
                path.display()
            ))
            .that_passes(),
        sandbox::Error::Header => {
            var::WEBHOOK_SECRET.error("cannot be sent in a header: use visible characters of one line alone")
        }
        sandbox::Error::Url { .. } | sandbox::Error::Client(_) => config::Error::new(format!("--sandbox: {e}")),
    }
}

/// A token for the demo user, who is made on the first start.
async fn demo(config: &Config) -> Result<(OwnerId, String), Failure> {
    let store = app::open_store(&config.database).await?;
    let users = store.users(None, i64::MAX).await.map_err(Failure::other)?;
    let user = if let Some(user) = users.into_iter().find(|u| u.name == DEMO_USER) {
        user.id
    } else {
        let sender = SenderId::parse(DEMO_SENDER).map_err(Failure::other)?;
        let user = store.create_user(DEMO_USER, Some(&sender)).await.map_err(Failure::other)?;
        let every = |user: &mut User| {
            (user.senders, user.accounts) = (Allowed::Any, Allowed::Any);
            Some("every sender and account".to_owned())
        };
        store.change_user(user, Act::Granted, every).await.map_err(Failure::other)?;
        user
    };
    let token =
        app::tokens(config.tokens.clone())?.issue(OwnerId(user.0), Scope::ORDINARY, Clock::system().now(), DEMO_TOKEN);
    Ok((user, token.map_err(Failure::other)?.expose_secret().to_owned()))
}

fn welcome(grpc: std::net::SocketAddr, certificate: Option<&Path>, token: &str) -> String {
    let flags = certificate.map_or("-plaintext".to_owned(), |cert| format!("-cacert {}", cert.display()));
    format!(
        "\nThe sandbox plays the provider: nothing leaves this machine. Send the first SMS:\n\n\
         grpcurl {flags} -H 'authorization: Bearer {token}' \
         -d '{{\"destination\":\"+306900000001\",\"text\":\"Hello\"}}' {grpc} messaging.v1.MessagingService/SendSingle\n\n\
         and ask what became of it, with the messageId of the answer:\n\n\
         grpcurl {flags} -H 'authorization: Bearer {token}' \
         -d '{{\"message_id\":\"…\"}}' {grpc} messaging.v1.MessagingService/GetMessageStatus\n\n"
    )
}
