//! Reading an owner's messages from recipients, newest first.

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;
use uuid::Uuid;

use super::{InboundRow, Stage, author};
use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::keyword::{Effect, Verdict};
use crate::domain::phone::Msisdn;
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::schema::inbound;
use crate::store::{Error, Store, run};

/// Which of an owner's messages from recipients to list.
#[derive(Debug, Clone, Default)]
pub struct InboundFilter {
    /// Only those of this number.
    pub number: Option<Msisdn>,
    /// Only those with this verdict.
    pub verdict: Option<Verdict>,
    /// Only those that came at this time or later.
    pub after: Option<Timestamp>,
    /// Only those that came before this time.
    pub before: Option<Timestamp>,
}

/// A message from a recipient that was read, and concerns an owner. It holds a number and a text.
#[derive(Clone)]
pub struct Received {
    /// Its id, ordered by the time at which it came.
    pub id: Uuid,
    /// Whom it concerns.
    pub owner: OwnerId,
    /// Who wrote it.
    pub number: Msisdn,
    /// Our sender that it was written to, as the provider gave it; may be empty.
    pub to: String,
    /// Its text.
    pub text: String,
    /// Its request.
    pub verdict: Verdict,
    /// Its effect, if there was one, and it was noted.
    pub effect: Option<Effect>,
    /// Whether it waits for a person.
    pub in_review: bool,
    /// When it came.
    pub received_at: Timestamp,
}

impl InboundRow {
    fn into_received(self) -> Received {
        let message = self.message();
        // Whatever concerns an owner could be read when it came: what is lacking now must not end a page early.
        let number = message.as_ref().and_then(author);
        let (to, text) = message.map(|message| (message.to, message.text)).unwrap_or_default();
        Received {
            id: self.id.0,
            owner: OwnerId(self.owner_id.unwrap_or_default()),
            number: number.unwrap_or_else(|| Msisdn::from_stored(self.number.unwrap_or_default())),
            to,
            text,
            verdict: self.verdict.and_then(Verdict::from_number).unwrap_or(Verdict::Other),
            effect: self.effect.and_then(Effect::from_number),
            in_review: self.state == Stage::Review as i16,
            received_at: self.received_at.0,
        }
    }
}

impl Store {
    /// Up to `limit` of the owner's messages from recipients, newest first, from right after `behind` on.
    pub async fn inbound(
        &self,
        owner: OwnerId,
        filter: InboundFilter,
        behind: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Received>, Error> {
        let behind = Guid(behind.unwrap_or(Uuid::max()));
        let rows: Vec<InboundRow> = run!(&self.db, |c| {
            let mut query =
                inbound::table.filter(inbound::owner_id.eq(owner.0).and(inbound::id.lt(behind))).into_boxed();
            if let Some(number) = filter.number {
                query = query.filter(inbound::number.eq(number.as_str().to_owned()));
            }
            if let Some(verdict) = filter.verdict {
                query = query.filter(inbound::verdict.eq(verdict as i16));
            }
            // Ids are ordered by time, which begins in 1970, and the indexes end with them.
            if let Some(after) = filter.after {
                let floor = Guid(MessageId::floor(after).0);
                query = query.filter(
                    inbound::id.ge(floor).and(inbound::received_at.ge(Instant(after.max(Timestamp::UNIX_EPOCH)))),
                );
            }
            if let Some(before) = filter.before {
                let ceiling = Guid(MessageId::ceiling(before).0);
                query = query.filter(
                    inbound::id.lt(ceiling).and(inbound::received_at.lt(Instant(before.max(Timestamp::UNIX_EPOCH)))),
                );
            }
            query.order(inbound::id.desc()).limit(limit).select(columns_of::<InboundRow>()).load(c).await?
        });
        Ok(rows.into_iter().map(InboundRow::into_received).collect())
    }

    /// The owner's message from a recipient with this id.
    pub async fn one_inbound(&self, owner: OwnerId, id: Uuid) -> Result<Option<Received>, Error> {
        let query = inbound::table.filter(inbound::id.eq(Guid(id)).and(inbound::owner_id.eq(owner.0)));
        let row: Option<InboundRow> =
            run!(&self.db, |c| query.select(columns_of::<InboundRow>()).get_result(c).await.optional()?);
        Ok(row.map(InboundRow::into_received))
    }
}
