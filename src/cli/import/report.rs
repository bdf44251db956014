//! The count at the end: what was there, what was taken, and whether that adds up.

use std::io::Write;

use crate::cli::Failure;
use crate::legacy::Table;
use crate::store::Differing;

/// The results for a table's rows.
#[derive(Default)]
pub(super) struct Count {
    /// How many there are.
    pub rows: i64,
    /// Taken by this run, or, in a dry run, to be taken.
    pub imported: i64,
    /// Taken before.
    pub known: i64,
    /// Left, each named with the reason.
    pub skipped: i64,
    /// How many pages were read.
    pub pages: u64,
}

impl Count {
    /// Adds a page: rows that can be taken, those of them that are new, and those that were left.
    pub(super) fn page(&mut self, fit: usize, new: usize, skipped: usize) {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.imported += number(new);
        self.known += number(fit.saturating_sub(new));
        self.skipped += number(skipped);
        self.pages += 1;
    }

    fn adds_up(&self) -> bool {
        self.rows == self.imported + self.known + self.skipped
    }
}

/// Prints the table of counts.
pub(super) fn table(counts: &[(Table, Count)], dry: bool, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let imported = if dry { "to import" } else { "imported" };
    let head = format!("{:<16}{:>12}{imported:>12}{:>14}{:>12}", "table", "rows", "known before", "skipped");
    writeln!(out, "{head}").map_err(Failure::other)?;
    for (table, c) in counts {
        let row = format!("{:<16}{:>12}{:>12}{:>14}{:>12}", table.name(), c.rows, c.imported, c.known, c.skipped);
        writeln!(out, "{row}").map_err(Failure::other)?;
    }
    Ok(())
}

/// Prints how the campaigns' counters stand; an error if one is wrong.
pub(super) fn counters(differing: &[Differing], out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    for d in differing {
        let status = d.status.map_or("other", |status| status.name());
        let (campaign, messages, counted) = (d.campaign, d.messages, d.counted);
        writeln!(out, "campaign {campaign}: {messages} messages are {status}, its counter says {counted}")
            .map_err(Failure::other)?;
    }
    if differing.is_empty() {
        return writeln!(out, "every counter of the imported campaigns is the number of their messages")
            .map_err(Failure::other);
    }
    Err(Failure::Other("counters of imported campaigns are not the number of their messages".to_owned()))
}

/// An error if rows are missing.
pub(super) fn verdict(counts: &[(Table, Count)]) -> Result<(), Failure> {
    let wrong: Vec<&str> = counts.iter().filter(|(_, count)| !count.adds_up()).map(|(table, _)| table.name()).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::Other(format!("the counts of {} do not add up; run it once more", wrong.join(", "))))
}
