//! Between HTTP and the contract's messages: path, query and body become a request message, an answer its canonical JSON.
//!
//! The rules are those of google.api.http: what the path names comes from there, a body holds the other fields, and
//! without a body the query does. Names may be written `page_size` or `pageSize`.

mod unreadable;

use std::sync::LazyLock;

use axum::extract::{FromRequest, FromRequestParts as _, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::auth::Caller;
use crate::error::{Error, Violation};
use crate::http::entry::{self, Call, HttpApi};
use crate::http::problem::Problem;

/// The contract, as the program itself serves it.
pub(super) static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::proto::DESCRIPTORS).unwrap_or_default());

/// The header that makes a call repeatable.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request message, who sent it, and in which call.
pub(super) struct Asked<M> {
    pub(super) caller: Caller,
    pub(super) call: Call,
    pub(super) message: M,
}

impl<M: Message + Name + Default> FromRequest<HttpApi> for Asked<M> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &HttpApi) -> Result<Self, Problem> {
        let (mut head, body) = request.into_parts();
        let (caller, call) = entry::admitted(&head)?;
        let path = RawPathParams::from_request_parts(&mut head, api).await;
        let path = path.map_err(|_| Problem::invalid("path", "is not UTF-8"))?;
        let descriptor = descriptor::<M>()?;
        let reads_body = !matches!(head.method, Method::GET | Method::DELETE);
        let mut fields = Map::new();
        if reads_body {
            match entry::json(api.service.admission(), (&caller, &call), &head.headers, body).await? {
                None => {}
                Some(Value::Object(given)) => fields = given,
                Some(_) => return Err(Problem::invalid("body", "must be a JSON object")),
            }
        }
        let mut wrong = Vec::new();
        for (name, value) in url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
            match field(&descriptor, &name).filter(|_| !reads_body) {
                Some(field) => put(&mut fields, &field, &value, &mut wrong),
                None => wrong.push(Violation::new(name, "is not a parameter of this route")),
            }
        }
        for (name, value) in &path {
            let field = descriptor.get_field_by_name(name).ok_or_else(|| no_field(&descriptor, name))?;
            fields.remove(field.name());
            fields.remove(field.json_name());
            put(&mut fields, &field, value, &mut wrong);
        }
        if let Some(field) = descriptor.get_field_by_name("idempotency_key") {
            take_key(&head.headers, &mut fields, &field, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong).into());
        }
        Ok(Self { caller, call, message: from_json(&Value::Object(fields))? })
    }
}

/// The key may come in the header or in the body; two that differ are a mistake.
fn take_key(headers: &HeaderMap, fields: &mut Map<String, Value>, field: &FieldDescriptor, wrong: &mut Vec<Violation>) {
    let Some(given) = headers.get(IDEMPOTENCY_KEY) else { return };
    let in_body = fields.remove(field.name()).or_else(|| fields.remove(field.json_name()));
    let Ok(given) = given.to_str() else {
        wrong.push(Violation::new("idempotency_key", "must be at most 255 printable ASCII characters"));
        return;
    };
    if in_body.is_some_and(|key| key != given && key != "") {
        wrong.push(Violation::new("idempotency_key", "must be the same in the header and in the body"));
    }
    fields.insert(field.name().to_owned(), given.into());
}

/// The field of this name, as the contract or as JSON writes it.
fn field(descriptor: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name))
}

/// Puts a text from a URL where the field's JSON would be.
fn put(fields: &mut Map<String, Value>, field: &FieldDescriptor, text: &str, wrong: &mut Vec<Violation>) {
    let kind = field.kind();
    let value = match &kind {
        Kind::Int32 if text.parse::<i32>().is_err() => Err(()),
        Kind::Int64 if text.parse::<i64>().is_err() => Err(()),
        Kind::Bool => text.parse().map(Value::Bool).map_err(drop),
        Kind::Enum(of) => match text.parse::<i32>() {
            Ok(number) => Ok(number.into()),
            Err(_) if of.get_value_by_name(text).is_none() => Err(()),
            Err(_) => Ok(text.into()),
        },
        _ => Ok(text.into()),
    };
    match value {
        Err(()) => wrong.push(Violation::new(field.name(), unreadable::wording(&kind))),
        Ok(value) if field.is_list() => {
            let list = fields.entry(field.name()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(value);
            }
        }
        Ok(value) => {
            if fields.insert(field.name().to_owned(), value).is_some() {
                wrong.push(Violation::new(field.name(), "is given twice"));
            }
        }
    }
}

/// A route whose path names what its request does not have: a fault of ours, at its first call.
fn no_field(descriptor: &MessageDescriptor, name: &str) -> Error {
    Error::Internal { cause: format!("{} has no field {name}, and a path names it", descriptor.full_name()) }
}

fn descriptor<M: Name>() -> Result<MessageDescriptor, Error> {
    let name = M::full_name();
    CONTRACT.get_message_by_name(&name).ok_or_else(|| Error::Internal { cause: format!("there is no {name}") })
}

/// The message that the JSON stands for.
pub(super) fn from_json<M: Message + Name + Default>(json: &Value) -> Result<M, Problem> {
    let descriptor = descriptor::<M>()?;
    let read = DynamicMessage::deserialize(descriptor.clone(), json).map_err(drop);
    let message = read.and_then(|message| message.transcode_to().map_err(drop));
    message.map_err(|()| {
        let mut wrong = unreadable::violations(&descriptor, json);
        if wrong.is_empty() {
            wrong.push(Violation::new("body", "cannot be read"));
        }
        Error::Invalid(wrong).into()
    })
}

/// The message as canonical JSON: `lowerCamelCase`, 64-bit numbers as text, times in RFC 3339, and without what is at
/// its default.
pub(super) fn to_value<M: Message + Name>(message: &M) -> Result<Value, Error> {
    let lost = |e: &dyn std::fmt::Display| Error::Internal { cause: format!("an answer has no JSON: {e}") };
    let bytes = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor::<M>()?, bytes.as_slice()).map_err(|e| lost(&e))?;
    let mut json = serde_json::to_value(&message).map_err(|e| lost(&e))?;
    write_whole_numbers_whole(&mut json);
    Ok(json)
}

/// The same as text.
pub(super) fn to_json<M: Message + Name>(message: &M) -> Result<String, Error> {
    to_value(message).map(|json| json.to_string())
}

/// A `1` of the provider's is a double in a `Struct`, and would read `1.0`.
fn write_whole_numbers_whole(json: &mut Value) {
    match json {
        Value::Number(n) => {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
            if let Some(whole) = n.as_f64().filter(|f| n.is_f64() && f.fract() == 0.0 && f.abs() < 9e15) {
                *json = (whole as i64).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(write_whole_numbers_whole),
        Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers_whole),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// An answer of the contract.
pub(super) struct Answer<M>(pub M);

impl<M: Message + Name> IntoResponse for Answer<M> {
    fn into_response(self) -> Response {
        match to_json(&self.0) {
            Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
            Err(e) => Problem::from(e).into_response(),
        }
    }
}
