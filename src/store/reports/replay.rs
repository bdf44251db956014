//! Reading what was said of messages again, from the raw reports and the events, and telling how the records differ.
//!
//! The state is a maximum over what was said: replaying adds what a record lacks, and changes nothing that is right.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{ReportRow, ReportStage};
use crate::domain::evidence::{Evidence, Rank};
use crate::domain::ids::MessageId;
use crate::domain::message::Message;
use crate::domain::status::{self, Event, EventKind};
use crate::store::columns::{Guid, columns_of};
use crate::store::rows::MessageRow;
use crate::store::schema::{events, messages, reports};
use crate::store::transition::{Job, Pick};
use crate::store::{Error, Store, run};

/// How a page of messages stands against what was said of them.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The last message of the page, from which to go on.
    pub last: MessageId,
    /// How many messages it has.
    pub messages: u64,
    /// How many statements there are about them.
    pub statements: u64,
    /// How many would change.
    pub differing: u64,
    /// The changes that they lack, to be applied.
    pub lacking: Vec<Job>,
    /// A digest of the delivery states, as they should be.
    pub digest: [u8; 32],
}

/// An event's record, read again; `None` for records of a version that kept less, and for those of which a part was
/// erased: their hash would be another one.
fn recorded(evidence: &str) -> Option<Evidence> {
    let record: Value = serde_json::from_str(evidence).ok()?;
    if record.get("erased").is_some() {
        return None;
    }
    let number = record.get("rank")?.as_i64()?;
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    Some(Evidence {
        rank: Rank::ALL.into_iter().find(|rank| i64::from(*rank as i16) == number)?,
        word: text("word")?.to_owned(),
        at: text("at").and_then(|at| at.parse().ok()),
        description: text("description").map(str::to_owned),
        // What a message is known by is no part of how it stands.
        provider_message_id: None,
    })
}

fn digest(hash: &mut Sha256, m: &Message) {
    let s = &m.state;
    hash.update(m.id.0.as_bytes());
    hash.update([m.status() as u8, s.dispatch as u8, s.rank as u8]);
    hash.update(s.evidence_at.map_or(i64::MIN, Timestamp::as_microsecond).to_be_bytes());
    hash.update(s.evidence_hash.to_be_bytes());
}

impl Store {
    /// Up to `limit` messages in the order of their ids, from right after `after` on, against what was said of them.
    /// `None` behind the last one.
    pub async fn replay(&self, after: Option<MessageId>, limit: i64) -> Result<Option<Standing>, Error> {
        let from = Guid(after.map_or(uuid::Uuid::nil(), |id| id.0));
        let query = messages::table.filter(messages::id.gt(from)).order(messages::id).limit(limit);
        let rows: Vec<MessageRow> = run!(&self.db, |c| query.select(columns_of::<MessageRow>()).load(c).await?);
        let page: Vec<Message> = rows.into_iter().map(MessageRow::into_message).collect();
        let Some(last) = page.last().map(|m| m.id) else { return Ok(None) };
        let said = self.said(&page).await?;
        let now = self.clock.now();
        let mut hash = Sha256::new();
        let mut standing =
            Standing { last, messages: 0, statements: 0, differing: 0, lacking: Vec::new(), digest: [0; 32] };
        for mut message in page {
            let before = standing.lacking.len();
            for evidence in said.get(&message.id).into_iter().flatten() {
                standing.statements += 1;
                let event = Event::Evidence(evidence.clone());
                if status::apply(&mut message, &event, now).is_ok() {
                    standing.lacking.push(Job { pick: Pick::Id(message.id), event });
                }
            }
            standing.messages += 1;
            standing.differing += u64::from(standing.lacking.len() > before);
            digest(&mut hash, &message);
        }
        standing.digest = hash.finalize().into();
        Ok(Some(standing))
    }

    /// All that was said of these messages.
    async fn said(&self, page: &[Message]) -> Result<HashMap<MessageId, Vec<Evidence>>, Error> {
        let ids: Vec<Guid> = page.iter().map(|m| Guid(m.id.0)).collect();
        let carried = |m: &Message| m.state.provider_message_id.as_ref().map(|id| (id.as_str().to_owned(), m.id));
        let mut by_name: HashMap<String, Vec<MessageId>> = HashMap::new();
        for (name, id) in page.iter().filter_map(carried) {
            by_name.entry(name).or_default().push(id);
        }
        let names: Vec<String> = by_name.keys().cloned().collect();
        let readable = || reports::table.filter(reports::state.ne(ReportStage::Unreadable as i16));
        let of_ids = readable().filter(reports::message_id.eq_any(ids.clone()));
        let of_names = readable().filter(reports::provider_message_id.eq_any(names));
        let recordings = events::table
            .filter(events::message_id.eq_any(ids).and(events::kind.eq(EventKind::Reported as i16)))
            .select((events::message_id, events::evidence));
        let (of_ids, of_names, recordings): (Vec<ReportRow>, Vec<ReportRow>, Vec<(Guid, String)>) =
            run!(&self.db, |c| {
                let of_ids = of_ids.select(columns_of::<ReportRow>()).load(c).await?;
                let of_names = of_names.select(columns_of::<ReportRow>()).load(c).await?;
                (of_ids, of_names, recordings.load(c).await?)
            });
        // Our own id decides where it names a message: then the provider's id is not asked.
        let others: Vec<Guid> = of_names.iter().filter_map(|row| row.message_id).collect();
        let query = messages::table.filter(messages::id.eq_any(others)).select(messages::id);
        let existing: Vec<Guid> = run!(&self.db, |c| query.load(c).await?);
        let existing: HashSet<Guid> = existing.into_iter().collect();

        let mut said: HashMap<MessageId, Vec<Evidence>> = HashMap::new();
        for report in of_ids.iter().filter_map(ReportRow::report) {
            if let Some(id) = report.message {
                said.entry(id).or_default().push(report.evidence);
            }
        }
        for row in of_names.iter().filter(|row| row.message_id.is_none_or(|id| !existing.contains(&id))) {
            let Some(report) = row.report() else { continue };
            let name = report.provider_id.as_ref().map(ToString::to_string).unwrap_or_default();
            for id in by_name.get(&name).into_iter().flatten() {
                said.entry(*id).or_default().push(report.evidence.clone());
            }
        }
        for (id, record) in recordings {
            said.entry(MessageId(id.0)).or_default().extend(recorded(&record));
        }
        Ok(said)
    }
}
