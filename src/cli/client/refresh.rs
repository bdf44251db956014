//! `refresh`: one message, a campaign, or a list of ids.

mod bulk;
mod patience;
mod progress;

pub use patience::Patience;
pub(super) use patience::was_cut;

use std::path::{Path, PathBuf};

use super::connection::{Connection, Messages};
use super::failure::Failure;
use super::ids;
use super::output::{self, held, rows};
use super::{Console, Exit};
use crate::proto::refresh_status_bulk_request::Target;
use crate::proto::{ProviderMessageIds, RefreshStatusBulkRequest, RefreshStatusRequest};

/// Bring our records up to date. A campaign or a list ends with exit status 1 if one of its messages failed.
///
/// Where it is interrupted, a token goes to standard error, by which it goes on.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["id", "campaign", "ids"])))]
pub struct Refresh {
    #[command(flatten)]
    connection: Connection,
    /// The provider's id of the message, or ours
    id: Option<String>,
    /// Every message of this campaign that the provider took
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// The provider's ids in this file, one a line; - reads standard input
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Leave out what is delivered or failed already
    #[arg(long, conflicts_with_all = ["id", "ids"])]
    only_pending: bool,
    /// Go on after this token of an earlier refresh of the same
    #[arg(long, allow_hyphen_values = true, value_name = "TOKEN", conflicts_with = "id")]
    resume_token: Option<String>,
}

impl Refresh {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let target = match (self.id, self.campaign, self.ids) {
            (Some(id), _, _) => return one(&self.connection, id, console).await,
            (None, Some(campaign), _) => Target::CampaignId(campaign),
            (None, None, Some(file)) => Target::ProviderMessageIds(ProviderMessageIds { ids: ids(&file, console)? }),
            // clap's group has seen to it.
            (None, None, None) => return Err(Failure::Usage("name a message, --campaign or --ids".to_owned())),
        };
        let request = RefreshStatusBulkRequest {
            target: Some(target),
            only_pending: self.only_pending,
            resume_token: self.resume_token.unwrap_or_default(),
            ..RefreshStatusBulkRequest::default()
        };
        let client = self.connection.open(console.env).await?.messages();
        bulk::run(client, request, self.connection.json, console).await
    }
}

async fn one(connection: &Connection, id: String, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut client = connection.open(console.env).await?.messages();
    let ask = async |client: &mut Messages, provider_message_id| {
        client.refresh_status(RefreshStatusRequest { provider_message_id, owner_id: None }).await
    };
    let answer = ids::by_providers(&mut client, id, ask).await?;
    if connection.json {
        output::json(console.out, &answer)?;
        return Ok(Exit::Success);
    }
    let campaigns: Vec<String> = answer.affected_campaign_ids.iter().map(ToString::to_string).collect();
    let mut told = vec![
        ("status", output::status(answer.internal_status()).to_owned()),
        ("records", format!("{} brought up to date", answer.updated)),
        ("campaigns", campaigns.join(", ")),
    ];
    told.extend(super::messages::live(held(answer.status, "status")?));
    rows(console.out, &told)?;
    Ok(Exit::Success)
}

/// The ids in a file, one a line.
fn ids(file: &Path, console: &mut Console<'_>) -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        console.input.read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|found| text = found)
    };
    read.map_err(|e| Failure::Usage(format!("--ids: cannot read {}: {e}", file.display())))?;
    let ids: Vec<String> = text.lines().map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(Failure::Usage(format!("--ids: {} holds no ids", file.display())));
    }
    Ok(ids)
}
