//! `SendMany`: the sends of one stream, side by side, each told for itself; read no faster than what is told of them.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use tokio::task::JoinSet;

use crate::admission::{Permit, Quota, Who};
use crate::auth::{Caller, Scope};
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::service::send::{SendSingle, Sent};

/// How many sends of one stream are in hand at once, those of which nobody has read yet what became of them among them: half of what
/// one transaction takes.
const IN_HAND: usize = 128;

/// One send of a stream, as the caller gave it.
pub struct GivenSend {
    /// The caller's own name for it.
    pub sequence: i64,
    /// The send.
    pub request: SendSingle,
    /// The faults of what could not be read.
    pub violations: Vec<Violation>,
    /// How many bytes it took.
    pub bytes: usize,
}

/// One send of a stream, done or refused.
pub struct ToldSend {
    /// The caller's own name for it.
    pub sequence: i64,
    /// The result, or why it was not done.
    pub sent: Result<Sent, Error>,
}

/// The sends of a stream in the order in which they were done.
pub type SendStream = Pin<Box<dyn Stream<Item = Result<ToldSend, Error>> + Send>>;

impl Service {
    /// Sends what is given, until it ends. Each send counts into its caller's share of calls and of bytes while it is in hand, and into its
    /// owner's limits, as one alone does: where there is no room, it waits until one before it is done. An error of the stream itself is that
    /// the credentials have ended, or that the process stops: what is in hand then is told first.
    ///
    /// Dropped, it ends what is not stored yet, and nothing else.
    pub fn send_many(
        &self,
        caller: &Caller,
        given: impl Stream<Item = GivenSend> + Send + 'static,
    ) -> Result<SendStream, Error> {
        caller.require(Scope::MessagesSend)?;
        Ok(self.while_allowed(caller, self.clone().side_by_side(caller.clone(), given)))
    }

    fn side_by_side(
        self,
        caller: Caller,
        given: impl Stream<Item = GivenSend> + Send + 'static,
    ) -> impl Stream<Item = Result<ToldSend, Error>> + Send {
        async_stream::try_stream! {
            let mut given = pin!(given);
            // Tasks, so that a reader who does not read keeps no place of those who do.
            let mut sends = JoinSet::new();
            let (mut next, mut ended, mut stopped) = (None, false, false);
            loop {
                if let Some(send) = next.take() {
                    match self.place(&caller, &send) {
                        Ok(place) => {
                            sends.spawn(self.clone().send_one(caller.clone(), send, place));
                        }
                        Err(_) if !sends.is_empty() => next = Some(send),
                        Err(e) => yield ToldSend { sequence: send.sequence, sent: Err(e) },
                    }
                }
                let reads = next.is_none() && !ended && sends.len() < IN_HAND;
                if sends.is_empty() && !reads {
                    break;
                }
                tokio::select! {
                    biased;
                    () = self.inner.lifecycle.stopping(), if !stopped => {
                        (stopped, ended, next) = (true, true, None);
                    }
                    Some(done) = sends.join_next() => yield done?,
                    send = given.next(), if reads => {
                        ended = send.is_none();
                        next = send;
                    }
                }
            }
            if stopped {
                Err(stopping())?;
            }
        }
    }

    /// A place among the calls in flight, and room for the bytes.
    fn place(&self, caller: &Caller, send: &GivenSend) -> Result<Permit, Error> {
        let (admission, place) = (&self.inner.admission, Permit::default());
        place.take(admission, Quota::Calls, caller.share())?;
        let mut room = admission.bytes(Who::Owner(caller.user));
        admission.resize(&mut room, send.bytes)?;
        place.keep(room);
        Ok(place)
    }

    async fn send_one(self, caller: Caller, one: GivenSend, place: Permit) -> ToldSend {
        let GivenSend { sequence, request, mut violations, bytes: _ } = one;
        if request.idempotency_key.is_empty() {
            violations
                .push(Violation::new("idempotency_key", "must be given: by it a stream that is cut is given again"));
        }
        let sent = self.send_single(&caller, request, violations, None).await;
        drop(place);
        ToldSend { sequence, sent }
    }
}

fn stopping() -> Error {
    Error::Unavailable {
        reason: "STOPPING",
        message: "The server stops; send again, with their keys, those of which nothing was told",
        retry_after: Duration::from_secs(1),
        cause: "the process is to stop".to_owned(),
    }
}
