//! One batch of writes: a transaction that accepts messages, moves messages, and records both.

use crate::store::accept::{self, Accept, Accepted, Booked};
use crate::store::aside::Picked;
use crate::store::columns::Guid;
use crate::store::error::Failure;
use crate::store::opt_outs::OptedOut;
use crate::store::pseudonyms::Keyed;
use crate::store::transaction::Tx;
use crate::store::transition::{self, Job, Moved};
use crate::store::wake::{self, Topic};
use crate::store::writes::Writes;

/// The work of one transaction.
#[derive(Clone, Default)]
pub(super) struct Batch {
    pub accepts: Vec<Accept>,
    pub jobs: Vec<Job>,
    /// Messages that are left out of what is looked for.
    pub aside: Vec<Guid>,
    /// The messages that the jobs picked.
    pub picked: Picked,
}

/// The results of a batch, in the same order.
pub(super) struct Answers {
    /// Nothing for those whose owner's row another transaction has: they are to be asked with patience.
    pub accepts: Vec<Option<Accepted>>,
    pub jobs: Vec<Vec<Moved>>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.accepts.len() + self.jobs.len()
    }

    /// The batch's story.
    pub(super) async fn run(&self, tx: &mut Tx, keyed: &Keyed) -> Result<Answers, Failure> {
        let mut writes = Writes::default();
        // Whoever waits for a row has no key meanwhile: those that bring the same one would wait for it, too.
        let waited = accept::Waited::open(tx, keyed, &self.accepts).await?;
        let landed = accept::landed(tx, &self.accepts).await?;
        let verdicts = accept::claim_keys(tx, &self.accepts, landed).await?;
        let opted_out = OptedOut::among(tx, keyed, accept::recipients(&self.accepts)).await?;
        let mut booked = Booked::open(tx, keyed, &self.accepts, &verdicts, waited).await?;
        let accepts = accept::decide(&self.accepts, verdicts, &opted_out, &mut booked, tx.now, &mut writes);
        let queued = writes.queues();
        let loaded = transition::load(tx, &self.jobs, &self.aside).await?;
        let loaded = loaded.after(|id| booked.superseding.taken(id));
        self.picked.note(loaded.ids());
        let jobs = transition::decide(&self.jobs, loaded, tx, &mut writes)?;
        writes.flush(tx).await?;
        booked.book(tx).await?;
        if queued {
            wake::notify(tx, Topic::Queue).await?;
        }
        Ok(Answers { accepts, jobs })
    }
}
