//! `webhooks …`: an owner's webhook endpoints: making and changing them, how they stand, and what they did not take.

mod create;
mod deliveries;
mod start;
mod update;

use std::io::Write;

use super::connection::{Connection, Hooks};
use super::failure::Failure;
use super::output::{self, held, pairs, rows, short, span, time};
use super::pages::Pages;
use super::text::plain;
use super::{Console, Exit};
use crate::proto::{
    CallOutcome, DeleteEndpointRequest, DisableEndpointRequest, Endpoint, EndpointStanding, GetEndpointRequest,
    ListEndpointsRequest, RotateSecretRequest, SendTestEventRequest,
};

/// Webhook endpoints, to which events are delivered.
#[derive(clap::Args)]
pub struct Webhooks {
    #[command(subcommand)]
    command: WebhooksCommand,
}

/// Where the service is, and which endpoint is meant.
#[derive(clap::Args)]
pub struct Named {
    #[command(flatten)]
    connection: Connection,
    /// The endpoint's id
    id: String,
    /// The user whose endpoint it is, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
}

/// The client and the endpoint that a command is about.
struct Opened {
    client: Hooks,
    id: String,
    owner_id: Option<i64>,
    json: bool,
}

/// The commands on webhook endpoints.
#[derive(clap::Subcommand)]
pub enum WebhooksCommand {
    /// Make an endpoint, which gets what happens from now on; prints its secret, which is never shown again
    Create(create::Create),
    /// List endpoints, newest first
    List {
        #[command(flatten)]
        connection: Connection,
        /// How many at most; all unless told
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
        /// The user whose endpoints, if it is not the caller; needs scope act-as
        #[arg(long, value_name = "ID")]
        user: Option<i64>,
    },
    /// Show an endpoint, and how far its events are delivered
    Show(Named),
    /// Change what is named, and leave the rest
    Update(update::Update),
    /// Take an endpoint away, with everything that is known of it
    Delete(Named),
    /// Enable an endpoint, to go on where it stood or where the options say
    Enable(start::Enable),
    /// Disable an endpoint; its place is kept
    Disable(Named),
    /// Give an endpoint another secret; the old one counts for 24 hours more
    RotateSecret {
        #[command(flatten)]
        named: Named,
        /// The old secret counts no more, because somebody else has it
        #[arg(long)]
        at_once: bool,
    },
    /// Call an endpoint once with a test, and tell what came of it
    Test(Named),
    /// List the events that an endpoint did not take while it took others
    Deliveries(deliveries::Deliveries),
    /// Tell an endpoint again what happened in a time of the last seven days
    Replay(deliveries::Replay),
}

impl Named {
    async fn open(self, console: &Console<'_>) -> Result<Opened, Failure> {
        let client = self.connection.open(console.env).await?.hooks();
        Ok(Opened { client, id: self.id, owner_id: self.user, json: self.connection.json })
    }
}

impl Webhooks {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self.command {
            WebhooksCommand::Create(create) => create.run(console).await,
            WebhooksCommand::List { connection, limit, user } => list(&connection, limit, user, console).await,
            WebhooksCommand::Show(named) => show(named, console).await,
            WebhooksCommand::Update(update) => update.run(console).await,
            WebhooksCommand::Delete(named) => {
                let Opened { mut client, id, owner_id, json } = named.open(console).await?;
                let answer = client.delete_endpoint(DeleteEndpointRequest { id, owner_id }).await?.into_inner();
                if json {
                    output::json(console.out, &answer)?;
                }
                Ok(Exit::Success)
            }
            WebhooksCommand::Enable(enable) => enable.run(console).await,
            WebhooksCommand::Disable(named) => {
                let Opened { mut client, id, owner_id, json } = named.open(console).await?;
                let answer = client.disable_endpoint(DisableEndpointRequest { id, owner_id }).await?.into_inner();
                told(answer.endpoint, json, console)
            }
            WebhooksCommand::RotateSecret { named, at_once } => rotate(named, at_once, console).await,
            WebhooksCommand::Test(named) => test(named, console).await,
            WebhooksCommand::Deliveries(deliveries) => deliveries.run(console).await,
            WebhooksCommand::Replay(replay) => replay.run(console).await,
        }
    }
}

async fn list(
    connection: &Connection,
    limit: Option<u32>,
    owner_id: Option<i64>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut client = connection.open(console.env).await?.hooks();
    let ask = async |page_size, page_token| {
        let page = client.list_endpoints(ListEndpointsRequest { page_size, page_token, owner_id }).await?.into_inner();
        Ok((page.endpoints, page.next_page_token))
    };
    Pages { limit, json: connection.json }.show(console, ask, line).await
}

