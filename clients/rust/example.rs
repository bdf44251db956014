use futures::StreamExt as _;
use messaging::proto::{GetMessageRequest, MessageStatus, SendSingleRequest, WatchMessagesRequest};

use super::messaging_client::Client;

/// Sends one message, and waits until it is delivered. Returns what it saw.
pub async fn send(url: &str, token: &str, order: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let client = Client::new(url, token)?;
    // Begun before the send, so that it tells all of it. Keep each token to go on after a restart.
    let mut changes = Box::pin(client.watch(WatchMessagesRequest::default()));
    changes.next().await.ok_or("the watch ended")??;

    let message = |to: &str| SendSingleRequest {
        destination: to.to_owned(),
        text: "Your parcel is on its way".to_owned(),
        ..SendSingleRequest::default()
    };
    // The key is what is to be sent once: an order's number, a reminder's row. A repeat sends nothing.
    let sent = client.send(order, message("+306900000001")).await?;
    let again = client.send(order, message("+306900000001")).await?;
    let mut seen = vec![format!("sent once: {}", sent.id == again.id)];

    if let Err(error) = client.send(&format!("{order}-2"), message("12")).await {
        seen.push(format!("{} {}", error.reason, error.violations[0].0));
    }

    let mut status = sent.status();
    while !matches!(status, MessageStatus::Delivered | MessageStatus::Failed | MessageStatus::Expired) {
        changes.next().await.ok_or("the watch ended")??;
        let record =
            client.messages().get_message(GetMessageRequest { id: sent.id.clone(), ..Default::default() }).await?;
        status = record.into_inner().message.unwrap_or_default().status();
    }
    seen.push(status.as_str_name().to_owned());
    Ok(seen)
}
