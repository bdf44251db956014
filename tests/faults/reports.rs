//! The provider's reporter as the harness plays it: it learns of each message at the gateways, posts what the plan says of
//! it, three times each, shuffled, some before the replica has its answer, and repeats a post until it is acknowledged.

mod mixer;
mod plan;
mod post;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::sync::Mutex as Turn;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::mixer::Mixer;
use self::post::{Poster, Proof};
use crate::fleet::{Fleet, Sent};

pub use post::{Post, SECRET};

/// How many posts are under way at a time: fewer than the 256 that a replica serves.
const POSTERS: usize = 160;
/// How long the answer to a send is held back for the report that comes before it. A replica waits three seconds for it.
const EARLY: Duration = Duration::from_secs(1);
/// While more reports than this wait to be posted, answers to sends are held back, too: or all would be sent before the
/// first kill.
const BACKLOG: usize = 4000;
/// How often the next window of reports is let go.
const WINDOW: Duration = Duration::from_millis(500);

/// The observations of the reporter: content by content, as it was posted.
#[derive(Default)]
pub struct Acknowledged {
    /// Every report that was answered with 202.
    pub reports: HashSet<Vec<u8>>,
    /// Posts that were not the provider's and were refused.
    pub refused: Vec<Vec<u8>>,
    /// Answers that should never have been given.
    pub faults: Vec<String>,
}

/// How often what was done.
#[derive(Default)]
pub struct Counts {
    /// Messages that the gateways saw accepted.
    pub messages: AtomicU64,
    /// Reports that were acknowledged, repetitions included.
    pub reports: AtomicU64,
    /// Posts that were acknowledged: a part of them holds several reports.
    pub posts: AtomicU64,
    /// Posts that had to be made again.
    pub again: AtomicU64,
    /// Reports that were acknowledged before the replica had the answer to its send.
    pub early: AtomicU64,
    pub orphans: AtomicU64,
    pub conflicts: AtomicU64,
    pub garbage: AtomicU64,
}

/// The reporter; it ends when the last handle is dropped.
pub struct Reporter {
    seed: u64,
    poster: Poster,
    mixer: Mutex<Mixer>,
    queue: UnboundedSender<Post>,
    /// Reports that were not acknowledged yet.
    waiting: AtomicUsize,
    /// How many reports there will be, about.
    wanted: u64,
    acknowledged: Mutex<Acknowledged>,
    pub counts: Counts,
    work: Mutex<JoinSet<()>>,
}

impl Reporter {
    /// Starts it, and lets it listen at every gateway. `messages` is how many there will be.
    pub fn start(fleet: &Arc<Fleet>, seed: u64, messages: u32) -> Arc<Self> {
        let (queue, posts) = unbounded_channel();
        let reporter = Arc::new(Self {
            seed,
            poster: Poster::new(fleet.replicas.clone()),
            mixer: Mutex::new(Mixer::new(seed)),
            queue,
            waiting: AtomicUsize::new(0),
            wanted: u64::from(messages) * plan::REPORTS_OF_TEN_MESSAGES / 10,
            acknowledged: Mutex::default(),
            counts: Counts::default(),
            work: Mutex::default(),
        });
        let posts = Arc::new(Turn::new(posts));
        let mut work = reporter.work.lock().unwrap();
        for number in 0..POSTERS {
            // Not a handle that keeps it: it ends with whoever started it.
            work.spawn(Self::work(Arc::downgrade(&reporter), posts.clone(), number));
        }
        let turning = Arc::downgrade(&reporter);
        work.spawn(async move {
            loop {
                sleep(WINDOW).await;
                let Some(reporter) = turning.upgrade() else { return };
                reporter.turn();
            }
        });
        drop(work);
        for replica in &fleet.replicas {
            let listening = Arc::downgrade(&reporter);
            replica.gateway.listen(Arc::new(move |sent| {
                let reporter = listening.upgrade();
                async move {
                    if let Some(reporter) = reporter {
                        reporter.hear(sent).await;
                    }
                }
                .boxed()
            }));
        }
        reporter
    }

    /// The provider took these, and the replica does not know it.
    async fn hear(&self, sent: Vec<Sent>) {
        let mut early = Vec::new();
        for one in &sent {
            let plan = plan::of(self.seed, one, &self.counts);
            self.counts.messages.fetch_add(1, Ordering::Relaxed);
            self.waiting.fetch_add(plan.reports() + usize::from(plan.early.is_some()), Ordering::Relaxed);
            early.extend(plan.early);
            self.mixer.lock().unwrap().put(plan.letters);
        }
        let posting = join_all(early.into_iter().enumerate().map(|(place, body)| async move {
            let post = Post::of_one(body, Proof::Token);
            if timeout(EARLY, self.deliver(&post, place)).await.is_ok() {
                self.counts.early.fetch_add(1, Ordering::Relaxed);
            } else {
                // The replica would not wait longer for its answer: it is late, then.
                let _ = self.queue.send(post);
            }
        }));
        let room = timeout(EARLY, async {
            while self.waiting.load(Ordering::Relaxed) > BACKLOG {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let _ = tokio::join!(posting, room);
    }

    /// Lets the next window go.
    fn turn(&self) {
        for post in self.mixer.lock().unwrap().turn() {
            let _ = self.queue.send(post);
        }
    }

    async fn work(reporter: std::sync::Weak<Self>, posts: Arc<Turn<UnboundedReceiver<Post>>>, number: usize) {
        loop {
            let next = posts.lock().await.recv().await;
            let (Some(post), Some(reporter)) = (next, reporter.upgrade()) else { return };
            reporter.deliver(&post, number).await;
        }
    }

    /// Posts it until it is answered, and notes that.
    async fn deliver(&self, post: &Post, number: usize) {
        let heard = self.poster.deliver(post, number, &self.counts.again).await;
        let mut acknowledged = self.acknowledged.lock().unwrap();
        let many = post.pieces.len();
        match (heard, post.proof.holds()) {
            (202, true) => {
                acknowledged.reports.extend(post.pieces.iter().cloned());
                self.counts.posts.fetch_add(1, Ordering::Relaxed);
                self.counts.reports.fetch_add(many as u64, Ordering::Relaxed);
            }
            (401, false) => acknowledged.refused.extend(post.pieces.iter().cloned()),
            (status, holds) => {
                let whose = if holds { "the provider's" } else { "somebody else's" };
                acknowledged.faults.push(format!("a post that is {whose} was answered with {status}"));
            }
        }
        self.waiting.fetch_sub(many, Ordering::Relaxed);
    }

    /// Waits until so much of all that is to be reported is acknowledged, or nothing goes on: `limit` at most.
    pub async fn reaches(&self, part: f64, limit: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
        let far = || self.counts.reports.load(Ordering::Relaxed) as f64 >= self.wanted as f64 * part;
        let begun = Instant::now();
        while !far() && begun.elapsed() < limit {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets everything go that was kept back, and waits until all of it is acknowledged, `limit` at most.
    pub async fn drain(&self, limit: Duration) {
        let begun = Instant::now();
        while self.waiting.load(Ordering::Relaxed) > 0 {
            if begun.elapsed() > limit {
                let what = format!("{} reports were never acknowledged", self.waiting.load(Ordering::Relaxed));
                return self.acknowledged.lock().unwrap().faults.push(what);
            }
            self.turn();
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its observations.
    pub fn acknowledged(&self) -> Acknowledged {
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}
