//! Each RPC of the contract as a call to the service, from its request message to its answer: the same for whichever
//! API it came through. The APIs add who calls, and how errors and streams leave.

pub mod admin;
pub mod campaigns;
mod convert;
pub mod fleet;
pub mod inbound;
pub mod messages;
pub mod numbers;
pub mod users;
pub mod webhooks;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};

pub(crate) use convert::timestamp;

use crate::error::Error;

/// Each step of a stream as the contract has it.
fn answers<T, A>(steps: impl Stream<Item = Result<T, Error>> + Send + 'static) -> BoxStream<'static, Result<A, Error>>
where
    T: Into<A>,
{
    steps.map(|step| step.map(Into::into)).boxed()
}
