//! Why a command failed, as one line on standard error: code, words, violations, reason, and when to try again.

use std::fmt;
use std::io;

use tonic::Code;
use tonic_types::StatusExt as _;

use super::Exit;
use super::text::plain;
use crate::config;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was called in a way that cannot work.
    Usage(String),
    /// The service cannot be reached.
    Unreachable {
        /// Where it was looked for.
        addr: String,
        /// The network's words.
        cause: String,
    },
    /// The service said no.
    Refused(tonic::Status),
    /// It was understood, and there was nothing to do, or not all of it could be done.
    Undone(String),
    /// The service's answer makes no sense to this client.
    Answer(String),
    /// The result cannot be written.
    Output(io::Error),
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            // What was given cannot be used, whoever finds it out.
            Self::Refused(status) if status.code() == Code::InvalidArgument => Exit::Usage,
            Self::Unreachable { .. } | Self::Refused(_) | Self::Undone(_) | Self::Answer(_) | Self::Output(_) => {
                Exit::Failed
            }
        }
    }

    /// Whether the reader of the results went away.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<config::Error> for Failure {
    fn from(e: config::Error) -> Self {
        if e.passes() { Self::Undone(e.to_string()) } else { Self::Usage(e.to_string()) }
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(status)
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self::Output(e)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Undone(text) => write!(f, "error: {}", plain(text)),
            Self::Unreachable { addr, cause } => {
                write!(f, "UNAVAILABLE: cannot connect to {}: {}", plain(addr), plain(cause))
            }
            Self::Refused(status) => refused(status, f),
            Self::Answer(text) => write!(f, "error: the service's answer cannot be used: {}", plain(text)),
            Self::Output(e) => write!(f, "error: the result cannot be written: {e}"),
        }
    }
}

fn refused(status: &tonic::Status, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}: {}", code(status.code()), plain(status.message()))?;
    let details = status.get_error_details();
    let violations: Vec<String> = details
        .bad_request()
        .map(|bad| bad.field_violations.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|v| format!("{}: {}", plain(&v.field), plain(&v.description)))
        .collect();
    if !violations.is_empty() {
        write!(f, " [{}]", violations.join("; "))?;
    }
    if let Some(info) = details.error_info() {
        write!(f, " ({}", plain(&info.reason))?;
        // Sorted: the same error reads the same every time.
        let mut metadata: Vec<_> = info.metadata.iter().collect();
        metadata.sort();
        for (key, value) in metadata {
            write!(f, ", {}={}", plain(key), plain(value))?;
        }
        f.write_str(")")?;
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        write!(f, "; try again in {} s", delay.as_secs_f64())?;
    }
    Ok(())
}

/// The code's name as the gRPC documentation spells it, so that it can be searched for.
fn code(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
