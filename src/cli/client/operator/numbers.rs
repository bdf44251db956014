//! `messaging erase` and `messaging inbound`: a number that has to go from everything, and what a person has to read.

use super::place::Place;
use super::{exactly, shown};
use crate::cli::client::failure::Failure;
use crate::cli::client::pages::Pages;
use crate::cli::client::{Console, Exit};
use crate::proto::{
    EraseNumberRequest, EraseNumberResponse, ListInboundReviewRequest, ResolveInboundRequest, ReviewedInbound,
};

/// Erase a number from everything that is at rest, and the texts that were sent to it.
#[derive(clap::Args)]
pub struct Erase {
    /// The number
    #[arg(long)]
    number: String,
    /// Only what this user has of it
    #[arg(long)]
    user: Option<i64>,
    #[command(flatten)]
    place: Place,
}

/// Commands on messages from recipients that a person has to look at.
#[derive(clap::Subcommand)]
pub enum Inbound {
    /// List those that may mean that no more messages are wanted: id, when, owner, number, text; oldest first
    Review {
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        #[command(flatten)]
        place: Place,
    },
    /// Take one off the list, once somebody has acted on it
    Done {
        /// The message's id
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Erase {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let request = EraseNumberRequest { destination: self.number, owner_id: self.user };
        let answer = self.place.open(console).await?.erase_number(request).await?.into_inner();
        self.place.print(console, &answer, |done| Ok(told(done)))?;
        Ok(Exit::Success)
    }
}

fn told(done: &EraseNumberResponse) -> String {
    let (messages, opt_outs, bodies) = (done.messages, done.opt_outs, done.bodies);
    let (under_way, campaigns, waiting) = (done.under_way, done.campaigns, done.waiting);
    let mut lines = vec![
        format!("erased: {messages} messages, {opt_outs} opt-outs, {bodies} reports and inbound messages"),
        format!(
            "left: {under_way} messages under way, {campaigns} campaigns that are not over, {waiting} reports and inbound messages that wait"
        ),
    ];
    if under_way + campaigns + waiting > 0 {
        lines.push(
            "run it again when they have ended, or cancel those campaigns; see messaging inbound review".to_owned(),
        );
    }
    lines.join("\n")
}

impl Inbound {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Review { limit, place } => {
                let mut admin = place.open(console).await?;
                let ask = async |page_size, page_token| {
                    let request = ListInboundReviewRequest { page_size, page_token };
                    let page = admin.list_inbound_review(request).await?.into_inner();
                    Ok((page.messages, page.next_page_token))
                };
                let print =
                    |console: &mut Console<'_>, one: &ReviewedInbound| Ok(writeln!(console.out, "{}", line(one))?);
                Pages { limit: Some(limit), json: place.json() }.show(console, ask, print).await
            }
            Self::Done { id, place } => {
                let request = ResolveInboundRequest { id };
                let answer = place.open(console).await?.resolve_inbound(request).await?.into_inner();
                place.print(console, &answer, |_| Ok("done".to_owned()))?;
                Ok(Exit::Success)
            }
        }
    }
}

fn line(one: &ReviewedInbound) -> String {
    let plain = |text: &str| text.replace(char::is_control, " ");
    let (id, at, owner) = (plain(&one.id), exactly(one.received_at.as_ref()), shown(one.owner_id));
    format!("{id}\t{at}\t{owner}\t{}\t{}", plain(&one.number), plain(&one.text))
}
