//! Resends that came too late: of a message whose answer was lost, and whose place a newer one was to take.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use crate::domain::ids::MessageId;
use crate::store::columns::Guid;
use crate::store::error::Failure;
use crate::store::rows::MessageRow;
use crate::store::schema::messages::{self, dsl};
use crate::store::transaction::{Tx, on};

/// The states of those that are waiting and of those past the fence, in the words of the indexes of messages with a key; and of those
/// past it, the ones that wait to be sent again.
pub(super) const WAITS: &str = "dispatch < 3";
pub(super) const SENT: &str = "dispatch >= 3 AND dispatch <= 6 AND dispatch <> 5";
pub(super) const PENDING: &str =
    "dispatch >= 3 AND dispatch <= 6 AND dispatch <> 5 AND dispatch = 6 AND due_at IS NOT NULL";

/// A newer message with the key of each of these that has one, if that was not refused or taken back. One whose fate was not known when the
/// newer one was accepted is seen here, before it is sent again. The newer one names it, or came at a later time: ids of one
/// millisecond are in no order.
pub(super) async fn newer(tx: &mut Tx, rows: &[MessageRow]) -> Result<HashMap<MessageId, MessageId>, Failure> {
    let mut newer = HashMap::new();
    for row in rows {
        let Some(key) = &row.supersede_key else { continue };
        for states in [WAITS, SENT] {
            let mine = || {
                let mine = dsl::owner_id.eq(row.owner_id).and(dsl::destination.eq(&row.destination));
                // One that it took the place of itself was stored before it, whenever that was composed.
                let older = row.superseded_id.unwrap_or(row.id);
                let others = dsl::id.ne(row.id).and(dsl::id.ne(older));
                mine.and(dsl::supersede_key.eq(key)).and(others).and(sql::<Bool>(states))
            };
            let since = messages::table.filter(mine().and(dsl::created_at.gt(row.created_at)));
            let since = since.select(dsl::id).order(dsl::created_at.desc()).limit(1);
            let mut found: Option<Guid> = on!(tx, |c| since.get_result(c).await.optional()?);
            if found.is_none() {
                let names = messages::table.filter(mine().and(dsl::superseded_id.eq(row.id))).select(dsl::id).limit(1);
                found = on!(tx, |c| names.get_result(c).await.optional()?);
            }
            if let Some(found) = found {
                newer.insert(MessageId(row.id.0), MessageId(found.0));
            }
        }
    }
    Ok(newer)
}
