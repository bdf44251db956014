//! The RPCs of `messaging.v1.AdminService` on what goes on in the background.

use crate::auth::Caller;
use crate::contract::convert::timestamp;
use crate::error::Error;
use crate::proto::{
    GetRetentionRequest, GetRetentionResponse, ListReplicasRequest, ListReplicasResponse, ReplayReportsRequest,
    ReplayReportsResponse, Replica, RetentionChore,
};
use crate::service::{self, Operations};

/// `ListReplicas`.
pub async fn list_replicas(
    operations: &Operations,
    caller: &Caller,
    _: ListReplicasRequest,
) -> Result<ListReplicasResponse, Error> {
    let replicas = operations.replicas(caller).await?.into_iter().map(Into::into).collect();
    Ok(ListReplicasResponse { replicas })
}

/// `GetRetention`.
pub async fn get_retention(
    operations: &Operations,
    caller: &Caller,
    _: GetRetentionRequest,
) -> Result<GetRetentionResponse, Error> {
    let now = operations.now();
    let chores = operations.retention(caller).await?.into_iter().map(|chore| RetentionChore {
        due: chore.due_at.is_some_and(|at| at <= now),
        name: chore.name,
        due_at: chore.due_at.map(timestamp),
        after_id: chore.after.map(|id| id.to_string()).unwrap_or_default(),
    });
    Ok(GetRetentionResponse { chores: chores.collect() })
}

/// `ReplayReports`.
pub async fn replay_reports(
    operations: &Operations,
    caller: &Caller,
    request: ReplayReportsRequest,
) -> Result<ReplayReportsResponse, Error> {
    let page = operations.replay_reports(caller, &request.page_token, request.apply).await?;
    let Some(standing) = page.standing else { return Ok(ReplayReportsResponse::default()) };
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(ReplayReportsResponse {
        messages: count(standing.messages),
        statements: count(standing.statements),
        differing: count(standing.differing),
        digest: standing.digest.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")),
        next_page_token: page.next_page_token,
    })
}

impl From<service::Replica> for Replica {
    fn from(replica: service::Replica) -> Self {
        Self {
            id: replica.id.to_string(),
            version: replica.version.unwrap_or_default(),
            started_at: Some(timestamp(replica.started_at)),
            seen_at: Some(timestamp(replica.seen_at)),
            in_flight: replica.in_flight,
        }
    }
}
