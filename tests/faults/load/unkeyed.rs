//! `SendSingle` without a key, by clients that call once and believe what they are told.

use std::sync::Arc;
use std::time::Duration;

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{DeliveryGuarantee, SendSingleRequest};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::fleet::Fleet;

/// Between two calls.
const EVERY: Duration = Duration::from_millis(100);
/// How long a call may take: longer than the service tries.
const CALL: Duration = Duration::from_secs(45);

/// One call.
#[derive(Debug, Clone)]
pub struct Unkeyed {
    pub destination: String,
    /// Whether it was told that the message is sent or will be; `None` if it did not come to know.
    pub told: Option<bool>,
}

/// Calls that go on until they are stopped.
pub struct Calling {
    work: JoinHandle<Vec<Unkeyed>>,
    stop: CancellationToken,
}

impl Calling {
    pub fn start(fleet: &Arc<Fleet>) -> Self {
        let stop = CancellationToken::new();
        Self { work: tokio::spawn(send_all(fleet.clone(), stop.clone())), stop }
    }

    /// Begins nothing new, and waits for the answers.
    pub async fn stop(self) -> Vec<Unkeyed> {
        self.stop.cancel();
        self.work.await.unwrap()
    }
}

async fn send_all(fleet: Arc<Fleet>, stop: CancellationToken) -> Vec<Unkeyed> {
    let mut calls = JoinSet::new();
    for number in 0_u32.. {
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            break;
        }
        calls.spawn(send(fleet.clone(), number));
    }
    calls.join_all().await
}

/// One call, by the first replica.
async fn send(fleet: Arc<Fleet>, number: u32) -> Unkeyed {
    let destination = format!("+30692{:03}{}", number / 9000 % 1000, 1000 + number % 9000);
    let guarantee =
        if number.is_multiple_of(2) { DeliveryGuarantee::AtMostOnce } else { DeliveryGuarantee::AtLeastOnce };
    let request = SendSingleRequest {
        destination: destination.clone(),
        text: format!("{} without a key {number}", fleet.name),
        delivery_guarantee: guarantee.into(),
        ..SendSingleRequest::default()
    };
    let Some(channel) = fleet.channel(0) else { return Unkeyed { destination, told: None } };
    let mut request = fleet.with_token(request);
    request.set_timeout(CALL);
    let told = match MessagingServiceClient::new(channel).send_single(request).await {
        Ok(_) => Some(true),
        Err(status) => {
            let ours = status.get_error_details().error_info().is_some();
            (ours && status.code() == Code::Unavailable).then_some(false)
        }
    };
    Unkeyed { destination, told }
}
