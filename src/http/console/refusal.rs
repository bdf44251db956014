//! Why there is no page. It is told in the frame by [`layout::told`](super::layout::told), which knows who asked.

use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Refusal(pub Problem);
impl<P: Into<Problem>> From<P> for Refusal {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Writes the cause into the log, and knows the status and when to come again.
        let mut answer = self.0.clone().into_response();
        answer.headers_mut().remove(WWW_AUTHENTICATE);
        answer.extensions_mut().insert(self);
        answer
    }
}
