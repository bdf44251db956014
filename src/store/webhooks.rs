//! Webhook endpoints: what they are, how far their events are delivered, and which are delivered for themselves.

mod cursors;
mod endpoints;
mod exceptions;
mod facts;

pub use cursors::{Cursor, Held, Progress, Renewed, Settled};
pub use endpoints::{Endpoint, EndpointChange, EndpointStanding, NewEndpoint, SecretOf, Start};
pub use exceptions::{Exception, ExceptionState, NewException};
pub use facts::EventFacts;
