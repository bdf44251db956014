//! `messaging key`: API keys.

use jiff::SignedDuration;
use pbjson_types::Timestamp;

use super::place::Place;
use super::{exactly, or_none};
use crate::auth::Scope;
use crate::cli::client::failure::Failure;
use crate::cli::client::output::{held, short};
use crate::cli::client::pages::Pages;
use crate::cli::client::send::moment;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit};
use crate::clock::Clock;
use crate::proto::{ApiKey, CreateKeyRequest, ExpireKeyRequest, ListKeysRequest, RevokeKeyRequest};

/// Commands on API keys.
#[derive(clap::Subcommand)]
pub enum Key {
    /// Make an API key, and print it: it is shown this once
    Create {
        /// Whose key
        #[arg(long)]
        user: i64,
        /// Its scopes, separated by spaces
        #[arg(long, default_value = Scope::ORDINARY)]
        scope: String,
        /// A name for people, for example what uses it
        #[arg(long)]
        name: Option<String>,
        /// After how many days it ends; without it never
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
        #[command(flatten)]
        place: Place,
    },
    /// Revoke a key by its id; it is refused from then on
    Revoke {
        /// The key's id, as `key list` gives it
        id: i64,
        #[command(flatten)]
        place: Place,
    },
    /// Let a key end later, when what uses it will have another one; prints when
    Expire {
        /// The key's id, as `key list` gives it
        id: i64,
        /// After how many days
        #[arg(long, required_unless_present = "at", value_parser = clap::value_parser!(u16).range(1..))]
        days: Option<u16>,
        /// At this time
        #[arg(long, value_name = "RFC3339", value_parser = moment, conflicts_with = "days")]
        at: Option<Timestamp>,
        #[command(flatten)]
        place: Place,
    },
    /// List the keys: id, user, first characters, scopes, state, end, last use, name
    List {
        /// Only this user's
        #[arg(long)]
        user: Option<i64>,
        #[command(flatten)]
        place: Place,
    },
}

impl Key {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Create { user: user_id, scope, name, days, place } => {
                let (name, expires_at) = (name.unwrap_or_default(), days.map(after));
                let request = CreateKeyRequest { user_id, scope, name, expires_at };
                let answer = place.open(console).await?.create_key(request).await?.into_inner();
                place.print(console, &answer, |answer| Ok(answer.secret.clone()))?;
            }
            Self::Revoke { id, place } => {
                let answer = place.open(console).await?.revoke_key(RevokeKeyRequest { id }).await?.into_inner();
                place.print(console, &held(answer.key, "key")?, |_| Ok("revoked".to_owned()))?;
            }
            Self::Expire { id, days, at, place } => {
                let request = ExpireKeyRequest { id, expires_at: at.or(days.map(after)) };
                let answer = place.open(console).await?.expire_key(request).await?.into_inner();
                place.print(console, &held(answer.key, "key")?, |key| {
                    Ok(format!("ends {}", exactly(key.expires_at.as_ref())))
                })?;
            }
            Self::List { user: user_id, place } => {
                let mut admin = place.open(console).await?;
                let ask = async |page_size, page_token| {
                    let request = ListKeysRequest { page_size, page_token, user_id };
                    let page = admin.list_keys(request).await?.into_inner();
                    Ok((page.keys, page.next_page_token))
                };
                let print = |console: &mut Console<'_>, key: &ApiKey| Ok(writeln!(console.out, "{}", line(key))?);
                return Pages { limit: None, json: place.json() }.show(console, ask, print).await;
            }
        }
        Ok(Exit::Success)
    }
}

/// The time in so many days.
fn after(days: u16) -> Timestamp {
    let at = Clock::system().now() + SignedDuration::from_hours(24 * i64::from(days));
    Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

fn line(key: &ApiKey) -> String {
    let state = short(key.state().as_str_name(), "KEY_STATE_").to_lowercase();
    let (ends, used) = (exactly(key.expires_at.as_ref()), exactly(key.used_at.as_ref()));
    let (id, owner, hint, scope, name) = (key.id, key.user_id, plain(&key.hint), plain(&key.scope), or_none(&key.name));
    format!("{id}\t{owner}\t{hint}…\t{scope}\t{state}\t{ends}\t{used}\t{}", plain(name))
}
