//! The console, over the real router: a browser without a script, which keeps its cookie and posts forms.

mod attention;
mod campaigns;
mod forms;
mod frame;
mod hostile;
mod markup;
mod masked;
mod messages;
mod operators;
mod sizes;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use messaging::auth::keys;
use messaging::domain::ids::OwnerId;
use messaging::http::{Console, Front, routes};
use messaging::proto::{Message, SendSingleRequest};
use messaging::service::Service;
use messaging::store::NewApiKey;
use secrecy::ExposeSecret as _;
use tower::ServiceExt as _;

use super::call::Answer;
use crate::support::app::TestApp;

/// Everything that a person can be given.
pub const EVERYTHING: &str = "messages:send messages:read campaigns reveal";
/// The same without `reveal`.
pub const MASKED: &str = "messages:send messages:read campaigns";

/// A browser at one service.
pub struct Browser {
    service: Service,
    pub console: Console,
    pub cookie: String,
}

impl Browser {
    /// At this service, without a session.
    pub fn at(service: &Service) -> Self {
        Self { service: service.clone(), console: Console::default(), cookie: String::new() }
    }

    /// Signed in by a key of this user's with these scopes. Returns the key's id, too.
    pub async fn signed_in(app: &TestApp, user: OwnerId, scopes: &str) -> (Self, i64) {
        let (key, id) = key(app, user, scopes).await;
        let mut browser = Self::at(&app.service);
        let answer = browser.post("/console/sign-in", &[("key", &key)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        browser.keep(&answer);
        (browser, id)
    }

    /// Keeps the cookie of an answer, as browsers do.
    pub fn keep(&mut self, answer: &Answer) {
        let set = answer.headers["set-cookie"].to_str().unwrap();
        set.split(';').next().unwrap().clone_into(&mut self.cookie);
    }

    pub async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        let front = Front { console: Some(self.console.clone()), ..Front::default() };
        let request = if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) };
        let answer = routes(&self.service, front).oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
        Answer { status, headers, bytes }
    }

    /// Opens a stream of parts. It is told as it comes.
    pub async fn follow(&self, path: &str) -> Parts {
        let front = Front { console: Some(self.console.clone()), ..Front::default() };
        let request = Request::get(path).header("cookie", &self.cookie).body(Body::empty()).unwrap();
        let answer = routes(&self.service, front).oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Parts(answer.into_body())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    /// The text of a page that is there.
    #[track_caller]
    pub fn page(&self, path: &str) -> impl Future<Output = String> {
        let (request, path) = (self.get(path), path.to_owned());
        async move {
            let answer = request.await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            answer.text()
        }
    }

    /// Posts a form of a page of this site.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path).header("sec-fetch-site", "same-origin");
        self.send(request.header("content-type", "application/x-www-form-urlencoded"), body).await
    }

    /// Posts a form, and returns where it leads to.
    #[track_caller]
    pub fn led(&self, path: &str, fields: &[(&str, &str)]) -> impl Future<Output = String> {
        let (request, path) = (self.post(path, fields), path.to_owned());
        async move {
            let answer = request.await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.text());
            answer.headers["location"].to_str().unwrap().to_owned()
        }
    }
}

/// The parts of a page, one after the other.
pub struct Parts(Body);

impl Parts {
    /// The next one, as it stands on the wire.
    pub async fn part(&mut self) -> String {
        let frame = self.0.frame().await.unwrap().unwrap().into_data().unwrap();
        String::from_utf8(frame.to_vec()).unwrap()
    }

    /// All that are left, until the stream ends.
    pub async fn rest(self) -> String {
        String::from_utf8(self.0.collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}

/// A key of this user's, and its id.
pub async fn key(app: &TestApp, user: OwnerId, scopes: &str) -> (String, i64) {
    let made = keys::create(rand::random());
    let (hash, hint) = (made.hash, made.hint);
    let new = NewApiKey { user, hash, hint, scopes: scopes.to_owned(), name: None, expires_at: None };
    (made.secret.expose_secret().to_owned(), app.store.create_key(new).await.unwrap())
}

/// A message of alice's.
pub async fn sent(app: &TestApp, request: SendSingleRequest) -> Message {
    let request = SendSingleRequest {
        destination: if request.destination.is_empty() { "+306900000001".to_owned() } else { request.destination },
        text: if request.text.is_empty() { "Hello".to_owned() } else { request.text },
        ..request
    };
    app.alice().send_single(request).await.unwrap().into_inner().message.unwrap()
}
