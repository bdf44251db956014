//! `google.rpc.Status`, where it is a part of an answer: the library's own has no JSON.

use pbjson_types::Any;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use tonic_types::{ErrorDetails, StatusExt as _};

/// An error with its details.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The number of the gRPC code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// For people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Messages of `google/rpc/error_details.proto`.
    #[prost(message, repeated, tag = "3")]
    #[serde(skip_deserializing)]
    pub details: Vec<Any>,
}

impl Status {
    /// The same as a call ends with it.
    #[must_use]
    pub fn as_end(&self) -> tonic::Status {
        let details = prost::Message::encode_to_vec(self);
        tonic::Status::with_details(tonic::Code::from_i32(self.code), self.message.clone(), details.into())
    }
}

impl Serialize for Status {
    /// In canonical JSON, with the details that this service gives.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let details = details(&self.as_end().get_error_details());
        json!({"code": self.code, "message": self.message, "details": details}).serialize(serializer)
    }
}

fn details(details: &ErrorDetails) -> Vec<Value> {
    let named = |name: &str, mut detail: Value| {
        if let Value::Object(fields) = &mut detail {
            fields.insert("@type".to_owned(), format!("type.googleapis.com/google.rpc.{name}").into());
        }
        detail
    };
    let info = details.error_info().map(|info| {
        named("ErrorInfo", json!({"reason": info.reason, "domain": info.domain, "metadata": info.metadata}))
    });
    let bad = details.bad_request().map(|bad| {
        let violation = |v: &tonic_types::FieldViolation| json!({"field": v.field, "description": v.description});
        named("BadRequest", json!({"fieldViolations": bad.field_violations.iter().map(violation).collect::<Vec<_>>()}))
    });
    let quota = details.quota_failure().map(|quota| {
        let violation = |v: &tonic_types::QuotaViolation| json!({"subject": v.subject, "description": v.description});
        named("QuotaFailure", json!({"violations": quota.violations.iter().map(violation).collect::<Vec<_>>()}))
    });
    let wait = details.retry_info().and_then(|retry| retry.retry_delay);
    let retry = wait.map(|wait| named("RetryInfo", json!({"retryDelay": format!("{}s", wait.as_secs_f64())})));
    [info, bad, quota, retry].into_iter().flatten().collect()
}
