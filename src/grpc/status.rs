//! Errors as gRPC renders them: a code, the public words, and the details that the contract promises.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, QuotaViolation, StatusExt as _};

use crate::error::Error;

/// The domain of every `ErrorInfo`.
const DOMAIN: &str = "messaging";

/// Renders an error. Exhaustive: a new kind does not compile before it has a code here.
#[must_use]
pub fn render(error: &Error) -> Status {
    let code = match error {
        Error::Invalid(_) => Code::InvalidArgument,
        Error::Unauthenticated(_) | Error::TokenExpired => Code::Unauthenticated,
        Error::Denied(_) | Error::NotGranted { .. } => Code::PermissionDenied,
        Error::NotFound(..) => Code::NotFound,
        Error::Precondition { .. } => Code::FailedPrecondition,
        Error::KeyReused => Code::AlreadyExists,
        Error::InFlight => Code::Aborted,
        // As the attempt before it, which nobody answered.
        Error::Unavailable { .. } | Error::RepeatedWithoutKey => Code::Unavailable,
        Error::Exhausted { .. } | Error::Quota { .. } | Error::Spent(_) | Error::TooLarge(_) => Code::ResourceExhausted,
        Error::TooSlow => Code::DeadlineExceeded,
        Error::Cancelled => Code::Cancelled,
        Error::Internal { .. } => Code::Internal,
    };
    let metadata: Vec<(String, String)> = match error {
        Error::Precondition { metadata, .. } => {
            metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        }
        Error::Denied(scope) => vec![("scope".to_owned(), (*scope).to_owned())],
        Error::Spent(over) => vec![("limit".to_owned(), over.limit.name().to_owned())],
        _ => Vec::new(),
    };
    let mut details = ErrorDetails::new();
    details.set_error_info(error.reason(), DOMAIN, metadata.into_iter().collect::<HashMap<_, _>>());
    if let Error::Invalid(violations) = error {
        let of = |v: &crate::error::Violation| FieldViolation::new(v.field.clone(), v.description.clone());
        details.set_bad_request(violations.iter().map(of).collect::<Vec<_>>());
    }
    let quota = match error {
        Error::Quota { quota, .. } => Some(*quota),
        Error::Spent(over) => Some(over.limit.name()),
        _ => None,
    };
    if let Some(quota) = quota {
        details.set_quota_failure(vec![QuotaViolation::new(quota, error.message())]);
    }
    if let Some(wait) = error.retry_after() {
        details.set_retry_info(Some(wait));
    }
    Status::with_error_details(code, error.message(), details)
}

/// An error that is none of the service's, with the one detail that every error has.
fn informed(code: Code, reason: &str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, HashMap::<String, String>::new());
    Status::with_error_details(code, message, details)
}

/// The deadline that the caller gave, or that a method has of itself, has passed.
pub(super) fn too_late(message: &str) -> Status {
    informed(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
}

/// Returns an answer of the gRPC library's own as the contract promises every error; `None` for one of ours, which has its details.
pub(super) fn of_the_library(given: &Status) -> Option<Status> {
    if !given.details().is_empty() {
        return None;
    }
    let with = |reason: &str, message: &str| Some(informed(given.code(), reason, message));
    match given.code() {
        // Ours have details: this is of the bytes that came.
        Code::Internal => Some(undecodable(given.message())),
        Code::ResourceExhausted => with("BODY_TOO_LARGE", given.message()),
        Code::Unimplemented => {
            with("UNIMPLEMENTED", "There is no such method, or it does not take this encoding: gzip, or none")
        }
        _ => None,
    }
}

/// The codec's answer to bytes that are no such message, as the caller's fault that it is. `words` come from the
/// codec and name the field, for example `SendSingleRequest.text: invalid string value`.
pub(super) fn undecodable(words: &str) -> Status {
    let path = words.split_once("Protobuf message: ").map_or(words, |(_, path)| path);
    let field = path.split(':').next().filter(|f| f.contains('.')).and_then(|f| f.split('.').nth(1)).unwrap_or("");
    render(&Error::invalid(
        field.to_owned(),
        "cannot be decoded: the bytes are not a message of this type, or not UTF-8",
    ))
}
