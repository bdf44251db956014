//! The frame of every method: who calls, under which request id, until when, and how errors leave.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::auth::{Caller, Credentials};
use crate::contract::CallPermit;
use crate::error::Error;
use crate::grpc::{GrpcApi, status};

/// The context of a call besides its message.
#[derive(Clone, Debug, Default)]
pub(super) struct Call {
    /// Names the call in the log and in the answer.
    pub request_id: Arc<str>,
    /// When the caller stops listening.
    pub deadline: Option<Instant>,
    /// The caller, once it is known, for the log.
    pub owner: Arc<OnceLock<i64>>,
    /// Its permit to be in flight.
    pub permit: Arc<Mutex<Option<CallPermit>>>,
}

impl GrpcApi {
    /// The caller, the call and the message of a request.
    pub(super) async fn enter<T>(&self, request: Request<T>) -> Result<(Caller, Call, T), Status> {
        let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
        let credentials = Credentials::shown(request.metadata().as_ref());
        let caller = self.service.authenticate(credentials).await.map_err(|e| call.refuse(&e))?;
        let _ = call.owner.set(caller.user.0);
        Ok((caller, call, request.into_inner()))
    }
}

impl Call {
    /// Gives its permit back: for one that has ended, or is bounded by something else.
    pub(super) fn leave(&self) {
        drop(self.permit.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

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
}
