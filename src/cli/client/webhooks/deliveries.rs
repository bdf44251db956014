//! `webhooks deliveries` and `webhooks replay`: what an endpoint did not take, and what it is told again.

use pbjson_types::Timestamp;

use super::{Named, Opened, call};
use crate::cli::client::failure::Failure;
use crate::cli::client::output::{self, rows, short, time};
use crate::cli::client::pages::Pages;
use crate::cli::client::send::moment;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit};
use crate::proto::{Delivery, ListDeliveriesRequest, ReplayEventsRequest};

/// Of which endpoint to list events.
#[derive(clap::Args)]
pub struct Deliveries {
    #[command(flatten)]
    named: Named,
    /// How many at most; all unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl Deliveries {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let Opened { mut client, id, owner_id, json } = self.named.open(console).await?;
        let ask = async |page_size, page_token| {
            let request = ListDeliveriesRequest { id: id.clone(), page_size, page_token, owner_id };
            let page = client.list_deliveries(request).await?.into_inner();
            Ok((page.deliveries, page.next_page_token))
        };
        Pages { limit: self.limit, json }.show(console, ask, line).await
    }
}

/// One event on one line: its id and type, how it stands, how often it was tried, when again, and the last try.
fn line(console: &mut Console<'_>, delivery: &Delivery) -> Result<(), Failure> {
    let line = format!(
        "{:<40}  {:<17}  {:<8}  {:>3}  {:<20}  {}",
        plain(&delivery.event_id),
        plain(&delivery.r#type),
        short(delivery.state().as_str_name(), "DELIVERY_STATE_"),
        delivery.tries,
        time(delivery.next_try_at.as_ref()),
        call(delivery.last_outcome(), delivery.last_http_status),
    );
    Ok(writeln!(console.out, "{}", line.trim_end())?)
}

/// The part of the past to tell again.
#[derive(clap::Args)]
pub struct Replay {
    #[command(flatten)]
    named: Named,
    /// The beginning: events of this time or later, at most seven days ago, for example 2027-01-31T09:00:00+02:00
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    from: Timestamp,
    /// The end: events before this time; now unless told
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    to: Option<Timestamp>,
    /// Only events of this type, of those that the endpoint gets; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

impl Replay {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let Opened { mut client, id, owner_id, json } = self.named.open(console).await?;
        let request = ReplayEventsRequest { id, from: Some(self.from), to: self.to, types: self.types, owner_id };
        let answer = client.replay_events(request).await?.into_inner();
        if json {
            output::json(console.out, &answer)?;
        } else {
            rows(console.out, &[("replay", answer.replay_id)])?;
        }
        Ok(Exit::Success)
    }
}
