//! `SendMany`: the requests of a stream, and what is told of each. What ends the stream before its end is told last.

use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures::stream::unfold;
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use tonic::{Code, Status, Streaming};

use crate::auth::Caller;
use crate::contract::messages;
use crate::grpc::entry::Call;
use crate::grpc::status;
use crate::proto::send_many_response::Result as Told;
use crate::proto::{SendManyRequest, SendManyResponse, rpc};
use crate::service::Service;

/// The answers to the requests of one stream, until its caller's deadline.
pub(super) fn answers(
    service: &Service,
    caller: &Caller,
    call: &Call,
    requests: Streaming<SendManyRequest>,
) -> Result<impl Stream<Item = Result<SendManyResponse, Status>> + Send + use<>, Status> {
    let broken = Arc::<OnceLock<Status>>::default();
    let told = messages::send_many(service, caller, until_broken(requests, broken.clone()));
    let told = told.map_err(|e| call.refuse(&e))?;
    let deadline = call.deadline;
    let over = async move {
        match deadline {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    let call = call.clone();
    Ok(async_stream::stream! {
        let (mut told, mut over) = (told, pin!(over));
        loop {
            let next = tokio::select! {
                biased;
                () = &mut over => Some(Err(status::too_late("The deadline passed; send again what was not told"))),
                next = told.next() => next.map(|told| told.map(|told| answer(&call, told)).map_err(|e| call.refuse(&e))),
            };
            match next {
                Some(Ok(answer)) => yield Ok(answer),
                Some(Err(status)) => return yield Err(status),
                None => break,
            }
        }
        if let Some(status) = broken.get() {
            yield Err(status.clone());
        }
    })
}

fn answer(call: &Call, (sequence, sent): messages::Told) -> SendManyResponse {
    let result = sent.map_or_else(|e| Told::Error(as_answer(&call.refuse(&e))), |sent| Told::Sent(Box::new(sent)));
    SendManyResponse { sequence, result: Some(result) }
}

/// The requests, until they end or break; why they broke is left in `broken`.
fn until_broken(
    requests: Streaming<SendManyRequest>,
    broken: Arc<OnceLock<Status>>,
) -> impl Stream<Item = SendManyRequest> + Send {
    unfold((requests, broken), |(mut requests, broken)| async move {
        match requests.message().await {
            Ok(request) => Some((request?, (requests, broken))),
            Err(status) => {
                let unreadable = status.code() == Code::Internal && status.message().contains("decode Protobuf");
                let status = if unreadable { status::undecodable(status.message()) } else { status };
                let _ = broken.set(status);
                None
            }
        }
    })
}

/// An error as a part of an answer: its details hold the whole of it.
fn as_answer(status: &Status) -> rpc::Status {
    let whole = rpc::Status::decode(status.details()).unwrap_or_default();
    rpc::Status { code: status.code() as i32, message: status.message().to_owned(), ..whole }
}
