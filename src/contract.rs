//! Each RPC of the contract as a call to the service, from its request message to its answer: the same for whichever
//! API it came through. The APIs add who calls, and how errors and streams leave.

pub mod admin;
pub mod campaigns;
mod convert;
pub mod inbound;
pub mod messages;
pub mod webhooks;
