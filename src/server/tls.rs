//! The gRPC listener's TLS: one set of certificates in force, which a reload replaces as a whole or not at all.

mod files;
mod incoming;
mod io;

pub use files::{Error, Fault, Files, Variable};
pub use incoming::{Limits, incoming, incoming_within};
pub use io::Io;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::rustls::ServerConfig;

/// The certificates in force. Clones share them: a reload through one is seen by all.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: Files,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files and checks that they fit together.
    pub fn load(files: Files) -> Result<Self, Error> {
        let config = ArcSwap::new(files.read()?);
        Ok(Self(Arc::new(Shared { files, config })))
    }

    /// Reads the files again. New connections take what was read; those that are open live on as they are.
    /// After an error, what was in force stays in force.
    pub fn reload(&self) -> Result<(), Error> {
        self.0.config.store(self.0.files.read()?);
        Ok(())
    }

    /// The configuration of handshakes that begin now.
    fn config(&self) -> Arc<ServerConfig> {
        self.0.config.load_full()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}
