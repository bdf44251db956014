//! The configuration: read once, from the environment that is passed in, and checked whole before anything starts.

mod addresses;
mod collecting;
mod declared;
mod env;
mod error;
mod fallback;
mod identities;
mod load;
mod misspelt;
mod pairs;
mod reference;
pub(crate) mod secrets;
mod serving;
mod values;
mod variable;
pub(crate) mod variables;

pub use env::Env;
pub use error::Error;
pub(crate) use load::{console, data_dir, database, tokens};
pub use misspelt::misspelt;
pub use reference::{example, page};
pub use serving::{Config, Console, Database, Grpc, Http, Provider, Spooling, TlsFiles, Work};