/// One endpoint on one line: whether it gets events, which ones, and where it is.
fn line(console: &mut Console<'_>, endpoint: &Endpoint) -> Result<(), Failure> {
    let state = short(endpoint.state().as_str_name(), "ENDPOINT_STATE_");
    let line = format!("{:<36}  {state:<8}  {}  {}", plain(&endpoint.id), plain(&endpoint.url), types(endpoint));
    Ok(writeln!(console.out, "{}", line.trim_end())?)
}

fn types(endpoint: &Endpoint) -> String {
    if endpoint.types.is_empty() { "all".to_owned() } else { plain(&endpoint.types.join(",")) }
}

async fn show(named: Named, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Opened { mut client, id, owner_id, json } = named.open(console).await?;
    let answer = client.get_endpoint(GetEndpointRequest { id, owner_id }).await?.into_inner();
    if json {
        output::json(console.out, &answer)?;
        return Ok(Exit::Success);
    }
    endpoint(console.out, &held(answer.endpoint, "endpoint")?)?;
    standing(console.out, &held(answer.standing, "standing")?)?;
    Ok(Exit::Success)
}

async fn rotate(named: Named, at_once: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Opened { mut client, id, owner_id, json } = named.open(console).await?;
    let answer = client.rotate_secret(RotateSecretRequest { id, at_once, owner_id }).await?.into_inner();
    if json {
        output::json(console.out, &answer)?;
    } else {
        rows(console.out, &[("secret", answer.secret), ("old until", time(answer.old_until.as_ref()))])?;
    }
    Ok(Exit::Success)
}

/// Fails unless the endpoint took the test.
async fn test(named: Named, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let Opened { mut client, id, owner_id, json } = named.open(console).await?;
    let answer = client.send_test_event(SendTestEventRequest { id, owner_id }).await?.into_inner();
    if json {
        output::json(console.out, &answer)?;
    } else {
        writeln!(console.out, "{}", call(answer.outcome(), answer.http_status))?;
    }
    Ok(if answer.outcome() == CallOutcome::Taken { Exit::Success } else { Exit::Failed })
}

/// Tells the endpoint that a command changed.
fn told(changed: Option<Endpoint>, json: bool, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let show = if json { output::json } else { endpoint };
    show(console.out, &held(changed, "endpoint")?)?;
    Ok(Exit::Success)
}

/// The result of a call, and the status of its answer if there was one.
fn call(outcome: CallOutcome, status: i32) -> String {
    let outcome = short(outcome.as_str_name(), "CALL_OUTCOME_");
    if status == 0 { outcome.to_owned() } else { format!("{outcome} ({status})") }
}

/// An endpoint.
fn endpoint(out: &mut dyn Write, endpoint: &Endpoint) -> Result<(), Failure> {
    let with = [(endpoint.include_destination, "destination"), (endpoint.include_text, "text")];
    let with: Vec<&str> = with.into_iter().filter(|(has, _)| *has).map(|(_, what)| what).collect();
    let rate = if endpoint.max_rate == 0 { String::new() } else { format!("{} a second", endpoint.max_rate) };
    rows(
        out,
        &[
            ("id", endpoint.id.clone()),
            ("state", short(endpoint.state().as_str_name(), "ENDPOINT_STATE_").to_owned()),
            ("url", endpoint.url.clone()),
            ("description", endpoint.description.clone()),
            ("types", types(endpoint)),
            ("campaign", endpoint.campaign_id.map(|id| id.to_string()).unwrap_or_default()),
            ("metadata", pairs(&endpoint.metadata)),
            ("max batch", endpoint.max_batch.to_string()),
            ("max wait", span(endpoint.max_wait.as_ref())),
            ("max rate", rate),
            ("max age", span(endpoint.max_age.as_ref())),
            ("with", with.join(", ")),
            ("created", time(endpoint.created_at.as_ref())),
            ("updated", time(endpoint.updated_at.as_ref())),
        ],
    )
}

/// How an endpoint stands.
fn standing(out: &mut dyn Write, standing: &EndpointStanding) -> Result<(), Failure> {
    rows(
        out,
        &[
            ("lag", span(standing.lag.as_ref())),
            ("waiting", standing.waiting.to_string()),
            ("replays", standing.replays.to_string()),
            ("last call", call(standing.last_outcome(), standing.last_http_status)),
            ("last taken", time(standing.taken_at.as_ref())),
            ("failing since", time(standing.failing_since.as_ref())),
            ("next try", time(standing.next_try_at.as_ref())),
            ("resume token", standing.resume_token.clone()),
        ],
    )
}
