//! `messaging opt-out`: the numbers that do not want a user's messages, one by one and as files.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use pbjson_types::Timestamp;

use super::exactly;
use super::place::{Admin, Place};
use crate::cli::client::failure::Failure;
use crate::cli::client::pages::Pages;
use crate::cli::client::text::plain;
use crate::cli::client::{Console, Exit};
use crate::proto::{
    ExportOptOutsRequest, GivenOptOut, ImportOptOutsRequest, OptOut as Listed, OptOutSource, RetractOptOutRequest,
};

/// Commands on the numbers that do not want a user's messages.
#[derive(clap::Subcommand)]
pub enum OptOut {
    /// Put a number on a user's list: nothing more is sent to it for this user
    Add(Entry),
    /// Put the numbers of a file on a user's list, one on each line; `-` reads standard input. What is there already stays.
    /// Takes what `export` and `list` print, with who put a number there and when
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        whose: Whose,
    },
    /// Print a user's list as CSV, for `import`: number, who put it there, when. Erased numbers are left out and counted
    Export(Whose),
    /// Take a number off a user's list
    Remove(Entry),
    /// List the numbers on a user's list, with who put them there and when
    List(Whose),
}

/// One number of a list.
#[derive(clap::Args)]
pub struct Entry {
    /// The number
    number: String,
    #[command(flatten)]
    whose: Whose,
}

/// Whose list a command is about.
#[derive(clap::Args)]
pub struct Whose {
    /// Whose list
    #[arg(long)]
    user: i64,
    #[command(flatten)]
    place: Place,
}

/// How many numbers one call puts on a list.
const AT_ONCE: usize = 500;
/// The first line of an export.
const HEAD: &str = "number,source,created_at";

impl OptOut {
    pub(super) async fn run(self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Add(Entry { number, whose }) => {
                let mut admin = whose.place.open(console).await?;
                let entry = GivenOptOut { destination: number, ..GivenOptOut::default() };
                let request = ImportOptOutsRequest { owner_id: whose.user, opt_outs: vec![entry] };
                let answer = admin.import_opt_outs(request).await?.into_inner();
                if let Some(invalid) = answer.invalid.first() {
                    return Err(Failure::Usage(format!("<NUMBER> {}", invalid.reason)));
                }
                whose.place.print(console, &answer, |answer| {
                    Ok(if answer.added == 1 { "added" } else { "it was there already" }.to_owned())
                })?;
                Ok(Exit::Success)
            }
            Self::Import { file, whose } => import(&file, &whose, console).await,
            Self::Export(whose) => export(&whose, console).await,
            Self::Remove(Entry { number: destination, whose }) => {
                let request = RetractOptOutRequest { owner_id: whose.user, destination };
                let answer = whose.place.open(console).await?.retract_opt_out(request).await?.into_inner();
                if !answer.removed {
                    return Err(Failure::Undone("the number is not on the list".to_owned()));
                }
                whose.place.print(console, &answer, |_| Ok("removed".to_owned()))?;
                Ok(Exit::Success)
            }
            Self::List(whose) => list(&whose, console).await,
        }
    }
}

async fn list(whose: &Whose, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut admin = whose.place.open(console).await?;
    let ask = async |page_size, page_token| {
        let request = ExportOptOutsRequest { owner_id: whose.user, page_size, page_token };
        let page = admin.export_opt_outs(request).await?.into_inner();
        Ok((page.opt_outs, page.next_page_token))
    };
    let line = |console: &mut Console<'_>, entry: &Listed| {
        let (number, at) = (plain(&entry.destination), exactly(entry.created_at.as_ref()));
        Ok(writeln!(console.out, "{number}\t{}\t{at}", source(entry))?)
    };
    Pages { limit: None, json: whose.place.json() }.show(console, ask, line).await
}

fn source(entry: &Listed) -> &'static str {
    match entry.source() {
        OptOutSource::Recipient => "recipient",
        OptOutSource::Unspecified | OptOutSource::Owner => "owner",
    }
}

