//! The messages of a call as they come: none is larger than its method's may be, none comes too slowly, and their bytes are
//! counted while they are held.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

use crate::admission::{Admission, Notice, Permit, Place};
use crate::error::Error;
use crate::grpc::framing::Framing;
use crate::grpc::{MAX_REQUEST, status};

/// The largest message of a method that takes no lists: the longest text is a hundredth of it.
const SMALL: usize = 256 << 10;
/// The largest message of health and reflection, which anybody may send: names of services and symbols.
const OPEN: usize = 4 << 10;
/// How long the next bytes of a message may take to come: as long as over HTTP.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client stream may wait with its next message: whoever reads recipients from elsewhere may take a while.
const BETWEEN: Duration = Duration::from_mins(2);

/// See the module.
pub(super) struct Bounded {
    body: Body,
    largest: usize,
    /// Whether there are several messages.
    streams: bool,
    admission: Admission,
    /// The room for the bytes of the message that is coming; kept by the permit in the end.
    room: Option<Place>,
    permit: Permit,
    /// Ends when the call's place is given to somebody else.
    notice: Option<Notice>,
    framing: Framing,
    late: Pin<Box<Sleep>>,
    /// Whether the wait for the next bytes has begun.
    waits: bool,
}

impl Bounded {
    /// The body of a call of this method; `room` is empty so far.
    pub(super) fn new(body: Body, method: &str, admission: Admission, room: Place, permit: Permit) -> Self {
        let adds = method.ends_with("/AddRecipients");
        let streams = adds || method.ends_with("/SendMany");
        let large = adds || method.ends_with("/RefreshStatusBulk");
        Self::of(body, (if large { MAX_REQUEST } else { SMALL }, streams), admission, Some(room), permit)
    }

    /// The body of a call that needs no credentials. Its bytes are too few to be counted, and reflection's stream may wait with
    /// its next question.
    pub(super) fn open(body: Body, admission: Admission, permit: Permit) -> Self {
        Self::of(body, (OPEN, true), admission, None, permit)
    }

    fn of(
        body: Body,
        (largest, streams): (usize, bool),
        admission: Admission,
        room: Option<Place>,
        permit: Permit,
    ) -> Self {
        Self {
            body,
            largest,
            streams,
            admission,
            room,
            notice: permit.notice(),
            permit,
            framing: Framing::default(),
            late: Box::pin(sleep_until(Instant::now())),
            waits: false,
        }
    }

    fn take(&mut self, bytes: &Bytes) -> Result<(), Error> {
        self.framing.follow(bytes, self.largest).map_err(|()| Error::TooLarge(self.largest))?;
        // What is held: the message that is coming, and what came with these bytes.
        let held = self.framing.held(MAX_REQUEST).max(bytes.len());
        match &mut self.room {
            Some(room) => self.admission.resize(room, held),
            None => Ok(()),
        }
    }

    /// Whether the next bytes take too long.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.waits {
            let patience = if self.streams && self.framing.is_between() { BETWEEN } else { PATIENCE };
            self.late.as_mut().reset(Instant::now() + patience);
            self.waits = true;
        }
        self.late.as_mut().poll(cx).is_ready()
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending() {
            if let Some(Poll::Ready(taken)) = self.notice.as_mut().map(|notice| notice.as_mut().poll(cx)) {
                self.notice = None;
                return Poll::Ready(Some(Err(status::render(&taken))));
            }
            return if self.is_late(cx) {
                Poll::Ready(Some(Err(status::render(&Error::TooSlow))))
            } else {
                Poll::Pending
            };
        }
        self.waits = false;
        let frame = ready!(polled);
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
            && let Err(e) = self.take(bytes)
        {
            return Poll::Ready(Some(Err(status::render(&e))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Bounded {
    /// The room is kept until the call has ended: the decoded message is as large.
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            self.permit.keep(room);
        }
    }
}
