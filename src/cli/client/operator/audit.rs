//! `messaging audit`: who changed what others may do or what is sent.

use super::place::Place;
use super::{exactly, shown};
use crate::cli::client::failure::Failure;
use crate::cli::client::output::short;
use crate::cli::client::pages::Pages;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit};
use crate::proto::{AuditEvent, ListAuditEventsRequest};

/// List acts, newest first: number, when, who, what, whose, about what
#[derive(clap::Args)]
pub struct Audit {
    /// Only about this user's things
    #[arg(long)]
    user: Option<i64>,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on after this number
    #[arg(long)]
    before: Option<i64>,
    #[command(flatten)]
    place: Place,
}

impl Audit {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut admin = self.place.open(console).await?;
        let (owner_id, before_id) = (self.user, self.before);
        let ask = async |page_size, page_token| {
            let request = ListAuditEventsRequest { page_size, page_token, owner_id, act: 0, before_id };
            let page = admin.list_audit_events(request).await?.into_inner();
            Ok((page.audit_events, page.next_page_token))
        };
        let print = |console: &mut Console<'_>, event: &AuditEvent| Ok(writeln!(console.out, "{}", line(event))?);
        Pages { limit: Some(self.limit), json: self.place.json() }.show(console, ask, print).await
    }
}

fn line(event: &AuditEvent) -> String {
    let act = match short(event.act().as_str_name(), "AUDIT_ACT_") {
        "" => "unknown".to_owned(),
        act => act.to_lowercase(),
    };
    let (id, at, actor, owner) = (event.id, exactly(event.at.as_ref()), plain(&event.actor), shown(event.owner_id));
    format!("{id}\t{at}\t{actor}\t{act}\t{owner}\t{}", plain(&event.subject))
}
