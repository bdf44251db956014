//! The configuration: read once, from the environment that is passed in, and checked whole before anything starts.

mod addresses;
mod declared;
mod env;
mod error;
mod fallback;
mod identities;
mod load;
mod reference;
mod serving;
mod values;
mod variable;
pub(crate) mod variables;

pub use env::Env;
pub use error::Error;
pub(crate) use load::{data_dir, database};
pub use reference::{example, page};
pub use serving::{Config, Grpc, Provider, Spooling, TlsFiles, Work};
