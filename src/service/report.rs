//! Delivery reports: stored first, applied after. Applying is bunched: while one bunch is applied, the next gathers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::domain::report::Form;
use crate::error::Error;
use crate::service::Service;
use crate::store::{Applied, Post, Stage, Which};

/// How many reports one transaction applies at most.
const BUNCH: usize = 500;
/// How long whoever posts waits at most to be told what it changed. The acknowledgement itself needs only the disk.
const PATIENCE: Duration = Duration::from_millis(250);
/// Nobody is told while more reports than this wait: taking them in goes first.
const CROWD: usize = 2000;

/// Reports that are stored and not applied yet, post by post.
#[derive(Default)]
pub(super) struct Applier {
    posts: Mutex<Vec<(Vec<Uuid>, oneshot::Sender<usize>)>>,
    waiting: AtomicUsize,
    running: AtomicBool,
}

/// Says that the applier rests, also if it ends by a panic.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Reports that are on the disk: the post can be acknowledged.
#[derive(Debug)]
pub struct Filed(Option<oneshot::Receiver<usize>>);

impl Filed {
    /// How many records read differently now; 0 if that takes longer than a quarter of a second to find out.
    pub async fn updated(self) -> usize {
        let Some(told) = self.0 else { return 0 };
        tokio::time::timeout(PATIENCE, told).await.ok().and_then(Result::ok).unwrap_or(0)
    }
}

impl Service {
    /// The secrets by which posts of the provider's are known. Without one nothing is taken.
    #[must_use]
    pub fn webhook_secrets(&self) -> &[SecretString] {
        &self.inner.settings.webhooks.secrets
    }

    /// Stores a post of delivery reports. When this answers, they are on the disk; they are applied afterwards.
    pub async fn file_reports(&self, form: Form, body: &[u8]) -> Result<Filed, Error> {
        let post = Post::read(form, body);
        let (all, unreadable) = (post.len(), post.unreadable());
        let new = self.inner.store.file_reports(post).await?;
        let metrics = &self.inner.metrics;
        metrics.reports("unreadable", unreadable);
        metrics.reports("repeated", (all - unreadable).saturating_sub(new.len()));
        if new.is_empty() {
            return Ok(Filed(None));
        }
        let applier = &self.inner.applier;
        let crowded = applier.waiting.fetch_add(new.len(), Ordering::Relaxed) > CROWD;
        let (tell, told) = oneshot::channel();
        applier.posts.lock().unwrap_or_else(PoisonError::into_inner).push((new, tell));
        self.apply_soon();
        Ok(Filed(Some(told).filter(|_| !crowded)))
    }

    /// Sees to it that somebody applies what waits.
    fn apply_soon(&self) {
        if self.inner.applier.running.swap(true, Ordering::SeqCst) {
            return;
        }
        let service = self.clone();
        self.inner.sends.spawn(async move {
            let applier = &service.inner.applier;
            let running = Running(&applier.running);
            loop {
                let posts = std::mem::take(&mut *applier.posts.lock().unwrap_or_else(PoisonError::into_inner));
                if posts.is_empty() {
                    break;
                }
                service.apply_posts(posts).await;
            }
            drop(running);
            // One may have come between the last look and the word that nobody looks.
            if !applier.posts.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                service.apply_soon();
            }
        });
    }

    async fn apply_posts(&self, posts: Vec<(Vec<Uuid>, oneshot::Sender<usize>)>) {
        let ids: Vec<Uuid> = posts.iter().flat_map(|(ids, _)| ids).copied().collect();
        let mut changed = std::collections::HashMap::with_capacity(ids.len());
        for bunch in ids.chunks(BUNCH) {
            match self.inner.store.apply_reports(Which::These(bunch.to_vec())).await {
                Ok(applied) => {
                    self.note(&applied).await;
                    changed.extend(applied.iter().map(|one| (one.id, visible(one))));
                }
                // They are stored, and the worker looks at whatever waits.
                Err(e) => tracing::warn!(error = %e, reports = bunch.len(), "reports wait to be applied"),
            }
            self.inner.applier.waiting.fetch_sub(bunch.len(), Ordering::Relaxed);
        }
        for (ids, tell) in posts {
            // Whoever posted may have stopped waiting.
            let _ = tell.send(ids.iter().filter_map(|id| changed.get(id)).sum());
        }
    }

    /// Applies reports whose time has come: those that a process left behind, and those whose message was not there
    /// before. Answers how many were looked at.
    pub async fn apply_due_reports(&self) -> Result<usize, Error> {
        let limit = i64::try_from(BUNCH).unwrap_or(i64::MAX);
        let applied = self.inner.store.apply_reports(Which::Due(limit)).await?;
        self.note(&applied).await;
        Ok(applied.len())
    }

    async fn note(&self, applied: &[Applied]) {
        let metrics = &self.inner.metrics;
        for one in applied {
            metrics.reports(outcome(one), 1);
            if one.stage == Stage::Applied && !one.known_word {
                metrics.unknown_word();
            }
            if one.stage == Stage::Nobodys {
                tracing::warn!(report = %one.id, "a delivery report belongs to no message after 72 hours; it is kept");
            }
            self.forget_stats(&one.moved).await;
        }
    }
}

/// How many records read differently because of a report.
fn visible(applied: &Applied) -> usize {
    applied.moved.iter().filter(|moved| moved.result.as_ref().is_ok_and(|change| change.visible)).count()
}

/// What became of a report, as metrics give it.
fn outcome(applied: &Applied) -> &'static str {
    match applied.stage {
        Stage::Applied if visible(applied) > 0 => "changed",
        Stage::Applied => "known",
        Stage::Waiting => "parked",
        Stage::Nobodys => "nobodys",
        Stage::Unreadable => "unreadable",
    }
}
