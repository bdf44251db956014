//! The pages of a list: what a caller asks for, and where the next one begins.

use crate::domain::page::{self, Invalid};
use crate::error::Violation;

/// One page of the list that `filters` describes.
pub(super) struct Paging {
    filters: String,
    size: i64,
}

impl Paging {
    /// The page that a caller asks for, and the place that it begins behind, read by `open`; what is wrong is kept in `violations`.
    pub(super) fn read<P>(
        filters: String,
        (page_size, page_token): (i32, &str),
        open: impl FnOnce(&str, &str) -> Result<P, Invalid>,
        violations: &mut Vec<Violation>,
    ) -> (Self, Option<P>) {
        let size = page::size(page_size).unwrap_or_else(|| {
            violations.push(Violation::new("page_size", "must not be negative"));
            0
        });
        let token = Some(page_token).filter(|token| !token.is_empty());
        let place = token.map(|token| open(&filters, token)).transpose().unwrap_or_else(|e| {
            violations.push(Violation::new("page_token", e));
            None
        });
        (Self { filters, size }, place)
    }

    /// How many records to read: one more than the page holds tells whether there is another one.
    pub(super) fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Cuts what was read to the page. Returns the token of the next one, which begins behind the `place` of the last record; empty
    /// on the last page.
    pub(super) fn cut<T>(&self, records: &mut Vec<T>, place: impl FnOnce(&T) -> Vec<u8>) -> String {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let more = records.len() > size;
        records.truncate(size);
        let last = records.last().filter(|_| more);
        last.map_or_else(String::new, |last| page::seal(&self.filters, &place(last)))
    }
}
