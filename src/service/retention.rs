//! Retention: what is older than it is to be kept is erased, a page at a time, by whichever replica comes first.

use crate::domain::retention::Retention;
use crate::error::Error;
use crate::metrics::ErasedKind;
use crate::service::Service;
use crate::store::{Chore, Erased};

/// How many rows one transaction takes at most: on SQLite nothing else is written meanwhile.
const PAGE: i64 = 500;

impl Service {
    /// Does one page of every chore whose time has come. True if there is more to do now.
    pub async fn erase_old(&self) -> Result<bool, Error> {
        let Retention { texts, rows } = self.inner.settings.retention;
        // Reports and the like hold numbers: they go when those go, or with the messages.
        let chores = [
            (Chore::Texts, texts),
            (Chore::TextsLeft, texts),
            (Chore::Rows, rows),
            (Chore::RowsLeft, rows),
            (Chore::Bodies, texts.or(rows)),
        ];
        let mut more = false;
        for (chore, days) in chores {
            let Some(days) = days else { continue };
            if self.inner.lifecycle.is_stopping() {
                return Ok(false);
            }
            let before = Retention::before(days, self.inner.clock.now());
            let Some(erased) = self.inner.store.tidy(chore, before, PAGE).await? else { continue };
            self.count_erased(erased);
            more |= erased.more;
        }
        Ok(more)
    }

    fn count_erased(&self, erased: Erased) {
        let counts = [
            (ErasedKind::Text, erased.texts),
            (ErasedKind::Message, erased.rows),
            (ErasedKind::Report, erased.reports),
            (ErasedKind::Inbound, erased.inbound),
            (ErasedKind::OptOut, erased.opt_outs),
            (ErasedKind::Campaign, erased.campaigns),
        ];
        for (what, n) in counts {
            self.inner.metrics.erased(what, n);
        }
    }
}
