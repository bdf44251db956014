//! What each RPC of the contract asks of the service, from its request message to its answer: the same for whichever
//! door it came through. Doors add who calls, and how errors and streams leave.

pub mod campaigns;
mod convert;
pub mod messages;
mod places;

pub(crate) use places::Place;
pub use places::Places;
