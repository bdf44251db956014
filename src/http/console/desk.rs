//! Who asks for a page, and with what: every handler of a signed-in person begins with it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use crate::auth::{Caller, Scope};
use crate::domain::phone::Msisdn;
use crate::error::Error;
use crate::http::console::refusal::Refusal;
use crate::http::console::sight::Sight;
use crate::http::console::{Site, words};
use crate::http::entry::Call;
use crate::proto::{Message, MessageStatus};
use crate::service::Service;

/// See the module.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) site: Site,
    pub(super) caller: Caller,
    pub(super) call: Call,
    /// The words for what was done just before, if the page is shown for it.
    pub(super) done: Option<&'static str>,
}

impl FromRequestParts<Site> for Desk {
    type Rejection = Refusal;

    async fn from_request_parts(head: &mut Parts, _: &Site) -> Result<Self, Refusal> {
        let desk = head.extensions.get::<Arc<Self>>().map(|desk| Self::clone(desk));
        desk.ok_or_else(|| Error::Internal { cause: "a page without a session".to_owned() }.into())
    }
}

impl Desk {
    pub(super) fn service(&self) -> &Service {
        &self.site.api.service
    }

    /// The address of a place of the console, such as `/messages`.
    pub(super) fn to(&self, place: &str) -> String {
        self.site.console.to(&format!("/console{place}"))
    }

    /// Leads on to a place after an act; the word says there what was done.
    pub(super) fn done(&self, place: &str, word: &str) -> Response {
        Redirect::to(&self.to(&format!("{place}?done={word}"))).into_response()
    }

    /// How much this person sees.
    pub(super) fn sight(&self) -> Sight {
        Sight { whole: self.caller.has(Scope::Reveal) }
    }

    /// Whether the person may do this; the service asks again.
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.caller.has(scope)
    }

    /// The place of a number's page. The number is covered in it.
    pub(super) fn number_place(&self, number: &str) -> Result<String, Error> {
        Ok(format!("/numbers/{}", self.service().cover_number(&self.caller, number)?))
    }

    /// A number as this person sees it, leading to its page.
    pub(super) fn number(&self, number: &str) -> Result<Markup, Error> {
        let seen = self.sight().number(number);
        if Msisdn::from_stored(number.to_owned()).is_erased() {
            return Ok(seen);
        }
        let place = self.to(&self.number_place(number)?);
        Ok(html! { a href=(place) { (seen) } })
    }

    /// The reason that keeps a message back that waits to be sent, if nothing is sent on its route account now.
    pub(super) fn held(&self, message: &Message) -> Option<&'static str> {
        let waits = message.status == i32::from(MessageStatus::Queued);
        words::held(self.service().holding(&message.traffic_account_id)).filter(|_| waits)
    }

    /// Writes down what was done, where the call itself is no act of the audit.
    pub(super) async fn note(&self, what: &str) {
        self.service().note_console(&self.caller, what).await;
    }
}
