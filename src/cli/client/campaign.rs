//! `campaign …`: making a campaign, filling it, sending it, and seeing how it stands.

mod add;
mod watch;

use std::io::Write;
use std::path::PathBuf;

use pbjson_types::{Duration, Timestamp};

use super::connection::{Campaigns, Connection};
use super::failure::Failure;
use super::output::{self, held, rows, short, time};
use super::pages::Pages;
use super::send::{moment_to_come, pair, span};
use super::text::plain;
use super::{Console, Exit};
use crate::proto::{
    self, CampaignPlan, CampaignStats, CancelCampaignRequest, CreateCampaignRequest, DeliveryGuarantee,
    GetCampaignRequest, GetCampaignStatsRequest, ListCampaignsRequest, PauseCampaignRequest, ResumeCampaignRequest,
    StartCampaignRequest,
};

/// Make campaigns, send them, and see how they stand.
#[derive(clap::Args)]
pub struct Campaign {
    #[command(subcommand)]
    command: CampaignCommand,
}

/// Where the service is, and which campaign is meant.
#[derive(clap::Args)]
pub struct Named {
    #[command(flatten)]
    connection: Connection,
    /// The campaign's id
    id: i64,
}

/// The arguments of a new campaign.
#[derive(clap::Args)]
pub struct Create {
    #[command(flatten)]
    connection: Connection,
    /// Its name, 1 to 200 characters
    #[arg(long)]
    name: String,
    /// The text, with placeholders such as `{{first_name}}`
    #[arg(long, allow_hyphen_values = true)]
    text: String,
    /// The sender ID: 3–11 letters and digits, or E.164; else the user's, else the service's
    #[arg(long)]
    sender: Option<String>,
    /// Send it not before this time, for example 2027-01-31T09:00:00+02:00
    #[arg(long, value_name = "RFC3339", value_parser = moment_to_come)]
    at: Option<Timestamp>,
    /// How long each message is worth sending, 1 minute to 7 days, for example 90s, 30m, 12h or 2d
    #[arg(long, value_name = "DURATION", value_parser = span)]
    validity: Option<Duration>,
    /// Never send a message twice, even if the provider's answer is lost; its status may then stay UNKNOWN
    #[arg(long)]
    at_most_once: bool,
    /// Your own tag of it, and of its messages whose recipients have none: at most 128 characters
    #[arg(long)]
    reference: Option<String>,
    /// Your own pairs, such as --metadata shop=athens; may be given up to 16 times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// A key that makes the command repeatable: up to 255 printable ASCII characters
    #[arg(long)]
    key: Option<String>,
}

/// Which campaigns to list.
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    connection: Connection,
    /// The user whose campaigns to list, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
    /// How many at most; all unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// The commands on campaigns.
#[derive(clap::Subcommand)]
pub enum CampaignCommand {
    /// Make a campaign; nothing is sent before it is started
    Create(Create),
    /// Add recipients from a CSV file: the first column is the number, the others are variables, and
    /// one named `reference` is each recipient's own
    ///
    /// The first line names the columns: a column `first_name` is what `{{first_name}}` stands for. If the command is
    /// cut, run it again: those that are there already are counted as duplicates.
    Add {
        /// The campaign
        #[command(flatten)]
        named: Named,
        /// The file; - reads standard input
        #[arg(long)]
        file: PathBuf,
    },
    /// Start a campaign, at once or at its time
    Start {
        /// The campaign
        #[command(flatten)]
        named: Named,
        /// Only tell what it would come to
        #[arg(long)]
        dry_run: bool,
        /// Start it only if it has so many recipients, as a dry run or the console showed
        #[arg(long, value_name = "N")]
        recipients: Option<i64>,
    },
    /// Stop handing a campaign's messages to the provider until it is resumed
    Pause(Named),
    /// Go on with a paused campaign
    Resume(Named),
    /// End a campaign: what is queued is not sent
    Cancel(Named),
    /// List campaigns, newest first
    List(List),
    /// Show a campaign
    Show(Named),
    /// Count a campaign's messages by state
    Stats(Named),
    /// Tell how a campaign stands whenever that changes, until it is over
    Watch(Named),
}

impl Named {
    async fn open(self, console: &Console<'_>) -> Result<(Campaigns, i64, bool), Failure> {
        let client = self.connection.open(console.env).await?.campaigns();
        Ok((client, self.id, self.connection.json))
    }
}

