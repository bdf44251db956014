//! `campaign watch`: the counters as they change, until the campaign is over.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tonic::{Status, Streaming};

use super::super::connection::Campaigns;
use super::super::failure::Failure;
use super::super::output::{self, held, short};
use super::super::refresh::was_cut;
use super::super::{Console, Exit};
use crate::proto::{CampaignStats, WatchCampaignRequest, WatchCampaignResponse};

/// Watches to the end, and goes on by itself where the stream is cut.
pub(super) async fn run(
    mut client: Campaigns,
    campaign_id: i64,
    json: bool,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut watch = Watch { bar: progress(console.progress), drawn: console.progress, json, last: None };
    let mut attempt = 0;
    loop {
        let cut = match client.watch_campaign(WatchCampaignRequest { campaign_id }).await {
            Ok(stream) => match watch.read(stream.into_inner(), &mut attempt, console).await? {
                None => break,
                Some(cut) => cut,
            },
            Err(status) => status,
        };
        attempt += 1;
        if !was_cut(&cut) {
            return Err(cut.into());
        }
        match console.patience.before(attempt, Some(&cut), rand::random()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(cut.into()),
        }
    }
    watch.bar.finish_and_clear();
    let last = held(watch.last.take(), "counters")?;
    if !json {
        super::count(console.out, &held(last.stats, "stats")?)?;
    }
    Ok(Exit::Success)
}

struct Watch {
    bar: ProgressBar,
    drawn: bool,
    json: bool,
    last: Option<WatchCampaignResponse>,
}

impl Watch {
    /// Reads one stream. Returns what cut it, if it did not end as it should.
    async fn read(
        &mut self,
        mut stream: Streaming<WatchCampaignResponse>,
        attempt: &mut u32,
        console: &mut Console<'_>,
    ) -> Result<Option<Status>, Failure> {
        loop {
            let now = match stream.message().await {
                Ok(Some(now)) => now,
                Ok(None) => return Ok(None),
                Err(status) => return Ok(Some(status)),
            };
            *attempt = 0;
            self.print(&now, console)?;
            self.last = Some(now);
        }
    }

    /// A line of JSON; or the bar where there is a terminal, else a line for people.
    fn print(&self, now: &WatchCampaignResponse, console: &mut Console<'_>) -> Result<(), Failure> {
        let Some(counted) = &now.stats else { return Ok(()) };
        let state = short(now.state().as_str_name(), "CAMPAIGN_STATE_");
        self.bar.set_length(u64::try_from(counted.total).unwrap_or(0));
        self.bar.set_position(u64::try_from(counted.total - counted.queued).unwrap_or(0));
        self.bar.set_message(format!("{state}  {}", counters(counted)));
        if self.json {
            self.bar.suspend(|| output::json(console.out, now))
        } else if self.drawn {
            Ok(())
        } else {
            let (done, total) = (counted.total - counted.queued, counted.total);
            Ok(writeln!(console.out, "{state}  {done} of {total}  {}", counters(counted))?)
        }
    }
}

impl Drop for Watch {
    /// The counters, or an error, stand where the bar was.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn counters(s: &CampaignStats) -> String {
    let all = [
        ("sent", s.sent),
        ("delivered", s.delivered),
        ("failed", s.failed),
        ("unknown", s.unknown),
        ("cancelled", s.cancelled),
    ];
    let some: Vec<String> = all.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    some.join("  ")
}

fn progress(drawn: bool) -> ProgressBar {
    let target = if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}");
    ProgressBar::with_draw_target(Some(0), target).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
