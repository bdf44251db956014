use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::refresh_status_bulk_request::Target;
use messaging::proto::{ProviderMessageIds, RefreshStatusBulkRequest, SendSingleRequest};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

/// Sends one SMS, refreshes it as a stream and reads an error. Returns what it saw.
pub async fn send(address: String, token: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let bearer: tonic::metadata::AsciiMetadataValue = format!("Bearer {token}").parse()?;
    let credentials = move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        Ok::<_, Status>(request)
    };
    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    let mut client = MessagingServiceClient::with_interceptor(channel, credentials);
    let message = |destination: &str| SendSingleRequest {
        destination: destination.into(),
        text: "Hi".into(),
        ..Default::default()
    };

    // A repeat with the same key answers the same message, and sends nothing.
    let keyed = SendSingleRequest { idempotency_key: "order-7".into(), ..message("+306900000001") };
    let sent = client.send_single(keyed).await?.into_inner();
    let mut seen = vec![format!("sent {}", sent.message_id)];

    let target = Some(Target::ProviderMessageIds(ProviderMessageIds { ids: vec![sent.message_id] }));
    let request = RefreshStatusBulkRequest { target, ..Default::default() };
    let mut steps = client.refresh_status_bulk(request).await?.into_inner();
    while let Some(step) = steps.message().await? {
        seen.push(format!("{} of {}", step.completed, step.total));
    }

    let refused = client.send_single(message("1")).await.err().unwrap_or_else(|| Status::ok(""));
    let reason = refused.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    if refused.code() == Code::InvalidArgument {
        seen.push(format!("INVALID_ARGUMENT {reason}"));
    }
    Ok(seen)
}