impl Campaign {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let (campaign, json) = match self.command {
            CampaignCommand::Create(create) => create.run(console).await?,
            CampaignCommand::Add { named, file } => {
                let (client, id, json) = named.open(console).await?;
                return add::run(client, id, &file, json, console).await;
            }
            CampaignCommand::Start { named, dry_run, recipients } => {
                let (mut client, campaign_id, json) = named.open(console).await?;
                let request = StartCampaignRequest { campaign_id, dry_run, expected_recipients: recipients };
                let answer = client.start_campaign(request).await?.into_inner();
                if dry_run {
                    let plan = held(answer.plan, "plan")?;
                    if json {
                        output::json(console.out, &plan)?;
                    } else {
                        show_plan(console.out, &plan)?;
                    }
                    return Ok(Exit::Success);
                }
                (answer.campaign, json)
            }
            CampaignCommand::Pause(named) => {
                let (mut client, campaign_id, json) = named.open(console).await?;
                (client.pause_campaign(PauseCampaignRequest { campaign_id }).await?.into_inner().campaign, json)
            }
            CampaignCommand::Resume(named) => {
                let (mut client, campaign_id, json) = named.open(console).await?;
                (client.resume_campaign(ResumeCampaignRequest { campaign_id }).await?.into_inner().campaign, json)
            }
            CampaignCommand::Cancel(named) => {
                let (mut client, campaign_id, json) = named.open(console).await?;
                (client.cancel_campaign(CancelCampaignRequest { campaign_id }).await?.into_inner().campaign, json)
            }
            CampaignCommand::List(list) => return list.run(console).await,
            CampaignCommand::Show(named) => {
                let (mut client, campaign_id, json) = named.open(console).await?;
                (client.get_campaign(GetCampaignRequest { campaign_id }).await?.into_inner().campaign, json)
            }
            CampaignCommand::Stats(named) => {
                let (mut client, campaign_id, json) = named.open(console).await?;
                let answer = client.get_campaign_stats(GetCampaignStatsRequest { campaign_id }).await?.into_inner();
                let stats = held(answer.stats, "stats")?;
                if json {
                    output::json(console.out, &stats)?;
                } else {
                    count(console.out, &stats)?;
                }
                return Ok(Exit::Success);
            }
            CampaignCommand::Watch(named) => {
                let (client, id, json) = named.open(console).await?;
                return watch::run(client, id, json, console).await;
            }
        };
        show(console.out, json, &held(campaign, "campaign")?)?;
        Ok(Exit::Success)
    }
}

impl List {
    async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.campaigns();
        let pages = Pages { limit: self.limit, json: self.connection.json };
        let ask = async |page_size, page_token| {
            let request = ListCampaignsRequest { page_size, page_token, owner_id: self.user };
            let page = client.list_campaigns(request).await?.into_inner();
            Ok((page.campaigns, page.next_page_token))
        };
        pages.show(console, ask, line).await
    }
}

/// One campaign on one line.
fn line(console: &mut Console<'_>, campaign: &proto::Campaign) -> Result<(), Failure> {
    let line = format!(
        "{:<8}  {:<9}  {:>10}  {:<20}  {}",
        campaign.id,
        short(campaign.state().as_str_name(), "CAMPAIGN_STATE_"),
        campaign.recipients,
        time(campaign.created_at.as_ref()),
        plain(&campaign.name),
    );
    Ok(writeln!(console.out, "{}", line.trim_end())?)
}

impl Create {
    async fn run(self, console: &Console<'_>) -> Result<(Option<proto::Campaign>, bool), Failure> {
        let guarantee = if self.at_most_once { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::Unspecified };
        let request = CreateCampaignRequest {
            name: self.name,
            text: self.text,
            sender: self.sender,
            delivery_guarantee: guarantee.into(),
            scheduled_at: self.at,
            validity: self.validity,
            reference: self.reference,
            metadata: self.metadata.into_iter().collect(),
            idempotency_key: self.key.unwrap_or_default(),
        };
        let mut client = self.connection.open(console.env).await?.campaigns();
        Ok((client.create_campaign(request).await?.into_inner().campaign, self.connection.json))
    }
}

fn show(out: &mut dyn Write, json: bool, campaign: &proto::Campaign) -> Result<(), Failure> {
    if json {
        return output::json(out, campaign);
    }
    let recipients = if campaign.recipients > 0 { campaign.recipients.to_string() } else { String::new() };
    rows(
        out,
        &[
            ("id", campaign.id.to_string()),
            ("state", short(campaign.state().as_str_name(), "CAMPAIGN_STATE_").to_owned()),
            ("name", campaign.name.clone()),
            ("text", campaign.text.clone()),
            ("sender", campaign.sender.clone()),
            ("reference", campaign.reference.clone().unwrap_or_default()),
            ("metadata", output::pairs(&campaign.metadata)),
            ("recipients", recipients),
            ("scheduled", time(campaign.scheduled_at.as_ref())),
            ("created", time(campaign.created_at.as_ref())),
            ("started", time(campaign.started_at.as_ref())),
            ("ended", time(campaign.ended_at.as_ref())),
            ("updated", time(campaign.updated_at.as_ref())),
        ],
    )
}

fn show_plan(out: &mut dyn Write, plan: &CampaignPlan) -> Result<(), Failure> {
    let some = |n: i64| if n > 0 { n.to_string() } else { String::new() };
    let duration = plan.estimated_duration.as_ref().map(|d| format!("{} s", d.seconds)).unwrap_or_default();
    rows(
        out,
        &[
            ("dry run", "nothing was started".to_owned()),
            ("messages", plan.messages.to_string()),
            ("segments", plan.segments.to_string()),
            ("GSM7", some(plan.gsm7_messages)),
            ("UCS2", some(plan.ucs2_messages)),
            ("forced by", plan.forcing_characters.join(" ")),
            ("invalid", some(plan.invalid)),
            ("duplicates", some(plan.duplicates)),
            ("opted out", some(plan.opted_out)),
            ("unsendable", some(plan.unsendable)),
            ("segments a second", some(plan.segments_per_second)),
            ("takes", duration),
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
                format!("{} ({:.1} % of those that the provider took)", stats.delivered, percent(stats.delivered_rate)),
            ),
            ("failed", stats.failed.to_string()),
            ("unknown", stats.unknown.to_string()),
            ("cancelled", stats.cancelled.to_string()),
            ("first sent", time(stats.first_sent_at.as_ref())),
            ("updated", time(stats.updated_at.as_ref())),
        ],
    )
}

/// A share in percent, to a tenth and rounded down: not all beside some that failed.
fn percent(share: f64) -> f64 {
    share.mul_add(1000.0, 1e-6).floor() / 10.0
}
