//! `messaging account`: route accounts, their rates, and what holds them.

use super::place::Place;
use super::{exactly, or_none, shown};
use crate::cli::client::failure::Failure;
use crate::cli::client::output::{held, short};
use crate::cli::client::pages::Pages;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit};
use crate::proto::{ListRouteAccountsRequest, RouteAccount, SetRouteAccountLimitRequest, UnblockRouteAccountRequest};

/// Commands on route accounts.
#[derive(clap::Subcommand)]
pub enum Account {
    /// List what is known of route accounts, and of the provider as a whole (*): name, state, reason, until, rate, burst
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Limit an account's rate over all replicas, at once
    Limit {
        /// The account
        id: String,
        /// Segments a second; 0 for no limit
        #[arg(long, required_unless_present = "default", value_parser = clap::value_parser!(i32).range(0..=1_000_000))]
        rate: Option<i32>,
        /// Segments at once; the rate unless told
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..=1_000_000))]
        burst: Option<i32>,
        /// Go back to the configured default
        #[arg(long, conflicts_with_all = ["rate", "burst"])]
        default: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Let sends pass again by an account that is blocked, or by the provider as a whole (*)
    Unblock {
        /// The account, or *
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Account {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::List { place } => {
                let mut admin = place.open(console).await?;
                let ask = async |page_size, page_token| {
                    let request = ListRouteAccountsRequest { page_size, page_token };
                    let page = admin.list_route_accounts(request).await?.into_inner();
                    Ok((page.route_accounts, page.next_page_token))
                };
                let print =
                    |console: &mut Console<'_>, account: &RouteAccount| Ok(writeln!(console.out, "{}", line(account))?);
                return Pages { limit: None, json: place.json() }.show(console, ask, print).await;
            }
            Self::Limit { id, rate, burst, default: _, place } => {
                let request = SetRouteAccountLimitRequest { id, rate, burst };
                let answer = place.open(console).await?.set_route_account_limit(request).await?.into_inner();
                place.print(console, &held(answer.route_account, "account")?, |account| Ok(line(account)))?;
            }
            Self::Unblock { id, place } => {
                let request = UnblockRouteAccountRequest { id };
                let answer = place.open(console).await?.unblock_route_account(request).await?.into_inner();
                place.print(console, &held(answer.route_account, "account")?, |account| Ok(line(account)))?;
            }
        }
        Ok(Exit::Success)
    }
}

fn line(account: &RouteAccount) -> String {
    let holding = short(account.holding().as_str_name(), "HOLDING_").to_lowercase();
    let (reason, until) = (plain(or_none(&account.reason)), exactly(account.held_until.as_ref()));
    let (rate, burst) = (shown(account.rate), shown(account.burst));
    format!("{}\t{holding}\t{reason}\t{until}\t{rate}\t{burst}", plain(&account.id))
}