async fn export(whose: &Whose, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut admin = whose.place.open(console).await?;
    let (mut page_token, mut erased) = (String::new(), 0_usize);
    let mut head = Some(HEAD);
    loop {
        let request = ExportOptOutsRequest { owner_id: whose.user, page_size: 1000, page_token };
        let page = admin.export_opt_outs(request).await?.into_inner();
        // Not before the list could be read.
        if let Some(head) = head.take() {
            writeln!(console.out, "{head}")?;
        }
        for entry in page.opt_outs {
            // A pseudonym means something beside that database's key alone.
            if entry.destination.starts_with('~') {
                erased += 1;
                continue;
            }
            let at = exactly(entry.created_at.as_ref());
            writeln!(console.out, "{},{},{at}", plain(&entry.destination), source(&entry))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if erased > 0 {
        writeln!(console.err, "left out, because their numbers were erased: {erased}")?;
    }
    Ok(Exit::Success)
}

/// A line of a file: a number, and perhaps who put it on a list and when, as `list` and `export` print it. What cannot be read of it is
/// told by its column: a recipient's own wish must not become the owner's, or one of today, for a slip of the pen.
fn entry(line: &str) -> Result<GivenOptOut, &'static str> {
    let mut cells = line.split(['\t', ',', ';']).map(|cell| cell.trim().trim_matches('"'));
    let destination = cells.next().unwrap_or_default().to_owned();
    let source = match cells.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "owner" => OptOutSource::Owner,
        "recipient" => OptOutSource::Recipient,
        _ => return Err("source must be owner or recipient"),
    };
    let at = cells.next().filter(|at| !at.is_empty()).map(str::parse::<jiff::Timestamp>).transpose();
    let at = at.map_err(|_| "created_at must be a time, such as 2026-09-21T14:00:00Z")?;
    let created_at = at.map(|at| Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
    Ok(GivenOptOut { destination, source: source.into(), created_at })
}

/// The sum of an import.
#[derive(Default)]
struct Sum {
    added: i64,
    already: i64,
    wrong: usize,
}

/// Puts the numbers of a file on a list. A line that cannot be read is told by its place, and keeps no other from it.
async fn import(file: &Path, whose: &Whose, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut admin = whose.place.open(console).await?;
    let unreadable = |e: std::io::Error| Failure::Usage(format!("<FILE> cannot be read: {e}"));
    let text = if file == Path::new("-") {
        let mut text = String::new();
        console.input.read_to_string(&mut text).map_err(unreadable)?;
        Box::new(std::io::Cursor::new(text)) as Box<dyn Read>
    } else {
        Box::new(std::fs::File::open(file).map_err(unreadable)?)
    };
    let (mut sum, mut waiting) = (Sum::default(), Vec::new());
    for (place, line) in BufReader::new(text).lines().enumerate() {
        let line = line.map_err(unreadable)?;
        let line = line.trim_start_matches('\u{feff}').trim();
        let is_head = place == 0 && line.split([',', '\t', ';']).next().is_some_and(|cell| cell == "number");
        if line.is_empty() || is_head {
            continue;
        }
        waiting.push((place + 1, entry(line)));
        if waiting.len() >= AT_ONCE {
            sum.add(&mut admin, whose.user, std::mem::take(&mut waiting), console).await?;
        }
    }
    sum.add(&mut admin, whose.user, waiting, console).await?;
    writeln!(console.out, "added: {}; there already: {}", sum.added, sum.already)?;
    match sum.wrong {
        0 => Ok(Exit::Success),
        wrong => Err(Failure::Undone(format!("{wrong} lines were not taken"))),
    }
}

/// A line of a file, by its place: what it asks for, or why it cannot be read.
type Line = (usize, Result<GivenOptOut, &'static str>);

impl Sum {
    async fn add(
        &mut self,
        admin: &mut Admin,
        owner_id: i64,
        lines: Vec<Line>,
        console: &mut Console<'_>,
    ) -> Result<(), Failure> {
        let (mut places, mut opt_outs, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for (place, read) in lines {
            match read {
                Ok(entry) => {
                    places.push(place);
                    opt_outs.push(entry);
                }
                Err(why) => wrong.push((place, why)),
            }
        }
        if !opt_outs.is_empty() {
            let answer = admin.import_opt_outs(ImportOptOutsRequest { owner_id, opt_outs }).await?.into_inner();
            (self.added, self.already) = (self.added + answer.added, self.already + answer.already);
            for invalid in &answer.invalid {
                let place = usize::try_from(invalid.index).ok().and_then(|index| places.get(index));
                wrong.push((place.copied().unwrap_or_default(), "is no phone number"));
            }
        }
        wrong.sort_unstable();
        for (place, why) in &wrong {
            writeln!(console.out, "line {place}: {why}")?;
        }
        self.wrong += wrong.len();
        Ok(())
    }
}
