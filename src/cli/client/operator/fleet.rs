//! `messaging replicas`, `retention` and `replay-reports`: what goes on in the background.

use sha2::{Digest as _, Sha256};

use super::place::{Admin, Place};
use super::{exactly, or_none, shown};
use crate::cli::client::failure::Failure;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit, output};
use crate::proto::{GetRetentionRequest, ListReplicasRequest, ReplayReportsRequest, ReplayReportsResponse};

/// List the processes that serve: id, release, since when, when last seen, what they have in flight.
#[derive(clap::Args)]
pub struct Replicas {
    #[command(flatten)]
    place: Place,
}

/// Tell how far erasing what is old has come: what, when it goes on, whether that is now, behind which message.
#[derive(clap::Args)]
pub struct Retention {
    #[command(flatten)]
    place: Place,
}

/// Read all delivery reports again, and tell which messages' states lack something that was reported.
#[derive(clap::Args)]
pub struct Replay {
    /// Mend the records that lack something; without it they are only counted
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    place: Place,
}

impl Replicas {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let answer = self.place.open(console).await?.list_replicas(ListReplicasRequest {}).await?.into_inner();
        for one in answer.replicas {
            if self.place.json() {
                output::json(console.out, &one)?;
                continue;
            }
            let (id, version, flight) = (plain(&one.id), plain(or_none(&one.version)), shown(one.in_flight));
            let (since, seen) = (exactly(one.started_at.as_ref()), exactly(one.seen_at.as_ref()));
            writeln!(console.out, "{id}\t{version}\t{since}\t{seen}\t{flight}")?;
        }
        Ok(Exit::Success)
    }
}

impl Retention {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let answer = self.place.open(console).await?.get_retention(GetRetentionRequest {}).await?.into_inner();
        for one in answer.chores {
            if self.place.json() {
                output::json(console.out, &one)?;
                continue;
            }
            let due = match one.due_at {
                None => "-",
                Some(_) if one.due => "now",
                Some(_) => "later",
            };
            let name = plain(&one.name);
            let (at, after) = (exactly(one.due_at.as_ref()), plain(or_none(&one.after_id)));
            writeln!(console.out, "{name}\t{at}\t{due}\t{after}")?;
        }
        Ok(Exit::Success)
    }
}

/// How all messages stand.
#[derive(Default)]
struct Sum {
    messages: i64,
    statements: i64,
    differing: i64,
    digest: Sha256,
}

impl Sum {
    fn add(&mut self, page: &ReplayReportsResponse) -> Result<(), Failure> {
        self.messages += page.messages;
        self.statements += page.statements;
        self.differing += page.differing;
        let byte = |at: usize| page.digest.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let digest: Option<Vec<u8>> = (0..32).map(|at| byte(2 * at)).collect();
        self.digest.update(digest.ok_or_else(|| Failure::Answer("it holds no digest".to_owned()))?);
        Ok(())
    }

    fn print(self, console: &mut Console<'_>) -> Result<String, Failure> {
        let digest = self.digest.finalize().iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
        let (messages, statements, differing) = (self.messages, self.statements, self.differing);
        writeln!(console.out, "{messages} messages, {statements} statements, {differing} differ")?;
        Ok(digest)
    }
}

impl Replay {
    /// Counts first, in any case; then mends, and counts again.
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        let mut admin = self.place.open(console).await?;
        let should_be = replay(&mut admin, false).await?.print(console)?;
        if !self.apply {
            writeln!(console.out, "digest {should_be}")?;
            return Ok(Exit::Success);
        }
        replay(&mut admin, true).await?;
        let is = replay(&mut admin, false).await?;
        let differing = is.differing;
        let digest = is.print(console)?;
        writeln!(console.out, "digest {digest}")?;
        if differing > 0 {
            return Err(Failure::Undone("messages were reported on meanwhile; run it once more".to_owned()));
        }
        Ok(Exit::Success)
    }
}

/// Goes through all messages, and mends them if wanted.
async fn replay(admin: &mut Admin, apply: bool) -> Result<Sum, Failure> {
    let (mut sum, mut page_token) = (Sum::default(), String::new());
    loop {
        let page = admin.replay_reports(ReplayReportsRequest { page_token, apply }).await?.into_inner();
        if page.next_page_token.is_empty() {
            return Ok(sum);
        }
        sum.add(&page)?;
        page_token = page.next_page_token;
    }
}
