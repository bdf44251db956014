//! Many owners' messages that wait in the queue together: one owner has many, the others have few, and came after it.

use std::sync::Arc;

use messaging::proto::{DeliveryGuarantee, SendSingleRequest};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Told;
use super::single::{Wanted, send};
use crate::fleet::Fleet;

/// How many calls are made at a time; none becomes a send, because the account has no room.
const AT_ONCE: usize = 64;

/// Who has how many.
#[derive(Debug, Clone, Copy)]
pub struct Owners {
    /// The messages of the one.
    pub large: u32,
    /// How many others there are.
    pub others: u32,
    /// The messages of each of them.
    pub small: u32,
}

impl Owners {
    /// How many messages the others have together.
    pub fn of_others(self) -> u32 {
        self.others * self.small
    }

    /// Hands everything over: first the one's, then the others'. The answer has them in that order.
    pub async fn hand_over(self, fleet: &Arc<Fleet>, owners: &[i64]) -> Vec<Told> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut told = Vec::new();
        for numbers in [0..self.large, self.large..self.large + self.of_others()] {
            let mut calls = JoinSet::new();
            let mut done = Vec::new();
            for number in numbers {
                let other = number.checked_sub(self.large).map_or(0, |n| 1 + n / self.small);
                let wanted = wanted(number, owners[other as usize], fleet);
                let (fleet, places) = (fleet.clone(), places.clone());
                calls.spawn(async move { send(&fleet, &wanted, &places).await });
                if calls.len() >= AT_ONCE {
                    done.extend(calls.join_next().await.transpose().unwrap());
                }
            }
            done.extend(calls.join_all().await);
            told.extend(done);
        }
        told
    }
}

fn wanted(number: u32, owner: i64, fleet: &Fleet) -> Wanted {
    let guarantee =
        if number.is_multiple_of(2) { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::AtLeastOnce };
    let request = SendSingleRequest {
        destination: format!("+30690{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
        text: format!("{} {number}", fleet.name),
        idempotency_key: format!("{}-{number}", fleet.name),
        delivery_guarantee: guarantee.into(),
        user_id: Some(owner),
        ..SendSingleRequest::default()
    };
    Wanted { number, request }
}
