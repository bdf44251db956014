//! Numbers and texts outside messages: reports, messages from recipients, campaigns and opt-outs.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl as _;
use serde_json::json;

use super::{Erased, Task};
use crate::domain::phone::Msisdn;
use crate::domain::pseudonym::Pseudonyms;
use crate::domain::retention;
use crate::store::columns::sql::{Guid as GuidSql, Instant as InstantSql};
use crate::store::columns::{Guid, Instant};
use crate::store::error::Failure;
use crate::store::owner_events;
use crate::store::transaction::{Tx, on};

/// Reports that nothing waits for.
const REPORTS: &str = "DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE due_at IS NULL \
    AND received_at < $1 ORDER BY received_at LIMIT $2)";

/// Recipients' messages that were read, those for a person to look at among them.
const INBOUND: &str = "DELETE FROM inbound WHERE id IN (SELECT id FROM inbound WHERE id < $1 AND due_at IS NULL \
    ORDER BY id LIMIT $2)";

/// The text and the tags of campaigns that are over, and the number up to which they were expanded.
const CAMPAIGNS: &str = "UPDATE campaigns SET text = '', expanded_to = '', reference = NULL, metadata = NULL \
    WHERE id IN (SELECT id FROM campaigns WHERE ended_at < $1 AND (text <> '' OR expanded_to <> '' \
    OR reference IS NOT NULL OR metadata IS NOT NULL) ORDER BY id LIMIT $2)";

/// Opt-outs whose number is there, oldest first.
const OPT_OUTS: &str = "SELECT owner_id, destination FROM opt_outs WHERE destination < '~' AND created_at < $1 \
    ORDER BY created_at LIMIT $2";

/// Puts a pseudonym in the place of a number, whose row goes first: who takes the number off the list at this moment waits
/// for that, and takes the pseudonym off after it.
const REPLACE_POSTGRES: &str = "WITH gone AS (DELETE FROM opt_outs AS o USING json_to_recordset($1::json) \
    AS n(owner_id bigint, destination text, pseudonym text) \
    WHERE o.owner_id = n.owner_id AND o.destination = n.destination \
    RETURNING o.owner_id, n.pseudonym, o.source, o.created_at) \
    INSERT INTO opt_outs (owner_id, destination, source, created_at) SELECT * FROM gone ON CONFLICT DO NOTHING";
const REPLACE_SQLITE: [&str; 2] = [
    "INSERT INTO opt_outs (owner_id, destination, source, created_at) SELECT o.owner_id, \
     json_extract(n.value, '$.pseudonym'), o.source, o.created_at FROM json_each($1) AS n CROSS JOIN opt_outs AS o \
     WHERE o.owner_id = json_extract(n.value, '$.owner_id') AND o.destination = json_extract(n.value, '$.destination') \
     ON CONFLICT DO NOTHING",
    "DELETE FROM opt_outs WHERE (owner_id, destination) IN (SELECT json_extract(value, '$.owner_id'), \
     json_extract(value, '$.destination') FROM json_each($1))",
];

#[derive(QueryableByName)]
struct Entry {
    #[diesel(sql_type = BigInt)]
    owner_id: i64,
    #[diesel(sql_type = Text)]
    destination: String,
}

/// Puts pseudonyms in the place of these owners' entries.
pub(super) async fn replace_opt_outs(
    tx: &mut Tx,
    pseudonyms: &Pseudonyms,
    entries: Vec<(i64, String)>,
) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let entry = |(owner, number): (i64, String)| {
        let pseudonym = pseudonyms.of(&Msisdn::from_stored(number.clone()));
        json!({"owner_id": owner, "destination": number, "pseudonym": pseudonym.as_str()})
    };
    let list = entries.into_iter().map(entry).collect::<serde_json::Value>().to_string();
    on!(
        tx,
        |pg| {
            diesel::sql_query(REPLACE_POSTGRES).bind::<Text, _>(list).execute(pg).await?;
        },
        |lite| {
            for statement in REPLACE_SQLITE {
                diesel::sql_query(statement).bind::<Text, _>(&list).execute(lite).await?;
            }
        }
    );
    Ok(())
}

/// One page of each; numbers of opt-outs only with `pseudonyms`.
pub(super) async fn page(tx: &mut Tx, pseudonyms: Option<&Pseudonyms>, task: Task) -> Result<Erased, Failure> {
    let (before, limit) = (Instant(task.before), task.limit);
    let by_time = |sql: &'static str| diesel::sql_query(sql).bind::<InstantSql, _>(before).bind::<BigInt, _>(limit);
    let mut erased = Erased { reports: on!(tx, |c| by_time(REPORTS).execute(c).await?), ..Erased::default() };
    let first = Guid(retention::first_id(task.before));
    let inbound = diesel::sql_query(INBOUND).bind::<GuidSql, _>(first).bind::<BigInt, _>(limit);
    erased.inbound = on!(tx, |c| inbound.execute(c).await?);
    erased.campaigns = on!(tx, |c| by_time(CAMPAIGNS).execute(c).await?);
    if let Some(pseudonyms) = pseudonyms {
        let entries: Vec<Entry> = on!(tx, |c| by_time(OPT_OUTS).load(c).await?);
        erased.opt_outs = entries.len();
        let entries = entries.into_iter().map(|entry| (entry.owner_id, entry.destination)).collect();
        replace_opt_outs(tx, pseudonyms, entries).await?;
    }
    let events = owner_events::erase_before(tx, before, limit).await?;
    let full = |n: usize| i64::try_from(n).is_ok_and(|n| n >= limit);
    erased.more = [erased.reports, erased.inbound, erased.campaigns, erased.opt_outs, events].into_iter().any(full);
    Ok(erased)
}
