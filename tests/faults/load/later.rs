//! Single sends that are scheduled for an hour later.

use std::sync::Arc;

use messaging::proto::{DeliveryGuarantee, SendSingleRequest};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::single::{Wanted, send};
use super::{IN_FLIGHT, Told};
use crate::fleet::Fleet;

/// How much later.
pub const LATER: i64 = 3600;

/// Hands so many over.
pub async fn schedule(fleet: &Arc<Fleet>, count: u32) -> Vec<Told> {
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let mut calls = JoinSet::new();
    for number in 0..count {
        let (fleet, places) = (fleet.clone(), places.clone());
        calls.spawn(async move { send(&fleet, &wanted(number, &fleet), &places).await });
    }
    calls.join_all().await
}

fn wanted(number: u32, fleet: &Fleet) -> Wanted {
    let guarantee =
        if number.is_multiple_of(2) { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::AtLeastOnce };
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let request = SendSingleRequest {
        destination: format!("+30694{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
        text: format!("{} later {number}", fleet.name),
        idempotency_key: format!("{}-later-{number}", fleet.name),
        delivery_guarantee: guarantee.into(),
        scheduled_at: Some(pbjson_types::Timestamp { seconds: now + LATER, nanos: 0 }),
        ..SendSingleRequest::default()
    };
    Wanted { number, request }
}
