//! Webhook endpoints: what they are, how far their events are delivered, and which are delivered for themselves.

mod cursors;
mod endpoint;
mod endpoints;
mod exceptions;
mod facts;
mod progress;
mod replays;
mod settler;
mod standing;
mod state;

pub(super) use cursors::end_holds;
pub use cursors::{Cursor, Held, Renewed, Start};
pub use endpoint::{Endpoint, SecretOf};
pub use endpoints::{EndpointChange, NewEndpoint};
pub use exceptions::{Exception, ExceptionState, NewException};
pub use facts::EventFacts;
pub use progress::{Progress, Settled};
pub(super) use settler::Settler;
pub use standing::EndpointStanding;
