//! Contacts of the old system that want no messages: numbers on their users' lists, taken once, so that whoever came off a
//! list since stays off it.

use super::{ImportRow, OldKind, remember, taken};
use crate::store::transaction::transact;
use crate::store::{Error, NewOptOut, Store};

impl Store {
    /// Takes contacts over, each with its id there. Returns how many of them were not taken before.
    pub async fn import_opt_outs(&self, old: Vec<(i64, NewOptOut)>) -> Result<usize, Error> {
        let keyed = self.keyed.clone();
        transact!(&self.transactions, |tx| {
            let before = taken(tx, OldKind::Contact, old.iter().map(|(id, _)| *id).collect()).await?;
            let mut rows = Vec::new();
            for (id, entry) in old.iter().filter(|(id, _)| !before.contains(id)) {
                entry.put(tx, &keyed).await?;
                rows.push(ImportRow::of(OldKind::Contact, *id, entry.owner.0));
            }
            let new = rows.len();
            remember(tx, rows).await?;
            Ok(new)
        })
    }
}
