//! `messaging user`: who may call, and what one may use.

use super::limits::{Limit, show};
use super::or_none;
use super::place::Place;
use crate::cli::client::failure::Failure;
use crate::cli::client::output::held;
use crate::cli::client::pages::Pages;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit};
use crate::proto::{
    self, CreateUserRequest, DisableUserRequest, EnableUserRequest, EndUserTokensRequest, GetUserRequest,
    GrantUserRequest, ListUsersRequest, UngrantUserRequest,
};

/// Commands on users.
#[derive(clap::Subcommand)]
pub enum User {
    /// Make a user, and print its id
    Create {
        /// A name for people
        #[arg(long)]
        name: String,
        /// The sender ID of the user's messages: 3–11 letters and digits, or E.164
        #[arg(long)]
        sender: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Refuse the user's tokens and keys from now on, within seconds; what is queued is sent all the same
    Disable(Whose),
    /// Take the user's tokens and keys again
    Enable(Whose),
    /// Refuse the user's tokens that were issued until now, for example because one leaked; keys go on
    EndTokens(Whose),
    /// List the users: id, name, sender, state
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Limit what a user may have in flight and spend
    Limit(Box<Limit>),
    /// Let a user's messages have a sender ID, or take a route account
    Grant(Grant),
    /// Take back what was granted; what is queued is sent all the same
    Ungrant(Grant),
    /// Show one user: names, state, grants, limits, and what is left of them
    Show(Whose),
}

/// Whom a command is about.
#[derive(clap::Args)]
pub struct Whose {
    /// The user's id, as `user list` gives it
    user: i64,
    #[command(flatten)]
    place: Place,
}

/// The name that is granted.
#[derive(clap::Args)]
pub struct Grant {
    /// Whose messages
    user: i64,
    /// The sender ID: 3–11 letters and digits, or E.164; * for every one
    #[arg(long, required_unless_present = "account", conflicts_with = "account")]
    sender: Option<String>,
    /// The route account; * for every one
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl User {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Create { name, sender, place } => {
                let request = CreateUserRequest { name, sender: sender.unwrap_or_default() };
                let answer = place.open_or_make(console).await?.create_user(request).await?.into_inner();
                place.print(console, &held(answer.user, "user")?, |user| Ok(user.id.to_string()))?;
            }
            Self::List { place } => return list(&place, console).await,
            Self::Disable(Whose { user: id, place }) => {
                let answer = place.open(console).await?.disable_user(DisableUserRequest { id }).await?.into_inner();
                place.print(console, &held(answer.user, "user")?, |_| Ok("disabled".to_owned()))?;
            }
            Self::Enable(Whose { user: id, place }) => {
                let answer = place.open(console).await?.enable_user(EnableUserRequest { id }).await?.into_inner();
                place.print(console, &held(answer.user, "user")?, |_| Ok("enabled".to_owned()))?;
            }
            Self::EndTokens(Whose { user: id, place }) => {
                let request = EndUserTokensRequest { id };
                let answer = place.open(console).await?.end_user_tokens(request).await?.into_inner();
                place.print(console, &held(answer.user, "user")?, |_| Ok("ended".to_owned()))?;
            }
            Self::Limit(limit) => limit.run(console).await?,
            Self::Grant(Grant { user: id, sender, account, place }) => {
                let (sender, route_account) = (sender.unwrap_or_default(), account.unwrap_or_default());
                let request = GrantUserRequest { id, sender, route_account };
                let answer = place.open(console).await?.grant_user(request).await?.into_inner();
                place.print(console, &held(answer.user, "user")?, |_| Ok("granted".to_owned()))?;
            }
            Self::Ungrant(Grant { user: id, sender, account, place }) => {
                let (sender, route_account) = (sender.unwrap_or_default(), account.unwrap_or_default());
                let request = UngrantUserRequest { id, sender, route_account };
                let answer = place.open(console).await?.ungrant_user(request).await?.into_inner();
                place.print(console, &held(answer.user, "user")?, |_| Ok("taken away".to_owned()))?;
            }
            Self::Show(Whose { user: id, place }) => {
                let answer = place.open(console).await?.get_user(GetUserRequest { id }).await?.into_inner();
                place.print(console, &answer, show)?;
            }
        }
        Ok(Exit::Success)
    }
}

async fn list(place: &Place, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut admin = place.open(console).await?;
    let ask = async |page_size, page_token| {
        let page = admin.list_users(ListUsersRequest { page_size, page_token }).await?.into_inner();
        Ok((page.users, page.next_page_token))
    };
    let line = |console: &mut Console<'_>, user: &proto::User| {
        let state = if user.disabled_at.is_some() { "disabled" } else { "live" };
        let (id, name, sender) = (user.id, plain(&user.name), plain(or_none(&user.sender)));
        Ok(writeln!(console.out, "{id}\t{name}\t{sender}\t{state}")?)
    };
    Pages { limit: None, json: place.json() }.show(console, ask, line).await
}
