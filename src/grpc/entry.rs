//! The frame of every method: who was let in, under which request id, until when, and how errors leave.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::admission::{Permit, Quota};
use crate::auth::Caller;
use crate::domain::trace::TraceContext;
use crate::error::Error;
use crate::grpc::{GrpcApi, status};

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The context of a call besides its message.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// Names the call in the log and in the answer.
    pub request_id: Arc<str>,
    /// When the caller stops listening.
    pub deadline: Option<Instant>,
    /// The caller, once it is known, for the log.
    pub owner: Arc<OnceLock<i64>>,
    /// Its place among the calls in flight.
    pub permit: Permit,
    /// Its span, which what follows from it is a child of.
    pub trace: Option<TraceContext>,
}

impl GrpcApi {
    /// The caller, who was let in by the headers alone, the call and the message of a request.
    pub(super) fn enter<T>(request: Request<T>) -> Result<(Caller, Call, T), Status> {
        let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
        let caller = request.extensions().get::<Caller>().cloned();
        let unknown = || call.refuse(&Error::Internal { cause: "a method without admission".to_owned() });
        Ok((caller.ok_or_else(unknown)?, call.clone(), request.into_inner()))
    }

    /// The same for a call that takes a place of another kind than calls in flight do.
    pub(super) fn enter_as<T>(&self, quota: Quota, request: Request<T>) -> Result<(Caller, Call, T), Status> {
        let (caller, call, request) = Self::enter(request)?;
        let taken = call.permit.take(self.service.admission(), quota, caller.share());
        taken.map_err(|e| call.refuse(&e))?;
        Ok((caller, call, request))
    }
}

impl Call {
    /// Renders an error, and writes its cause to the log under the call's id.
    pub(super) fn refuse(&self, error: &Error) -> Status {
        if let Some(cause) = error.cause() {
            tracing::error!(request_id = &*self.request_id, reason = error.reason(), cause, "a call failed");
        }
        status::render(error)
    }

    /// The result of a method.
    pub(super) fn answer<T>(&self, done: Result<T, Error>) -> Result<Response<T>, Status> {
        done.map(Response::new).map_err(|e| self.refuse(&e))
    }

    /// The answers of a stream without an end of its own, until the caller stops listening.
    pub(super) fn watch<T: Send + 'static>(
        self,
        watch: Result<BoxStream<'static, Result<T, Error>>, Error>,
    ) -> Result<Response<Answers<T>>, Status> {
        let watch = watch.map_err(|e| self.refuse(&e))?;
        let deadline = self.deadline;
        let told = watch.map(move |watched| watched.map_err(|e| self.refuse(&e)));
        let Some(deadline) = deadline else { return Ok(Response::new(Box::pin(told))) };
        let over = || status::too_late("The deadline passed; watch again with the last resume_token");
        let over = futures::stream::once(async move { Err(over()) });
        Ok(Response::new(Box::pin(told.take_until(tokio::time::sleep_until(deadline)).chain(over))))
    }
}
