//! Either kind of id: what is not known by the one that a call takes is looked up by the other.

use tonic::{Code, Response, Status};

use super::connection::Messages;
use super::failure::Failure;
use crate::proto::{GetMessageRequest, ListMessagesRequest};

/// Asks by our id; where nothing is known by it, by our id of the message that has it as the provider's.
pub(super) async fn by_ours<T>(
    client: &mut Messages,
    (id, owner_id): (String, Option<i64>),
    mut ask: impl AsyncFnMut(&mut Messages, String) -> Result<Response<T>, Status>,
) -> Result<T, Failure> {
    let refusal = match ask(client, id.clone()).await {
        Ok(answer) => return Ok(answer.into_inner()),
        Err(refusal) => refusal,
    };
    match of_providers(client, &refusal, id, owner_id).await {
        Some(ours) => Ok(ask(client, ours).await?.into_inner()),
        None => Err(refusal.into()),
    }
}

/// Asks by the provider's id; where nothing is known by it, by the provider's id of the message that has it as ours.
pub(super) async fn by_providers<T>(
    client: &mut Messages,
    id: String,
    mut ask: impl AsyncFnMut(&mut Messages, String) -> Result<Response<T>, Status>,
) -> Result<T, Failure> {
    let refusal = match ask(client, id.clone()).await {
        Ok(answer) => return Ok(answer.into_inner()),
        Err(refusal) => refusal,
    };
    if !is_unknown(&refusal) {
        return Err(refusal.into());
    }
    let Ok(found) = client.get_message(GetMessageRequest { id, ..Default::default() }).await else {
        return Err(refusal.into());
    };
    let message = found.into_inner().message.unwrap_or_default();
    let Some(theirs) = message.provider_message_id else {
        let status = super::output::status(message.status());
        return Err(Failure::Undone(format!(
            "the provider has no id for this message, which is {status}: see `messaging explain`"
        )));
    };
    Ok(ask(client, theirs).await?.into_inner())
}

/// Our id of the one message that has this id as the provider's.
async fn of_providers(client: &mut Messages, refusal: &Status, id: String, owner_id: Option<i64>) -> Option<String> {
    if !is_unknown(refusal) {
        return None;
    }
    let request =
        ListMessagesRequest { provider_message_id: id, page_size: 2, owner_id, ..ListMessagesRequest::default() };
    let mut found = client.list_messages(request).await.ok()?.into_inner().messages;
    let only = found.pop().filter(|_| found.is_empty());
    only.map(|message| message.id)
}

/// Whether nothing has such an id, be it for its form.
fn is_unknown(refusal: &Status) -> bool {
    matches!(refusal.code(), Code::NotFound | Code::InvalidArgument)
}
