//! `send`: one message.

use jiff::SignedDuration;
use pbjson_types::{Duration, Timestamp};

use super::connection::Connection;
use super::failure::Failure;
use super::output::{self, held, rows};
use super::{Console, Exit};
use crate::proto::{DeliveryGuarantee, SendSingleRequest};

/// By how many seconds the clocks of two machines may differ.
const CLOCKS_DIFFER: i64 = 60;

/// Send one message.
#[derive(clap::Args)]
pub struct Send {
    #[command(flatten)]
    connection: Connection,
    /// The recipient's number with its country code, for example +306900000001
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// The text, at most 20 segments; - reads standard input
    #[arg(long, allow_hyphen_values = true)]
    text: String,
    /// The sender ID: 3–11 letters and digits, or E.164; else the user's, else the service's
    #[arg(long)]
    sender: Option<String>,
    /// The route account that sends it; else the service's
    #[arg(long, value_name = "ID")]
    traffic_account: Option<String>,
    /// The campaign that the message is counted in
    #[arg(long, value_name = "ID")]
    campaign: Option<i64>,
    /// A key that makes the command repeatable
    ///
    /// Up to 255 printable ASCII characters. Whoever runs the command again within 7 days with the same key and
    /// content gets the same message in its state of now, and no second SMS. WITHOUT A KEY EVERY RUN SENDS A NEW SMS:
    /// give one wherever a script might try again.
    #[arg(long)]
    key: Option<String>,
    /// Never send it twice, even if the provider's answer is lost; the status may then stay UNKNOWN
    #[arg(long)]
    at_most_once: bool,
    /// Check and count everything, store and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Send it not before this time, for example 2027-01-31T09:00:00+02:00
    #[arg(long, value_name = "RFC3339", value_parser = moment_to_come)]
    at: Option<Timestamp>,
    /// How long it is worth sending, 1 minute to 7 days, for example 90s, 30m, 12h or 2d; else the service's default
    #[arg(long, value_name = "DURATION", value_parser = span)]
    validity: Option<Duration>,
    /// Your own tag of it, an order's number for example: at most 128 characters
    #[arg(long)]
    reference: Option<String>,
    /// Your own pairs, such as --metadata shop=athens; may be given up to 16 times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// Cancel older messages to the same number with the same key that still wait, as a new one-time code does: up to 255 printable
    /// ASCII characters
    #[arg(long, value_name = "KEY")]
    supersede_key: Option<String>,
    /// The user to send for, if it is not the caller; needs scope act-as
    #[arg(long, value_name = "ID")]
    user: Option<i64>,
}

impl Send {
    pub(super) async fn run(mut self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let json = self.connection.json;
        if self.text == "-" {
            self.text = piped(console)?;
        }
        let mut client = self.connection.open(console.env).await?.messages();
        let answer = client.send_single(self.request()).await?.into_inner();
        if json {
            output::json(console.out, &answer)?;
            return Ok(Exit::Success);
        }
        let message = held(answer.message, "message")?;
        if message.id.is_empty() {
            rows(console.out, &[("dry run", "nothing was stored or sent".to_owned())])?;
            if !answer.forcing_characters.is_empty() {
                rows(console.out, &[("forced by", answer.forcing_characters.join(" "))])?;
            }
        }
        output::message(console.out, &message)?;
        Ok(Exit::Success)
    }

    fn request(self) -> SendSingleRequest {
        let guarantee = if self.at_most_once { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::Unspecified };
        SendSingleRequest {
            destination: self.to,
            text: self.text,
            sender: self.sender,
            user_id: self.user,
            campaign_id: self.campaign,
            traffic_account_id: self.traffic_account,
            idempotency_key: self.key.unwrap_or_default(),
            delivery_guarantee: guarantee.into(),
            dry_run: self.dry_run,
            scheduled_at: self.at,
            validity: self.validity,
            reference: self.reference,
            metadata: self.metadata.into_iter().collect(),
            supersede_key: self.supersede_key,
        }
    }
}

/// A text from standard input, without the line's end that editors and `echo` put behind it.
fn piped(console: &mut Console<'_>) -> Result<String, Failure> {
    let mut text = String::new();
    let read = console.input.read_to_string(&mut text);
    read.map_err(|e| Failure::Usage(format!("--text: cannot read standard input: {e}")))?;
    let whole = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(whole.to_owned())
}

/// A pair of metadata.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("is no pair, such as shop=athens")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A point in time, as RFC 3339 with its offset.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    let at: jiff::Timestamp =
        text.parse().map_err(|_| "is not a time with its offset, such as 2027-01-31T09:00:00+02:00".to_owned())?;
    Ok(Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() })
}

/// A point in time that is not over, but for what the clocks of two machines may differ: what is over would be sent at once.
pub(super) fn moment_to_come(text: &str) -> Result<Timestamp, String> {
    let at = moment(text)?;
    let now = crate::clock::Clock::system().now();
    if at.seconds.saturating_add(CLOCKS_DIFFER) < now.as_second() {
        return Err("is over: leave it out to send at once".to_owned());
    }
    Ok(at)
}

/// A length of time: a number with its unit, or several (`1h 30m`). A day has 24 hours.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let unreadable = || "is not a length of time, such as 90s, 30m, 12h or 2d".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| unreadable())?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let length: SignedDuration = span.to_duration(days).map_err(|_| unreadable())?;
    Ok(Duration { seconds: length.as_secs(), nanos: length.subsec_nanos() })
}
