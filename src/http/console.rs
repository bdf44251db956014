//! `/console`: pages for people, made whole on this side; a script only lets them move. A page asks what the RPCs ask, and an act of a
//! page is a form that is posted. [`safety`] keeps other sites out, [`session`] strangers.

mod again;
mod attention;
mod audit;
mod campaign;
mod campaigns;
mod desk;
mod drafts;
mod endpoint;
mod endpoint_facts;
mod endpoints;
mod field;
mod find;
mod form;
mod inbox;
mod layout;
mod live;
mod message;
mod message_facts;
mod messages;
mod new_campaign;
mod now;
mod number;
mod operated;
mod phone;
mod reasons;
mod refusal;
mod safety;
mod session;
mod sight;
mod sign_in;
mod statics;
mod system;
mod timeline;
mod times;
mod today;
mod user;
mod user_grants;
mod user_keys;
mod user_limits;
mod users;
mod words;

pub use phone::{Arrived, Handsets};

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use axum::routing::{MethodRouter, any, get};
use axum::{Router, middleware};
use url::Url;

use crate::http::entry::HttpApi;
use crate::http::guard;

/// The console, as it is to be served.
#[derive(Debug, Clone, Default)]
pub struct Console {
    /// Where browsers reach the listener, with the path that a proxy takes off; else where they say that they do.
    pub origin: Option<Url>,
    /// Whether browsers reach it by TLS alone: its cookies are for nothing else then.
    pub secure: bool,
    /// The handsets of the sandbox inside, if there is one.
    pub handsets: Option<Arc<dyn Handsets>>,
}

impl Console {
    /// The path that a proxy takes off, without a slash at its end.
    fn prefix(&self) -> &str {
        self.origin.as_ref().map_or("", |url| url.path().trim_end_matches('/'))
    }

    /// An address of this listener as a browser has to ask for it.
    fn to(&self, path: &str) -> String {
        format!("{}{path}", self.prefix())
    }
}

/// The state that the console's routes share.
#[derive(Clone)]
struct Site {
    api: HttpApi,
    console: Arc<Console>,
}

/// Routes with their handlers.
type Routes = Vec<(&'static str, MethodRouter<Site>)>;

/// The pages: they change nothing.
fn pages() -> Routes {
    let groups = [
        now::pages(),
        messages::pages(),
        message::pages(),
        number::pages(),
        campaigns::pages(),
        new_campaign::pages(),
        drafts::pages(),
        campaign::pages(),
        endpoints::pages(),
        endpoint::pages(),
        inbox::pages(),
        attention::pages(),
        operated::pages(),
        system::pages(),
        users::pages(),
        user::pages(),
        audit::pages(),
        phone::pages(),
    ];
    groups.into_iter().flatten().collect()
}

/// The acts: every one is posted.
fn acts() -> Routes {
    let groups = [
        find::acts(),
        message::acts(),
        number::acts(),
        new_campaign::acts(),
        drafts::acts(),
        campaign::acts(),
        again::acts(),
        endpoint::acts(),
        attention::acts(),
        operated::acts(),
        system::acts(),
        users::acts(),
        user::acts(),
        phone::acts(),
        session::acts(),
    ];
    groups.into_iter().flatten().collect()
}

/// The paths of all acts, for tests: what is posted to one from another site does nothing.
#[must_use]
pub fn act_paths() -> Vec<&'static str> {
    let all = [acts(), drafts::uploads(), sign_in::acts()];
    all.into_iter().flatten().map(|(path, _)| path).collect()
}

/// The paths of all pages, for tests.
#[must_use]
pub fn page_paths() -> Vec<&'static str> {
    pages().into_iter().map(|(path, _)| path).collect()
}

/// The routes of the console, or the way to the manual where it is off.
pub(super) fn routes(api: &HttpApi, console: Option<Console>) -> Router {
    let Some(console) = console else {
        return Router::new().route("/", get(|| async { Redirect::to("/docs") }));
    };
    let home = console.to("/console");
    let site = Site { api: api.clone(), console: Arc::new(console) };
    let state = || site.clone();
    let whole = || middleware::from_fn_with_state(api.clone(), guard::to_its_end);
    let prompt = router(pages()).merge(router(acts()).layer(whole())).layer(middleware::from_fn(guard::in_time));
    let slow = router(drafts::uploads()).layer(whole()).merge(router(live::streams()));
    let own = prompt.merge(slow).layer(middleware::from_fn_with_state(state(), session::entered));
    let open = router(sign_in::pages()).merge(router(sign_in::acts()));
    let open = open.route("/console/", get(home_of)).route("/console/{*rest}", any(nowhere));
    let open = open.layer(middleware::from_fn_with_state(state(), session::unsigned));
    // They are in memory and cost nothing: strangers who take every place of theirs do not take their looks from the others.
    own.merge(open)
        .merge(router(statics::files()))
        .method_not_allowed_fallback(nowhere)
        .layer(middleware::from_fn(guard::permitted))
        .layer(middleware::from_fn_with_state(state(), safety::kept))
        .route("/", get(move || async move { Redirect::to(&home) }))
        .with_state(site)
}

/// The way to the first page for whoever typed a slash behind it.
async fn home_of(State(site): State<Site>) -> Redirect {
    Redirect::permanent(&site.console.to("/console"))
}

/// No page: a person is told so by one, and where there are some.
async fn nowhere(State(site): State<Site>) -> Response {
    let why = "The address is mistyped, or of another release.";
    layout::bare(&site, StatusCode::NOT_FOUND, "There is no such page", why)
}

fn router(routes: Routes) -> Router<Site> {
    routes.into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler))
}
