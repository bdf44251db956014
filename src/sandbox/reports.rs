//! The delivery reports: what is due when, posted by a few tasks, tried again a few times, never in the way of a send.
//!
//! The queue holds one job per message, its next report, so that the reports of one message keep their order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::behaviour::{Event, Post};
use super::ledger::Ledger;
use super::message::{Message, seven_digits};
use super::webhook::Poster;
use crate::clock::Clock;

/// The most messages with reports to come; the reports of any more are dropped and counted.
const MOST: usize = 1_000_000;

/// Posts under way at the same time.
const POSTERS: usize = 32;

/// How often a report is posted before it is given up.
const TRIES: u8 = 6;

/// After the first failure; doubles with each.
const BACKOFF: SignedDuration = SignedDuration::from_millis(100);

/// The longest sleep while something is due later: a clock that is moved by hand wakes nobody.
const NAP: Duration = Duration::from_millis(20);

/// The next report of a message. Ordered by when it is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Job {
    due: Timestamp,
    id: Ulid,
    /// Which of the behaviour's posts.
    step: u8,
    copy: u8,
    tries: u8,
}

/// The counts of reports so far.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Tally {
    queued: usize,
    posted: u64,
    given_up: u64,
    dropped: u64,
}

/// The queue and what is needed to post.
pub(super) struct Reports {
    pub(super) ledger: Arc<Ledger>,
    pub(super) clock: Clock,
    pub(super) poster: Poster,
    pub(super) url: Option<Url>,
    pub(super) delay: Duration,
    queue: Queue,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<BinaryHeap<Reverse<Job>>>,
    wake: Notify,
    posted: AtomicU64,
    given_up: AtomicU64,
    dropped: AtomicU64,
}

impl Reports {
    pub(super) fn new(ledger: Arc<Ledger>, clock: Clock, poster: Poster, url: Option<Url>, delay: Duration) -> Self {
        Self { ledger, clock, poster, url, delay, queue: Queue::default() }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            queued: self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).len(),
            posted: self.queue.posted.load(Ordering::Relaxed),
            given_up: self.queue.given_up.load(Ordering::Relaxed),
            dropped: self.queue.dropped.load(Ordering::Relaxed),
        }
    }

    /// Lets the reports of an accepted message come in their time.
    pub(super) fn schedule(&self, id: Ulid) {
        if self.url.is_none() {
            return;
        }
        if let Some(job) = self.ledger.get(id).and_then(|message| self.job(&message, 0)) {
            self.queue.push(job, MOST);
        }
    }

    /// Posts all reports of an accepted message. False if one was not taken: it is tried again later like any other.
    pub(super) async fn post_all_now(&self, id: Ulid) -> bool {
        let (Some(url), Some(message)) = (&self.url, self.ledger.get(id)) else { return true };
        let mut next = self.job(&message, 0);
        while let Some(job) = next {
            next = self.attempt(url, &message, job).await;
            if next.is_some_and(|next| next.tries > 0) {
                break;
            }
        }
        if let Some(job) = next {
            self.queue.push(job, MOST);
        }
        next.is_none()
    }

    /// Posts what is due until it is stopped.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let Some(url) = self.url.clone() else { return };
        let mut posts = JoinSet::new();
        while !stop.is_cancelled() {
            // Registered before looking, so that no wake-up is lost.
            let woken = self.queue.wake.notified();
            let nap = match self.queue.next(self.clock.now()) {
                Next::Due(job) => {
                    if posts.len() >= POSTERS {
                        tokio::select! {
                            _ended = posts.join_next() => {}
                            () = stop.cancelled() => return,
                        }
                    }
                    while posts.try_join_next().is_some() {}
                    let (reports, url) = (Arc::clone(&self), url.clone());
                    posts.spawn(async move { reports.work(&url, job).await });
                    continue;
                }
                Next::Later(wait) => wait.min(NAP),
                Next::Nothing => Duration::MAX,
            };
            tokio::select! {
                () = woken => {}
                () = stop.cancelled() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    async fn work(&self, url: &Url, job: Job) {
        // A message that was deleted meanwhile has no reports any more.
        let Some(message) = self.ledger.get(job.id) else { return };
        if let Some(next) = self.attempt(url, &message, job).await {
            self.queue.push(next, usize::MAX);
        }
    }

    /// Posts once; returns the job that comes next, which is the same one after a failure.
    async fn attempt(&self, url: &Url, message: &Message, job: Job) -> Option<Job> {
        let behaviour = message.behaviour();
        let post = behaviour.posts.get(usize::from(job.step))?;
        let body = self.body(message, post).to_string();
        let posted = self.poster.post(url.clone(), body.into()).await.is_ok_and(|status| status.is_success());
        let tries = job.tries + 1;
        if posted {
            self.queue.posted.fetch_add(1, Ordering::Relaxed);
        } else if tries < TRIES {
            let wait = BACKOFF.saturating_mul(1 << job.tries);
            let due = self.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
            return Some(Job { due, tries, ..job });
        } else {
            self.queue.given_up.fetch_add(1, Ordering::Relaxed);
        }
        let copy = job.copy + 1;
        if copy < behaviour.copies { Some(Job { copy, tries: 0, ..job }) } else { self.job(message, job.step + 1) }
    }

    fn job(&self, message: &Message, step: u8) -> Option<Job> {
        let post = message.behaviour().posts.get(usize::from(step))?;
        Some(Job { due: message.after(post.at, self.delay), id: message.id, step, copy: 0, tries: 0 })
    }

    fn body(&self, message: &Message, post: &Post) -> Value {
        let event = |event: &Event| {
            let mut body = json!({
                "messageId": message.id.to_string(),
                "deliveryStatus": event.status.text(),
                "createdAt": seven_digits(message.at()),
                "updatedAt": seven_digits(message.after(event.at, self.delay)),
                "reference": message.reference(),
            });
            if let (Some(description), Some(fields)) = (event.status.description(), body.as_object_mut()) {
                fields.insert("description".into(), description.into());
            }
            body
        };
        match (post.array, post.events) {
            (false, [only]) => event(only),
            (_, events) => events.iter().map(event).collect(),
        }
    }
}

enum Next {
    Due(Job),
    Later(Duration),
    Nothing,
}

impl Queue {
    fn push(&self, job: Job, most: usize) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= most {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        jobs.push(Reverse(job));
        drop(jobs);
        self.wake.notify_one();
    }

    fn next(&self, now: Timestamp) -> Next {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match jobs.peek() {
            None => Next::Nothing,
            Some(Reverse(job)) if job.due > now => {
                Next::Later(Duration::try_from(job.due.duration_since(now)).unwrap_or(NAP))
            }
            Some(_) => jobs.pop().map_or(Next::Nothing, |Reverse(job)| Next::Due(job)),
        }
    }
}
