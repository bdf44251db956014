//! Whether the counters of the campaigns that were taken over are what their messages come to.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, SmallInt};
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};

use crate::domain::ids::CampaignId;
use crate::domain::message::Status;
use crate::store::transaction::{on, transact};
use crate::store::{Error, Store};

/// A campaign and a status whose counter is not the number of its messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Differing {
    /// The campaign.
    pub campaign: CampaignId,
    /// The status; `None` for how many the provider took, and for a number that no version of this program wrote.
    pub status: Option<Status>,
    /// How many messages there are.
    pub messages: i64,
    /// The counter's value.
    pub counted: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    campaign_id: i64,
    #[diesel(sql_type = SmallInt)]
    status: i16,
    #[diesel(sql_type = BigInt)]
    messages: i64,
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

/// One statement, so that it sees one moment also beside a serving process.
const DIFFERING: &str = "SELECT campaign_id, status, CAST(SUM(here) AS BIGINT) AS messages, \
      CAST(SUM(n) AS BIGINT) AS counted FROM (\
        SELECT campaign_id, status, COUNT(*) AS here, 0 AS n FROM messages \
          WHERE campaign_id IN (SELECT our_id FROM legacy_imports WHERE kind = 2) GROUP BY campaign_id, status \
        UNION ALL SELECT campaign_id, 0, COUNT(*), 0 FROM messages WHERE (sent_at IS NOT NULL OR dispatch = 4) AND \
          campaign_id IN (SELECT our_id FROM legacy_imports WHERE kind = 2) GROUP BY campaign_id \
        UNION ALL SELECT campaign_id, status, 0, n FROM campaign_counters \
          WHERE campaign_id IN (SELECT our_id FROM legacy_imports WHERE kind = 2) \
        UNION ALL SELECT campaign_id, status, 0, n FROM campaign_counter_changes \
          WHERE campaign_id IN (SELECT our_id FROM legacy_imports WHERE kind = 2)) AS u \
    GROUP BY campaign_id, status HAVING SUM(here) <> SUM(n) ORDER BY campaign_id, status LIMIT 100";

/// It reads every message once, which is what nothing else here does.
const PATIENCE: Duration = Duration::from_mins(30);
const PATIENT: &str = "SET LOCAL statement_timeout = '30min'; SET LOCAL enable_seqscan = on";

impl Store {
    /// Where the counters of campaigns that were taken over are not what their messages come to: none, if all is well; at
    /// most a hundred.
    pub async fn differing_old_counters(&self) -> Result<Vec<Differing>, Error> {
        let rows: Vec<Row> = transact!(&self.transactions.within(PATIENCE), |tx| {
            on!(tx, |pg| pg.batch_execute(PATIENT).await?, |_lite| ());
            Ok(on!(tx, |c| diesel::sql_query(DIFFERING).load(c).await?))
        })?;
        let differing = |row: Row| Differing {
            campaign: CampaignId(row.campaign_id),
            status: Status::from_number(i32::from(row.status)),
            messages: row.messages,
            counted: row.counted,
        };
        Ok(rows.into_iter().map(differing).collect())
    }
}
