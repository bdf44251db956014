//! The console's phone over the sandbox inside: the one knows nothing of the other.

use futures::future::BoxFuture;

use crate::sandbox;
use crate::server::{Arrived, Handsets};

/// The handsets of a sandbox.
#[derive(Debug, Clone)]
pub(super) struct Phone(pub sandbox::Handsets);

impl Handsets for Phone {
    fn arrived(&self, most: usize) -> Vec<Arrived> {
        let all = self.0.latest(most).into_iter();
        all.map(|one| Arrived { to: one.to, from: one.from, text: one.text, at: one.at, id: one.id }).collect()
    }

    fn write<'a>(&'a self, from: &'a str, to: &'a str, text: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(self.0.write(from, to, text))
    }

    fn outage(&self) -> String {
        self.0.outage()
    }

    fn outages(&self) -> Vec<&'static str> {
        sandbox::Handsets::outages()
    }

    fn set_outage(&self, name: &str) -> bool {
        self.0.set_outage(name)
    }
}
