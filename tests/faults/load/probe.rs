//! One message, to see how long it takes now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use messaging::proto::SendSingleRequest;
use messaging::proto::messaging_service_client::MessagingServiceClient;

use crate::fleet::{Fleet, Replica};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Sends a message by this replica, again with its key until it is answered. How long that took; `None` if longer than `limit`.
pub async fn probe(fleet: &Fleet, replica: &Arc<Replica>, limit: Duration) -> Option<Duration> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let wanted = SendSingleRequest {
        destination: format!("+30693{:03}{}", number / 9000 % 1000, 1000 + number % 9000),
        text: format!("{} probe {number}", fleet.name),
        idempotency_key: format!("{}-probe-{number}", fleet.name),
        ..SendSingleRequest::default()
    };
    let begun = Instant::now();
    while begun.elapsed() < limit {
        let Some(channel) = replica.channel() else { return None };
        let mut request = fleet.with_token(wanted.clone());
        request.set_timeout(limit.saturating_sub(begun.elapsed()).max(PAUSE));
        if MessagingServiceClient::new(channel).send_single(request).await.is_ok() {
            return Some(begun.elapsed()).filter(|took| *took <= limit);
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
