//! Errors as the HTTP API renders them: a status, and `{message, code}` in JSON.
//!
//! Under `/api/v1` a body also has `violations` (all of them, `{field, description}`) and `metadata` where the error has
//! them. Causes go to the log and never to a caller.

use std::time::Duration;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::{Error, Resource};

/// Why a request has no other answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The service's error.
    Service(Error),
    /// There is no such route.
    NoRoute,
    /// The route does not know this method.
    WrongMethod,
    /// The body is of a type that the route does not read; names those that it does.
    MediaType(&'static str),
    /// The answer did not come in time.
    TimedOut,
}

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        Self::Service(e)
    }
}

impl Problem {
    /// One violation of the request alone.
    pub(super) fn invalid(field: &str, description: impl std::fmt::Display) -> Self {
        Self::Service(Error::invalid(field, description))
    }

    /// The status. Exhaustive: a new kind of error does not compile before it has one here.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        let error = match self {
            Self::Service(error) => error,
            Self::NoRoute => return StatusCode::NOT_FOUND,
            Self::WrongMethod => return StatusCode::METHOD_NOT_ALLOWED,
            Self::MediaType(_) => return StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TimedOut => return StatusCode::GATEWAY_TIMEOUT,
        };
        match error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Unauthenticated(_) | Error::TokenExpired => StatusCode::UNAUTHORIZED,
            Error::Denied(_) | Error::NotGranted { .. } => StatusCode::FORBIDDEN,
            Error::NotFound(..) => StatusCode::NOT_FOUND,
            Error::Precondition { .. } | Error::InFlight | Error::RepeatedWithoutKey => StatusCode::CONFLICT,
            Error::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Exhausted { .. }
            | Error::Quota { .. }
            | Error::Spent(_)
            | Error::Unavailable { reason: "PROVIDER_THROTTLED", .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            // Nobody listens any more; nginx's number for it.
            Error::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word for machines: the reason of the gRPC API's `ErrorInfo`, except where browsers know another one.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Service(Error::NotFound(Resource::Campaign | Resource::User | Resource::Inbound, _))
            | Self::NoRoute => "RESOURCE_NOT_FOUND",
            Self::Service(error) => error.reason(),
            Self::WrongMethod => "METHOD_NOT_ALLOWED",
            Self::MediaType(_) => "UNSUPPORTED_MEDIA_TYPE",
            Self::TimedOut => "TIMED_OUT",
        }
    }

    /// The words for people.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Service(error) => error.message(),
            Self::NoRoute => "No such route".to_owned(),
            Self::WrongMethod => "Method not allowed".to_owned(),
            Self::MediaType(known) => format!("The body must be {known}, and Content-Type say so"),
            Self::TimedOut => "The answer took too long; repeat the call, with the same idempotency key".to_owned(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Service(error) => error.retry_after(),
            Self::TimedOut => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// `{message, code}`; missing and invalid credentials have always been told by the words alone.
    #[must_use]
    pub fn body(&self) -> Value {
        match self {
            Self::Service(Error::Unauthenticated(_)) => json!({"message": self.message()}),
            _ => json!({"message": self.message(), "code": self.code()}),
        }
    }

    /// The same with all that is known.
    fn whole_body(&self) -> Value {
        let mut body = self.body();
        let Value::Object(fields) = &mut body else { return body };
        match self {
            Self::Service(Error::Invalid(violations)) => {
                let told = violations.iter().map(|v| json!({"field": v.field, "description": v.description}));
                fields.insert("violations".to_owned(), told.collect());
            }
            Self::Service(Error::Precondition { metadata, .. }) if !metadata.is_empty() => {
                let told = metadata.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                fields.insert("metadata".to_owned(), Value::Object(told));
            }
            Self::Service(Error::Denied(scope)) => {
                fields.insert("metadata".to_owned(), json!({"scope": scope}));
            }
            Self::Service(Error::Spent(over)) => {
                fields.insert("metadata".to_owned(), json!({"limit": over.limit.name()}));
            }
            _ => {}
        }
        body
    }

    fn answer(&self, body: Value) -> Response {
        if let Self::Service(error) = self
            && let Some(cause) = error.cause()
        {
            tracing::error!(reason = error.reason(), cause, "a request failed");
        }
        let mut answer = (self.status(), Json(body)).into_response();
        if let Some(wait) = self.retry_after() {
            // Whole seconds, never less than asked for.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.answer(self.whole_body())
    }
}

/// A problem as the routes of the existing clients tell it: `{message, code}` and nothing else.
#[derive(Debug)]
pub(super) struct Plain(pub Problem);

impl<P: Into<Problem>> From<P> for Plain {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Plain {
    fn into_response(self) -> Response {
        self.0.answer(self.0.body())
    }
}
