//! `webhooks update`: changes what is named of an endpoint.

use pbjson_types::Duration;

use super::{Named, Opened, told};
use crate::cli::client::failure::Failure;
use crate::cli::client::send::{pair, span};
use crate::cli::client::{Console, Exit};
use crate::proto::UpdateEndpointRequest;
use crate::proto::update_endpoint_request::{Pairs, Types};

/// The changes; what is not named stays as it is.
#[derive(clap::Args)]
pub struct Update {
    #[command(flatten)]
    named: Named,
    /// Where it is
    #[arg(long)]
    url: Option<String>,
    /// A type of events that it gets, in place of those of before; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// It gets events of all types
    #[arg(long, conflicts_with = "types")]
    all_types: bool,
    /// Only events of this campaign; 0 for those of all and of none
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// Only events of messages with this pair, in place of those of before; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// It gets events of messages with any metadata
    #[arg(long, conflicts_with = "metadata")]
    any_metadata: bool,
    /// How many events one call carries at most: 1 to 500
    #[arg(long, value_name = "N")]
    max_batch: Option<i32>,
    /// How long a call waits for more events, up to 5s
    #[arg(long, value_name = "DURATION", value_parser = span)]
    max_wait: Option<Duration>,
    /// How many calls a second it gets at most; 0 for no limit
    #[arg(long, value_name = "N")]
    max_rate: Option<i32>,
    /// How long an event that is refused is tried again, 1m to 3d
    #[arg(long, value_name = "DURATION", value_parser = span)]
    max_age: Option<Duration>,
    /// Whether events have the recipient's number
    #[arg(long, value_name = "BOOL")]
    include_destination: Option<bool>,
    /// Whether events have the text
    #[arg(long, value_name = "BOOL")]
    include_text: Option<bool>,
    /// Your own words
    #[arg(long)]
    description: Option<String>,
}

impl Update {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let types = (self.all_types || !self.types.is_empty()).then_some(Types { types: self.types });
        let metadata = (self.any_metadata || !self.metadata.is_empty())
            .then(|| Pairs { metadata: self.metadata.into_iter().collect() });
        let Opened { mut client, id, owner_id, json } = self.named.open(console).await?;
        let request = UpdateEndpointRequest {
            id,
            url: self.url,
            types,
            campaign_id: self.campaign,
            metadata,
            max_batch: self.max_batch,
            max_wait: self.max_wait,
            max_rate: self.max_rate,
            max_age: self.max_age,
            include_destination: self.include_destination,
            include_text: self.include_text,
            description: self.description,
            owner_id,
        };
        told(client.update_endpoint(request).await?.into_inner().endpoint, json, console)
    }
}
