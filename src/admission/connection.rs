//! One connection, as those know it who serve it: whether it is at work, and whether it is to end.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures::task::AtomicWaker;
use http::Extensions;
use tokio::time::Instant;
use tonic::transport::server::TcpConnectInfo;

use crate::admission::unread::{Answers, Unread};
use crate::domain::ids::OwnerId;

/// See the module.
#[derive(Debug)]
pub struct Connection {
    opened: Instant,
    /// How many of its requests are being answered.
    in_flight: AtomicUsize,
    /// Whether there was a request.
    asked: AtomicBool,
    /// When the last request began or was over.
    since: Mutex<Instant>,
    /// Whether somebody asked by it who had credentials.
    vouched: AtomicBool,
    /// Which owner did so last; 0 for none.
    owner: AtomicI64,
    answers: Answers,
    ended: AtomicBool,
    reader: AtomicWaker,
}

impl Connection {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            opened: now,
            in_flight: AtomicUsize::new(0),
            asked: AtomicBool::new(false),
            since: Mutex::new(now),
            vouched: AtomicBool::new(false),
            owner: AtomicI64::new(0),
            answers: Answers::default(),
            ended: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        }
    }

    /// A request begins; it is over when what this returns is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Flight {
        self.asked.store(true, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.is_now();
        Flight(self.clone())
    }

    /// An answer is on its way by it, until what this returns is dropped.
    pub(super) fn list(self: &Arc<Self>, answer: Arc<dyn Unread>) -> Listed {
        Listed { number: self.answers.add(answer), connection: self.clone() }
    }

    /// Gives up answers that nobody has read on for so long, and ends it if that helped nothing for as long again.
    pub(super) fn look_after_answers(&self, now: Instant, patience: Duration) {
        if self.answers.look_after(now, patience) {
            self.end();
        }
    }

    /// Whoever asks by it has shown credentials, an owner's or none: while it is at work, it makes no room as long as that owner has no
    /// more than its part.
    pub fn vouch(&self, owner: Option<OwnerId>) {
        self.vouched.store(true, Ordering::Relaxed);
        self.owner.store(owner.map_or(0, |owner| owner.0), Ordering::Relaxed);
    }

    /// Whose work keeps it from making room, and since when.
    pub(super) fn kept_by(&self) -> Option<(OwnerId, Instant)> {
        let owner = Some(self.owner.load(Ordering::Relaxed)).filter(|owner| *owner != 0);
        owner.map(|owner| (OwnerId(owner), *self.since.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn is_now(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether it is to end now; if not, the reader is woken when it is.
    pub fn is_ended(&self, reader: &Context<'_>) -> bool {
        self.reader.register(reader.waker());
        self.ended.load(Ordering::Acquire)
    }

    /// Ends it: its reader hears that it was aborted.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// For how long it has been open without a request; `None` once there was one.
    pub(super) fn has_been_silent(&self, now: Instant) -> Option<Duration> {
        (!self.asked.load(Ordering::Relaxed)).then(|| now.duration_since(self.opened))
    }

    /// Since when it has been as it is, and whether somebody vouches for it; `None` if it makes no room. A stranger's request keeps
    /// no place: one that says that a body will come, and does not let it, is at work for as long as it is let.
    pub(super) fn makes_room(&self) -> Option<(bool, Instant)> {
        let vouched = self.vouched.load(Ordering::Relaxed);
        let keeps = vouched && self.in_flight.load(Ordering::Relaxed) > 0;
        let since = || *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        (!keeps && !self.ended.load(Ordering::Relaxed)).then(|| (vouched, since()))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Flight(Arc<Connection>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.is_now();
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that is on its way.
#[derive(Debug)]
pub(super) struct Listed {
    connection: Arc<Connection>,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.connection.answers.remove(self.number);
    }
}

/// The connection of a request, as the request knows it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The addresses.
    pub tcp: TcpConnectInfo,
    /// The connection.
    pub connection: Arc<Connection>,
}

impl Peer {
    /// The network of whoever made the request with these extensions, if it is known: what an address stands for.
    #[must_use]
    pub fn address(extensions: &Extensions) -> Option<IpAddr> {
        extensions.get::<Self>()?.tcp.remote_addr.map(|at| network(at.ip()))
    }

    /// Notes that whoever made the request with these extensions has shown credentials, an owner's or none.
    pub fn vouch(extensions: &Extensions, owner: Option<OwnerId>) {
        if let Some(peer) = extensions.get::<Self>() {
            peer.connection.vouch(owner);
        }
    }
}

/// The network that an address belongs to: a host has a /64 of IPv6 to itself.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}
