//! A list on the console, page by page.

use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::{Console, Exit};

/// The largest page to ask for.
const PAGE: u32 = 200;

/// How a list is shown.
pub(super) struct Pages {
    /// How many records at most; all of them unless told.
    pub limit: Option<u32>,
    /// Whether as JSON.
    pub json: bool,
}

impl Pages {
    /// Shows the records of one page after the other, by `line` or as JSON. `ask` is given a page's size and token, and returns its
    /// records and the token of the next one.
    pub(super) async fn show<T: Serialize>(
        &self,
        console: &mut Console<'_>,
        mut ask: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), Failure>,
        line: impl Fn(&mut Console<'_>, &T) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let (mut left, mut token) = (self.limit.unwrap_or(u32::MAX), String::new());
        loop {
            let (records, next) = ask(i32::try_from(left.min(PAGE)).unwrap_or(0), token).await?;
            for record in records {
                if self.json {
                    output::json(console.out, &record)?;
                } else {
                    line(console, &record)?;
                }
                left = left.saturating_sub(1);
                if left == 0 {
                    return Ok(Exit::Success);
                }
            }
            if next.is_empty() {
                return Ok(Exit::Success);
            }
            token = next;
        }
    }
}
