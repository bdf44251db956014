//! Before every method: who calls, by the headers alone, and whether there is a place for it. Not a byte of the request is read
//! for anybody else.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use tonic::body::Body;
use tower::Layer;

use crate::admission::{Peer, Quota, Who};
use crate::auth::{Caller, Credentials};
use crate::error::Error;
use crate::grpc::body::Bounded;
use crate::grpc::entry::Call;
use crate::grpc::observe::counted;
use crate::service::Service;

/// Puts what the module says around the routes.
#[derive(Debug, Clone)]
pub struct AdmitLayer(pub Service);

impl<S> Layer<S> for AdmitLayer {
    type Service = Admit<S>;

    fn layer(&self, inner: S) -> Admit<S> {
        Admit { inner, service: self.0.clone() }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Admit<S> {
    inner: S,
    service: Service,
}

impl<S> tower::Service<Request<Body>> for Admit<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let service = self.service.clone();
        Box::pin(async move {
            let call = request.extensions().get::<Call>().cloned().unwrap_or_default();
            let (mut head, body) = request.into_parts();
            let method = head.uri.path().trim_start_matches('/').to_owned();
            if !counted(&method) {
                // Whoever looks whether the server lives needs no credentials; that is bounded all the same.
                let who = Peer::address(&head.extensions).map_or(Who::Unknown, Who::Address);
                return match call.permit.take_as(service.admission(), Quota::Open, who) {
                    Ok(()) => {
                        let body = Bounded::open(body, service.admission().clone(), call.permit.clone());
                        inner.call(Request::from_parts(head, Body::new(body))).await
                    }
                    Err(e) => Ok(call.refuse(&e).into_http()),
                };
            }
            let caller = match admit(&service, &call, &head).await {
                Ok(caller) => caller,
                Err(e) => return Ok(call.refuse(&e).into_http()),
            };
            Peer::vouch(&head.extensions, Some(caller.user));
            let room = service.admission().bytes(Who::Owner(caller.user));
            let body = Bounded::new(body, &method, service.admission().clone(), room, call.permit.clone());
            head.extensions.insert(caller.within(call.trace));
            inner.call(Request::from_parts(head, Body::new(body))).await
        })
    }
}

async fn admit(service: &Service, call: &Call, head: &Parts) -> Result<Caller, Error> {
    let shown = Credentials::shown(&head.headers);
    let caller = service.authenticate(shown, Peer::address(&head.extensions)).await?;
    let _ = call.owner.set(caller.user.0);
    call.permit.take(service.admission(), Quota::Calls, caller.share())?;
    Ok(caller)
}
