//! The place where an operator's command acts: a running service, or the database itself, which works without one.

use http::{Request, Response};
use tonic::body::Body;
use tonic::codegen::CompressionEncoding;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::app;
use crate::auth::{Caller, Proof, Scope};
use crate::cli::client::connection::Connection;
use crate::cli::client::failure::Failure;
use crate::cli::client::{Console, output};
use crate::cli::serve;
use crate::config::{self, variables as var};
use crate::domain::ids::OwnerId;
use crate::grpc::InProcess;
use crate::proto::admin_service_client::AdminServiceClient;

/// The service that takes the calls of an operator's command.
type Answering = BoxCloneSyncService<Request<Body>, Response<Body>, tower::BoxError>;

/// The client for operators.
pub(super) type Admin = AdminServiceClient<Answering>;

/// Where a command acts. Given an address, or `MESSAGING_ADDR`, it asks that service; else it opens the database.
#[derive(clap::Args)]
pub struct Place {
    #[command(flatten)]
    connection: Connection,
    /// Open the database of `DATABASE_URL`, although `MESSAGING_ADDR` names a service
    #[arg(long, conflicts_with = "addr")]
    database: bool,
    /// Open the database that `serve --sandbox` uses
    #[arg(long, conflicts_with = "addr")]
    sandbox: bool,
}

impl Place {
    /// Whether results are to be printed as JSON.
    pub(super) fn json(&self) -> bool {
        self.connection.json
    }

    /// Opens the place. Beside a database everything is allowed: whoever can open it can do all of this anyway.
    pub(super) async fn open(&self, console: &mut Console<'_>) -> Result<Admin, Failure> {
        self.reach(console, false).await
    }

    /// The same, and makes the database if it is not there: the first user may come before the first start.
    pub(super) async fn open_or_make(&self, console: &mut Console<'_>) -> Result<Admin, Failure> {
        self.reach(console, true).await
    }

    async fn reach(&self, console: &mut Console<'_>, makes: bool) -> Result<Admin, Failure> {
        let elsewhere = self.connection.addr.is_some() || console.env.get(&var::MESSAGING_ADDR).is_some();
        if elsewhere && !self.database && !self.sandbox {
            let service = self.connection.open(console.env).await?.channel();
            let service = service.map_response(|answer| answer.map(Body::new)).map_err(Into::into);
            let client = AdminServiceClient::new(BoxCloneSyncService::new(service));
            return Ok(client.accept_compressed(CompressionEncoding::Gzip));
        }
        let env = console.env.clone();
        let env = if self.sandbox { serve::found_sandbox_env(env)? } else { env };
        let database = config::database(&env)?;
        let store = if makes { app::make_store(&database).await? } else { app::open_store(&database).await? };
        if console.progress {
            let kind = store.kind();
            writeln!(console.err, "opened the {kind} database: neither --addr nor MESSAGING_ADDR names a service")?;
        }
        let all = Scope::ALL.map(Scope::name).join(" ");
        let caller = Caller::new(OwnerId(0), &all).by(Proof::Database(env.system_user().map(str::to_owned)));
        let service = InProcess::new(app::operations(store)?, caller).map_err(|never| match never {});
        Ok(AdminServiceClient::new(BoxCloneSyncService::new(service)))
    }

    /// Prints one answer: as JSON, or by `line`.
    pub(super) fn print<T: serde::Serialize>(
        &self,
        console: &mut Console<'_>,
        answer: &T,
        line: impl FnOnce(&T) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        if self.json() {
            return output::json(console.out, answer);
        }
        Ok(writeln!(console.out, "{}", line(answer)?)?)
    }
}
