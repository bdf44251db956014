//! An answer on its way to its reader: in pieces, so that what was given to the connection is small, and not for ever. Whoever lets one
//! stand keeps neither its place nor its bytes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::admission::connection::{Listed, Peer};
use crate::admission::unread::Unread;

/// The longest piece, in bytes: a frame of HTTP/2. The connection holds one of each answer, whatever its reader lets it send.
const PIECE: usize = 16 << 10;

/// A frame of a body.
type Framed<B> = Result<Frame<Bytes>, <B as Body>::Error>;

/// See the module.
pub struct Answer<B: Body> {
    reading: Arc<Reading<B>>,
    /// Its entry at the connection, if the connection is known.
    _listed: Option<Listed>,
}

struct Reading<B: Body> {
    state: Mutex<State<B>>,
    /// The last frame for who reads on after the answer was given up.
    too_late: fn() -> Framed<B>,
}

struct State<B> {
    /// `None` once it was given up.
    body: Option<B>,
    /// The part of a frame that is not given out yet.
    rest: Bytes,
    since: Option<Instant>,
    over: bool,
}

impl<B> Answer<B>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: 'static,
{
    /// The body of an answer that goes out over this connection; whoever reads on after it was given up gets `too_late`.
    #[must_use]
    pub fn new(body: B, peer: Option<&Peer>, too_late: fn() -> Framed<B>) -> Self {
        let state = State { body: Some(body), rest: Bytes::new(), since: Some(Instant::now()), over: false };
        let reading = Arc::new(Reading { state: Mutex::new(state), too_late });
        let listed = peer.map(|peer| peer.connection.list(reading.clone()));
        Self { reading, _listed: listed }
    }
}

impl<B: Body> Reading<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Unread for Reading<B>
where
    B: Body + Send,
{
    fn since(&self) -> Option<Instant> {
        self.state().since
    }

    fn give_up(&self) {
        let mut state = self.state();
        state.rest = Bytes::new();
        let body = state.body.take();
        // It may have much to clear up.
        drop(state);
        drop(body);
    }
}

impl<B: Body<Data = Bytes> + Unpin> State<B> {
    fn next(&mut self, cx: &mut Context<'_>) -> Option<Poll<Option<Framed<B>>>> {
        if !self.rest.is_empty() {
            return Some(Poll::Ready(Some(Ok(Frame::data(self.piece())))));
        }
        let polled = Pin::new(self.body.as_mut()?).poll_frame(cx);
        let Poll::Ready(Some(Ok(frame))) = polled else { return Some(polled) };
        let frame = match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                Frame::data(self.piece())
            }
            Err(frame) => frame,
        };
        Some(Poll::Ready(Some(Ok(frame))))
    }

    fn piece(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len().min(PIECE))
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Framed<B>>> {
        let mut state = self.reading.state();
        let polled = match state.next(cx) {
            Some(polled) => polled,
            None if state.over => Poll::Ready(None),
            None => {
                state.over = true;
                Poll::Ready(Some((self.reading.too_late)()))
            }
        };
        state.since = polled.is_ready().then(Instant::now);
        polled
    }

    fn is_end_stream(&self) -> bool {
        let state = self.reading.state();
        state.rest.is_empty() && state.body.as_ref().map_or(state.over, Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.reading.state();
        let Some(body) = &state.body else { return SizeHint::default() };
        let (mut hint, rest) = (body.size_hint(), u64::try_from(state.rest.len()).unwrap_or(u64::MAX));
        let (lower, upper) =
            (hint.lower().saturating_add(rest), hint.upper().and_then(|upper| upper.checked_add(rest)));
        hint = SizeHint::new();
        hint.set_lower(lower);
        if let Some(upper) = upper {
            hint.set_upper(upper);
        }
        hint
    }
}
