//! The pages of a list: what a caller asks for, and where the next one begins.

use crate::auth::seals::{Invalid, Seal};
use crate::domain::page;
use crate::error::Violation;
use crate::service::Service;

/// The bytes of a page at most: clients take four megabytes unless they are told otherwise.
const LARGEST: usize = 3_500_000;

/// One page of a list.
pub(super) struct Paging {
    seal: Seal,
    size: i64,
}

impl Service {
    /// The page that a caller asks for of the list that `filters` describes, and the place that it begins behind, as `place` reads
    /// it; what is wrong is kept in `violations`.
    pub(super) fn page<P>(
        &self,
        filters: String,
        (page_size, page_token): (i32, &str),
        place: impl FnOnce(&[u8]) -> Option<P>,
        violations: &mut Vec<Violation>,
    ) -> (Paging, Option<P>) {
        Paging::asked(self.seal(filters), (page_size, page_token), place, violations)
    }

    /// The tokens of the list or stream of this name.
    pub(super) fn seal(&self, name: String) -> Seal {
        Seal::new(self.inner.tokens.signatures(), name)
    }
}

impl Paging {
    /// The page that a caller asks for of the list whose tokens this seals, and the place that it begins behind; what is wrong is kept
    /// in `violations`.
    pub(super) fn asked<P>(
        seal: Seal,
        (page_size, page_token): (i32, &str),
        place: impl FnOnce(&[u8]) -> Option<P>,
        violations: &mut Vec<Violation>,
    ) -> (Self, Option<P>) {
        let size = page::size(page_size).unwrap_or_else(|| {
            violations.push(Violation::new("page_size", "must not be negative"));
            0
        });
        let open = |token| place(&seal.open(token)?).ok_or(Invalid);
        let token = Some(page_token).filter(|token| !token.is_empty());
        let place = token.map(open).transpose().unwrap_or_else(|e| {
            violations.push(Violation::new("page_token", e));
            None
        });
        (Self { seal, size }, place)
    }

    /// How many records to read: one more than the page holds tells whether there is another one.
    pub(super) fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Cuts what was read to the page. Returns the token of the next one, which begins behind the `place` of the last record; empty
    /// on the last page.
    pub(super) fn cut<T>(&self, records: &mut Vec<T>, place: impl FnOnce(&T) -> Vec<u8>) -> String {
        self.cut_by(records, |_| 0, place)
    }

    /// The same, and the page ends before it is larger than clients take. `bytes` says how large a record is at most.
    pub(super) fn cut_by<T>(
        &self,
        records: &mut Vec<T>,
        bytes: impl Fn(&T) -> usize,
        place: impl FnOnce(&T) -> Vec<u8>,
    ) -> String {
        let (read, mut all) = (records.len(), 0_usize);
        let fits = records.iter().take_while(|record| {
            all = all.saturating_add(bytes(record));
            all <= LARGEST
        });
        // A page without a record would have no next one.
        let fits = fits.count().max(1);
        records.truncate(fits.min(usize::try_from(self.size).unwrap_or(usize::MAX)));
        let last = records.last().filter(|_| read > records.len());
        last.map_or_else(String::new, |last| self.token(&place(last)))
    }

    /// The token of a page that begins behind this place.
    pub(super) fn token(&self, place: &[u8]) -> String {
        self.seal.seal(place)
    }
}
