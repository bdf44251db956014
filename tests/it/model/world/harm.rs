//! What goes wrong in a story: the database fails or refuses rows, processes end. Noted, so that the oracle knows what may be
//! laid at whose door.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use messaging::domain::ids::MessageId;
use messaging::domain::message::Dispatch;
use messaging::service::{GivenTags, SendSingle};
use messaging::store::{Interruption, Point};

use super::{World, caller, number, serve};
use crate::model::provider::Mood;

/// See the module.
#[derive(Default)]
pub struct Harm {
    /// The numbers whose messages the database refused to change for a while.
    pub refused: HashSet<String>,
    /// How many commits it refused for no row's sake.
    pub commits: Arc<AtomicUsize>,
    /// How often each message was in the hands of a process that ended.
    pub held: HashMap<MessageId, usize>,
    /// Those that were found to have come to harm, and were put back.
    pub harmed: HashSet<MessageId>,
}

/// The refusal of the rows of one number, or of writing down what came of their sends.
const REFUSES: &str = "BEFORE UPDATE ON messages";

impl World {
    pub(super) fn fail(&self, point: Point, how: Interruption, after: usize, times: usize) {
        let (seen, refused) = (AtomicUsize::new(0), self.harm.commits.clone());
        self.rig.store.interrupt(move |at| {
            let due = at == point && (after..after + times).contains(&seen.fetch_add(1, Ordering::Relaxed));
            refused.fetch_add(usize::from(due && how == Interruption::Refused), Ordering::Relaxed);
            due.then_some(how)
        });
    }

    /// The database refuses to change this number's messages until it is mended; or only to write down what came of their
    /// sends.
    pub(super) async fn refuse(&mut self, number: &str, settling: bool) {
        self.mend().await;
        self.harm.refused.insert(number.to_owned());
        let sending = format!(" AND OLD.dispatch = {}", Dispatch::Sending as i16);
        let row = format!("OLD.destination = '{number}'{}", if settling { &sending } else { "" });
        let trigger = if self.rig.is_postgres() {
            format!("CREATE TRIGGER refusal {REFUSES} FOR EACH ROW WHEN ({row}) EXECUTE FUNCTION refuse()")
        } else {
            format!("CREATE TRIGGER refusal {REFUSES} WHEN {row} BEGIN SELECT RAISE(ABORT, 'refused'); END")
        };
        let function = "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE EXCEPTION 'refused'; END $$; ";
        self.rig.execute(&format!("{}{trigger}", if self.rig.is_postgres() { function } else { "" })).await;
    }

    /// The database refuses nothing any more.
    pub(super) async fn mend(&self) {
        if !self.harm.refused.is_empty() {
            let of = if self.rig.is_postgres() { " ON messages" } else { "" };
            self.rig.execute(&format!("DROP TRIGGER IF EXISTS refusal{of}")).await;
        }
    }

    /// The process ends while the provider has what is due, and another one begins.
    pub(super) async fn crash(&mut self, taken: bool, sends: bool) {
        self.provider.be(Mood::Hang { taken }, usize::MAX);
        let service = self.service.clone();
        if sends {
            let (caller, dying) = (caller(self.owners[0]), service.clone());
            let request = SendSingle {
                destination: number(0),
                text: "Hello".to_owned(),
                sender: None,
                traffic_account_id: None,
                user_id: None,
                campaign_id: None,
                idempotency_key: String::new(),
                delivery_guarantee: 1,
                dry_run: false,
                scheduled_at: None,
                validity: None,
                tags: GivenTags::default(),
                supersede_key: String::new(),
            };
            tokio::spawn(async move { dying.send_single(&caller, request, Vec::new(), None).await });
        }
        // Begun in a task of its own: a slot that does not come free must not hold up the story.
        let dying = service.clone();
        let begins = tokio::spawn(async move {
            let _ = dying.sender().send_due().await;
            let _ = dying.sender().send_due_in_bulk().await;
        });
        let _ = tokio::time::timeout(Duration::from_secs(1), begins).await;
        let _ = tokio::time::timeout(Duration::from_millis(20), service.drain()).await;
        for message in self.messages().await {
            if matches!(message.state.dispatch, Dispatch::Claimed | Dispatch::Sending) {
                *self.harm.held.entry(message.id).or_default() += 1;
            }
        }
        self.provider.be(Mood::Accept, 0);
        self.service = serve(&self.rig, &self.provider);
    }
}
