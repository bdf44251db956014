//! `campaign create`, `campaign show` and `campaign stats`.

use std::io::Write;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{self, held, rows, short, time};
use super::{Console, Exit};
use crate::proto::{self, CampaignStats, CreateCampaignRequest, GetCampaignRequest, GetCampaignStatsRequest};

/// Make campaigns and see how they stand.
#[derive(clap::Args)]
pub struct Campaign {
    #[command(subcommand)]
    command: CampaignCommand,
}

/// What can be done with campaigns.
#[derive(clap::Subcommand)]
pub enum CampaignCommand {
    /// Make a campaign; nothing is sent before it is started
    Create {
        /// Where the service is and who asks
        #[command(flatten)]
        connection: Connection,
        /// Its name, 1 to 200 characters
        #[arg(long)]
        name: String,
        /// The text, with placeholders such as `{{first_name}}`
        #[arg(long)]
        text: String,
        /// The sender ID: 3–11 letters and digits, or E.164; else the user's, else the service's
        #[arg(long)]
        sender: Option<String>,
    },
    /// Show a campaign
    Show {
        /// Where the service is and who asks
        #[command(flatten)]
        connection: Connection,
        /// Its id
        id: i64,
    },
    /// Count a campaign's messages by state
    Stats {
        /// Where the service is and who asks
        #[command(flatten)]
        connection: Connection,
        /// Its id
        id: i64,
    },
}

impl Campaign {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self.command {
            CampaignCommand::Create { connection, name, text, sender } => {
                let request = CreateCampaignRequest { name, text, sender, ..CreateCampaignRequest::default() };
                let mut client = connection.open(console.env).await?.campaigns();
                let campaign = client.create_campaign(request).await?.into_inner().campaign;
                show(console.out, connection.json, &held(campaign, "campaign")?)?;
            }
            CampaignCommand::Show { connection, id } => {
                let mut client = connection.open(console.env).await?.campaigns();
                let campaign = client.get_campaign(GetCampaignRequest { id }).await?.into_inner().campaign;
                show(console.out, connection.json, &held(campaign, "campaign")?)?;
            }
            CampaignCommand::Stats { connection, id } => {
                let request = GetCampaignStatsRequest { campaign_id: id };
                let mut client = connection.open(console.env).await?.campaigns();
                let stats = held(client.get_campaign_stats(request).await?.into_inner().stats, "stats")?;
                if connection.json { output::json(console.out, &stats)? } else { count(console.out, &stats)? }
            }
        }
        Ok(Exit::Success)
    }
}

fn show(out: &mut dyn Write, json: bool, campaign: &proto::Campaign) -> Result<(), Failure> {
    if json {
        return output::json(out, campaign);
    }
    rows(
        out,
        &[
            ("id", campaign.id.to_string()),
            ("state", short(campaign.state().as_str_name(), "CAMPAIGN_STATE_").to_owned()),
            ("name", campaign.name.clone()),
            ("text", campaign.text.clone()),
            ("sender", campaign.sender.clone()),
            ("scheduled", time(campaign.scheduled_at.as_ref())),
            ("created", time(campaign.created_at.as_ref())),
            ("updated", time(campaign.updated_at.as_ref())),
        ],
    )
}

fn count(out: &mut dyn Write, stats: &CampaignStats) -> Result<(), Failure> {
    rows(
        out,
        &[
            ("total", stats.total.to_string()),
            ("queued", stats.queued.to_string()),
            ("sent", stats.sent.to_string()),
            (
                "delivered",
                format!("{} ({:.1} % of those that the provider took)", stats.delivered, stats.delivered_rate * 100.0),
            ),
            ("failed", stats.failed.to_string()),
            ("unknown", stats.unknown.to_string()),
            ("cancelled", stats.cancelled.to_string()),
            ("first sent", time(stats.first_sent_at.as_ref())),
            ("updated", time(stats.updated_at.as_ref())),
        ],
    )
}
