//! The address of a link to the console, for the command that prints one and for `serve --sandbox`.

use rand::RngExt as _;

use crate::auth::tokens::Tokens;
use crate::cli::Failure;
use crate::clock::Clock;
use crate::domain::ids::OwnerId;
use crate::service::console_link;

/// A link for this user, from now on.
pub(super) fn link(tokens: &Tokens, origin: &str, user: OwnerId, scope: &str) -> Result<String, Failure> {
    let link = console_link(tokens, (user, scope), Clock::system().now(), rand::rng().random());
    let link = link.map_err(|e| Failure::other(e.message()))?;
    Ok(format!("{}/console/link/{link}", origin.trim_end_matches('/')))
}
