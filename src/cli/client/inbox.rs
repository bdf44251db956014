//! `inbox`: what recipients wrote, and write.

use std::io::Write;

use pbjson_types::Timestamp;

use super::connection::Connection;
use super::failure::Failure;
use super::follow::{Told, follow};
use super::output::{self, short, time};
use super::pages::Pages;
use super::send::moment;
use super::text::plain;
use super::{Console, Exit};
use crate::proto::{InboundMessage, InboundVerdict, ListInboundRequest, WatchInboundRequest, WatchInboundResponse};

/// List what recipients wrote, or follow what they write.
#[derive(clap::Args)]
pub struct Inbox {
    #[command(flatten)]
    connection: Connection,
    /// Only messages of this number
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// Only messages with this verdict: stop, start, perhaps-stop or other
    #[arg(long, value_parser = verdict)]
    verdict: Option<InboundVerdict>,
    /// Only messages that came at this time or later, for example 2027-01-31T09:00:00+02:00
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    after: Option<Timestamp>,
    /// Only messages that came before this time
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    before: Option<Timestamp>,
    /// How many at most; all unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Print what comes from now on as it comes, until Ctrl-C; its last token goes to standard error
    #[arg(long, conflicts_with_all = ["after", "before", "limit"])]
    follow: bool,
    /// Go on after this token of an earlier `--follow`
    #[arg(long, allow_hyphen_values = true, value_name = "TOKEN", requires = "follow")]
    resume_token: Option<String>,
}

impl Inbox {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut client = self.connection.open(console.env).await?.inbound();
        if self.follow {
            let request = WatchInboundRequest {
                number: self.from.unwrap_or_default(),
                verdict: self.verdict.unwrap_or_default().into(),
                ..WatchInboundRequest::default()
            };
            let open = async |resume_token| {
                client.watch_inbound(WatchInboundRequest { resume_token, ..request.clone() }).await
            };
            return follow(console, self.connection.json, self.resume_token.unwrap_or_default(), open).await;
        }
        let mut request = ListInboundRequest {
            number: self.from.unwrap_or_default(),
            verdict: self.verdict.unwrap_or_default().into(),
            received_after: self.after,
            received_before: self.before,
            ..ListInboundRequest::default()
        };
        let pages = Pages { limit: self.limit, json: self.connection.json };
        let ask = async |page_size, page_token| {
            (request.page_size, request.page_token) = (page_size, page_token);
            let page = client.list_inbound(request.clone()).await?.into_inner();
            Ok((page.messages, page.next_page_token))
        };
        pages.show(console, ask, line).await
    }
}

/// One message on one line: when it came, what it asks for and did, who wrote, and its text.
fn line(console: &mut Console<'_>, message: &InboundMessage) -> Result<(), Failure> {
    print(&mut *console.out, message)
}

fn print(out: &mut dyn Write, message: &InboundMessage) -> Result<(), Failure> {
    let line = format!(
        "{:<36}  {:<20}  {:<12}  {:<17}  {:<16}  {}",
        plain(&message.id),
        time(message.received_at.as_ref()),
        short(message.verdict().as_str_name(), "INBOUND_VERDICT_"),
        short(message.effect().as_str_name(), "INBOUND_EFFECT_"),
        plain(&message.number),
        plain(&message.text),
    );
    Ok(writeln!(out, "{}", line.trim_end())?)
}

impl Told for WatchInboundResponse {
    fn token(&self) -> &str {
        &self.resume_token
    }

    fn show(&self, out: &mut dyn Write) -> Result<(), Failure> {
        self.message.as_ref().map_or(Ok(()), |message| print(out, message))
    }

    fn json(&self, out: &mut dyn Write) -> Result<(), Failure> {
        output::json(out, self)
    }
}

fn verdict(text: &str) -> Result<InboundVerdict, String> {
    let name = format!("INBOUND_VERDICT_{}", text.to_ascii_uppercase().replace('-', "_"));
    InboundVerdict::from_str_name(&name)
        .filter(|verdict| *verdict != InboundVerdict::Unspecified)
        .ok_or_else(|| "is none of stop, start, perhaps-stop, other".to_owned())
}
