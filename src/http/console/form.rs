//! The names and values that a form posts, and that an address asks for.

use axum::extract::{FromRequest, Request};
use futures::TryStreamExt as _;

use crate::admission::Who;
use crate::error::Error;
use crate::http::console::Site;
use crate::http::console::desk::Desk;
use crate::http::console::refusal::Refusal;
use crate::http::entry;
use crate::http::problem::Problem;

/// The longest form, in bytes; files go another way.
const MOST: usize = 1 << 20;

/// Names and values, in their order.
#[derive(Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// No fields.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Reads the form in which browsers write them.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The value of this name without white space around it; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value as it is.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }

    /// The same fields with one of them set, as an address has them.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(of, value)| of != name && !value.is_empty() && of != "done");
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        for (of, value) in others {
            text.append_pair(of, value);
        }
        text.append_pair(name, value).finish()
    }
}

/// The name of a field, and what is wrong with it.
pub(super) type Wrong = (String, String);

/// The result of an act, or the mistakes in the form that asked for it.
pub(super) fn taken<T>(done: Result<T, Error>) -> Result<Result<T, Vec<Wrong>>, Error> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(Error::Invalid(wrong)) => Ok(Err(wrong.into_iter().map(|v| (v.field, v.description)).collect())),
        Err(e) => Err(e),
    }
}

/// A form that a signed-in person posted.
pub(super) struct Form {
    pub(super) desk: Desk,
    pub(super) fields: Fields,
}

/// The fields of an address that a signed-in person asks for.
pub(super) struct Asked {
    pub(super) desk: Desk,
    pub(super) fields: Fields,
}

impl axum::extract::FromRequestParts<Site> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut axum::http::request::Parts, site: &Site) -> Result<Self, Refusal> {
        let desk = Desk::from_request_parts(head, site).await?;
        Ok(Self { desk, fields: Fields::read(head.uri.query().unwrap_or_default().as_bytes()) })
    }
}

impl FromRequest<Site> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        use axum::extract::FromRequestParts as _;
        let (mut head, body) = request.into_parts();
        let desk = Desk::from_request_parts(&mut head, site).await?;
        let admission = site.api.service.admission();
        let mut room = admission.bytes(Who::Owner(desk.caller.user));
        let mut bytes = Vec::new();
        let mut chunks = std::pin::pin!(entry::chunks(body, MOST));
        while let Some(chunk) = chunks.try_next().await? {
            admission.resize(&mut room, bytes.len() + chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        desk.call.permit.keep(room);
        let kind = entry::media_type(&head.headers);
        if !bytes.is_empty() && kind != FORM {
            return Err(Problem::MediaType(FORM).into());
        }
        Ok(Self { desk, fields: Fields::read(&bytes) })
    }
}

/// The media type of a form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
