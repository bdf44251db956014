//! The names of receivers: what they lead to, looked up in turns, without what may not be called.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::ids::OwnerId;
use crate::domain::webhook::address::Nets;
use crate::domain::webhook::target;
use crate::turns::Turns;

tokio::task_local! {
    /// Whose call it is that a name is looked up for: the HTTP client hands a name on, and nothing besides.
    static OWNER: OwnerId;
}

/// The owner of look-ups that the HTTP client makes outside the call that they are for. Users have greater ids.
const NOBODY: OwnerId = OwnerId(0);

/// Whoever knows where names lead.
#[async_trait]
pub trait Names: Send + Sync {
    /// The addresses behind a name.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The names that the system knows. A look-up takes a thread for as long as the name's own server likes, also when nobody waits any more.
pub struct System;

#[async_trait]
impl Names for System {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|at| at.ip()).collect())
    }
}

/// Addresses that a name leads to, of which none may be called.
#[derive(Debug, thiserror::Error)]
#[error("no address that may be called")]
pub(super) struct NotAllowed;

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("no such name")]
pub(super) struct NoName;

/// Looks names up, and leaves out what may not be called.
#[derive(Clone)]
pub(super) struct Guarded {
    /// Whoever knows them.
    pub names: Arc<dyn Names>,
    /// The turns of look-ups.
    pub turns: Arc<Turns>,
    /// Nets that may be called besides public addresses.
    pub nets: Nets,
    /// Whether the call is not encrypted: then nothing but those nets may be called.
    pub in_clear: bool,
}

/// Makes a call for this owner, whose look-up the call's names are.
pub(super) async fn on_behalf_of<F: Future>(owner: OwnerId, call: F) -> F::Output {
    OWNER.scope(owner, call).await
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { names, turns, nets, in_clear } = self.clone();
        let owner = OWNER.try_get().unwrap_or(NOBODY);
        Box::pin(async move {
            let turn = turns.turn(owner).await;
            // A task of its own: who stops waiting does not end the look-up, and its turn lasts as long.
            let found = tokio::spawn(async move {
                let found = names.addresses(name.as_str()).await;
                drop(turn);
                found
            });
            let found = found.await?.map_err(|_| NoName)?;
            let allowed = |at: &IpAddr| target::allows(&nets, *at, in_clear);
            let allowed: Vec<SocketAddr> =
                found.iter().copied().filter(allowed).map(|at| SocketAddr::new(at, 0)).collect();
            match (found.is_empty(), allowed.is_empty()) {
                (true, _) => Err(NoName.into()),
                (false, true) => Err(NotAllowed.into()),
                (false, false) => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
