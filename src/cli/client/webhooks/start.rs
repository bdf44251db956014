//! `webhooks enable`: where an endpoint goes on.

use pbjson_types::Timestamp;

use super::{Named, Opened, told};
use crate::cli::client::failure::Failure;
use crate::cli::client::send::moment;
use crate::cli::client::{Console, Exit};
use crate::proto::EnableEndpointRequest;
use crate::proto::enable_endpoint_request::Start;

/// The endpoint to enable, and where it goes on.
#[derive(clap::Args)]
pub struct Enable {
    #[command(flatten)]
    named: Named,
    /// Go on with what happens from now on; what it had not taken is forgotten
    #[arg(long, group = "start")]
    from_now: bool,
    /// Go on with what happened from this time on, at most seven days ago; what it had not taken is forgotten
    #[arg(long, value_name = "RFC3339", value_parser = moment, group = "start")]
    from: Option<Timestamp>,
    /// Go on after this token, of an endpoint or of `messaging watch`; what it had not taken is forgotten
    #[arg(long, allow_hyphen_values = true, value_name = "TOKEN", group = "start")]
    resume_token: Option<String>,
}

impl Enable {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let start = match (self.from_now, self.from, self.resume_token) {
            (true, _, _) => Some(Start::FromNow(true)),
            (_, Some(at), _) => Some(Start::FromTime(at)),
            (_, _, token) => token.map(Start::ResumeToken),
        };
        let Opened { mut client, id, owner_id, json } = self.named.open(console).await?;
        let answer = client.enable_endpoint(EnableEndpointRequest { id, start, owner_id }).await?.into_inner();
        told(answer.endpoint, json, console)
    }
}
