//! `webhooks create`: a new endpoint, and its secret.

use pbjson_types::Duration;

use super::endpoint;
use crate::cli::client::connection::Connection;
use crate::cli::client::failure::Failure;
use crate::cli::client::output::{self, held, rows};
use crate::cli::client::send::{pair, span};
use crate::cli::client::{Console, Exit};
use crate::proto::CreateEndpointRequest;

/// The arguments of a new endpoint.
#[derive(clap::Args)]
pub struct Create {
    #[command(flatten)]
    connection: Connection,
    /// Where it is: an https URL on a public address
    url: String,
    /// A type of events that it gets, such as message.delivered; may be given several times. All unless told
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events of this campaign
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// Only events of messages with this pair, such as --metadata shop=athens; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// How many events one call carries at most: 1 to 500
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_batch: i32,
    /// How long a call waits for more events, up to 5s, for example 500ms
    #[arg(long, value_name = "DURATION", value_parser = span)]
    max_wait: Option<Duration>,
    /// How many calls a second it gets at most; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_rate: i32,
    /// How long an event that is refused is tried again, 1m to 3d; 24h unless told
    #[arg(long, value_name = "DURATION", value_parser = span)]
    max_age: Option<Duration>,
    /// Let events have the recipient's number
    #[arg(long)]
    include_destination: bool,
    /// Let events have the text
    #[arg(long)]
    include_text: bool,
    /// Your own words, at most 200 characters
    #[arg(long, default_value = "")]
    description: String,
    /// Make it disabled: it gets what happens from now on, once it is enabled
    #[arg(long)]
    disabled: bool,
    /// The user to make it for, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
}

impl Create {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let json = self.connection.json;
        let mut client = self.connection.open(console.env).await?.hooks();
        let answer = client.create_endpoint(self.request()).await?.into_inner();
        if json {
            output::json(console.out, &answer)?;
            return Ok(Exit::Success);
        }
        endpoint(console.out, &held(answer.endpoint, "endpoint")?)?;
        rows(console.out, &[("secret", answer.secret)])?;
        Ok(Exit::Success)
    }

    fn request(self) -> CreateEndpointRequest {
        CreateEndpointRequest {
            url: self.url,
            types: self.types,
            campaign_id: self.campaign,
            metadata: self.metadata.into_iter().collect(),
            max_batch: self.max_batch,
            max_wait: self.max_wait,
            max_rate: self.max_rate,
            max_age: self.max_age,
            include_destination: self.include_destination,
            include_text: self.include_text,
            description: self.description,
            disabled: self.disabled,
            owner_id: self.user,
        }
    }
}
