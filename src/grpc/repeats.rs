//! Sends that no library may repeat by itself: those without an idempotency key.
//!
//! The retries of gRPC's libraries (gRFC A6) know methods and not messages, so one service config repeats sends with a key and
//! without. What fails without a key therefore says by `grpc-retry-pushback-ms` that it is not to be repeated; and where that answer was
//! lost on its way, the attempt that comes after it tells so itself by `grpc-previous-rpc-attempts`, and is refused.

use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Response, Status};

use crate::error::Error;
use crate::grpc::entry::Call;
use crate::proto::SendSingleRequest;

/// In an answer: how long to wait before a repeat. What is no number from 0 on forbids it.
const PUSHBACK: &str = "grpc-retry-pushback-ms";
/// In a request: how many attempts of the call the library made before.
const ATTEMPTS: &str = "grpc-previous-rpc-attempts";

/// Whether the caller's library made an attempt of this call before.
pub(super) fn is_repeat(headers: &MetadataMap) -> bool {
    headers.get(ATTEMPTS).is_some_and(|attempts| attempts.as_bytes() != b"0")
}

/// Whether a repeat of this send could be a second SMS. A dry run is none.
pub(super) fn could_send_twice(request: &SendSingleRequest) -> bool {
    request.idempotency_key.is_empty() && !request.dry_run
}

/// The answer to such a repeat.
pub(super) fn refuse(call: &Call) -> Status {
    never_again(call.refuse(&Error::RepeatedWithoutKey))
}

/// Tells the caller's library not to repeat what failed.
pub(super) fn once<T>(answer: Result<Response<T>, Status>) -> Result<Response<T>, Status> {
    answer.map_err(never_again)
}

fn never_again(mut status: Status) -> Status {
    status.metadata_mut().insert(PUSHBACK, AsciiMetadataValue::from_static("-1"));
    status
}
