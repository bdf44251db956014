//! Writing down what the holder of a message alone knows: until the database has it, for as long as the process lives, and in
//! the spool for when it does not.

use std::time::Duration;

use crate::domain::ids::MessageId;
use crate::domain::message::Lease;
use crate::domain::status::Event;
use crate::error::Error;
use crate::sender::Sender;
use crate::spool::{self, Entry};
use crate::store::{self, Halves, Job, Moved, Pick};

/// How long it is waited at most.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Whether a job says more than it must.
fn says_more(job: &Job) -> bool {
    matches!(&job.event, Event::Settle { outcome, .. } if *outcome != outcome.clone().least())
}

/// The job with the least that can be said.
fn least(mut job: Job) -> Job {
    if let Event::Settle { outcome, .. } = &mut job.event {
        *outcome = outcome.clone().least();
    }
    job
}

/// The waits for the database while some events are told.
struct Waits {
    first: Duration,
    next: Duration,
    any: bool,
}

impl Waits {
    fn new(first: Duration) -> Self {
        Self { first, next: first, any: false }
    }

    /// Notes that there is something to wait for. Returns whether it is the first time.
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.any, true)
    }

    /// Notes that the database is back.
    fn over(&mut self) {
        self.next = self.first;
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LAST_PAUSE);
    }
}

impl Sender {
    /// Lets events happen that their messages' holder alone knows of: again while the database is away or does not say whether it
    /// wrote them, for an event of a lease happens once, however often it is told. Meanwhile they are in the spool, whose reader
    /// tells them if this process cannot.
    ///
    /// One that the database refuses is found by halves, so that it costs no other, and is told once more with the least that can be
    /// said; the error is that of the last one that is refused even so. Returns what each job moved, in their order; nothing for
    /// those that were refused.
    pub(super) async fn persist(&self, jobs: Vec<Job>) -> Result<Vec<Vec<Moved>>, Error> {
        let (mut halves, mut refused) = (Halves::of(jobs), None);
        let (mut kept, mut waits) = (None, Waits::new(self.inner.settings.first_pause));
        while let Some(part) = halves.take() {
            let e = match self.tell(&part.jobs).await {
                Ok(done) => {
                    halves.done(&part, done);
                    waits.over();
                    continue;
                }
                Err(e) => e,
            };
            match halves.split(part, e) {
                Ok(()) => {}
                Err((part, store::Error::Unavailable(cause) | store::Error::InDoubt(cause))) => {
                    let jobs = || part.jobs.iter().chain(halves.left());
                    if waits.begin() {
                        tracing::warn!(messages = jobs().count(), %cause, "what is known of messages waits for the database");
                    }
                    // A disk that is full has room again at some time.
                    if kept.is_none() {
                        kept = self.keep(jobs()).await;
                    }
                    halves.put_off(part);
                    waits.pause().await;
                }
                Err((mut part, store::Error::Query(_))) if part.jobs.iter().any(says_more) => {
                    part.jobs = part.jobs.into_iter().map(least).collect();
                    halves.again(part);
                }
                Err((_, e)) => refused = Some(e),
            }
        }
        match (refused, kept) {
            (Some(e), _) => Err(e.into()),
            (None, kept) => {
                if let Some(kept) = kept {
                    kept.told();
                }
                Ok(halves.moved())
            }
        }
    }

    /// Tells them together, once.
    async fn tell(&self, jobs: &[Job]) -> Result<Vec<Vec<Moved>>, store::Error> {
        match jobs {
            [one] => self.inner.store.apply(one.clone()).await.map(|moved| vec![moved]),
            many => self.inner.store.apply_all(many.to_vec()).await,
        }
    }

    /// Puts what the jobs say into the spool, if there is one, until that is told.
    async fn keep<'a>(&self, jobs: impl Iterator<Item = &'a Job>) -> Option<spool::Kept> {
        let spool = self.inner.spool.as_ref()?;
        let entry = |job: &Job| match &job.pick {
            Pick::Id(id) => Entry::of(*id, &job.event),
            Pick::Known(message) => Entry::of(message.id, &job.event),
            _ => None,
        };
        match spool.keep(jobs.filter_map(entry).collect()).await {
            Ok(kept) => Some(kept),
            Err(cause) => {
                tracing::error!(%cause, "the spool cannot be written: a kill before the database is back loses answers");
                None
            }
        }
    }

    /// Gives messages back under leases that may have been taken, in a task of its own.
    pub(super) fn give_back(&self, leases: Vec<(MessageId, Lease)>) {
        if leases.is_empty() {
            return;
        }
        let sender = self.clone();
        self.inner.lifecycle.spawn(async move {
            if let Err(e) = sender.release(leases).await {
                tracing::warn!(cause = e.cause(), "messages could not be given back; they are found by their lease");
            }
        });
    }

    /// Gives messages back, of which nothing was handed to the provider under these leases.
    pub(super) async fn release(&self, leases: Vec<(MessageId, Lease)>) -> Result<(), Error> {
        let job = |(id, lease)| Job { pick: Pick::Id(id), event: Event::Release { lease } };
        let moved = self.persist(leases.into_iter().map(job).collect()).await?;
        if moved.iter().flatten().any(|moved| moved.result.is_ok()) {
            self.wake();
        }
        Ok(())
    }

    /// Tells what processes that are no more have left in the spool, in tasks of their own.
    pub fn replay(&self) {
        let Some(spool) = self.inner.spool.clone() else { return };
        for leftover in spool.leftovers() {
            let sender = self.clone();
            self.inner.lifecycle.spawn(async move {
                let jobs: Vec<Job> = leftover.entries().map(|(id, event)| Job { pick: Pick::Id(id), event }).collect();
                tracing::info!(messages = jobs.len(), "telling what another process has left in the spool");
                match sender.persist(jobs).await {
                    Ok(_) => leftover.forget(),
                    Err(e) => tracing::error!(cause = e.cause(), "the spool of another process could not be told"),
                }
            });
        }
    }
}
