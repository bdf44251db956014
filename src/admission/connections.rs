//! The connections of both listeners: so many, and when one more comes, one makes room: of those for whom no credentials vouch, the
//! oldest at the address that has most of them, else the one that has been idle longest. Whoever asks for nothing in time is shown out.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::Instant;

use crate::admission::connection::{Connection, network};
use crate::domain::ids::OwnerId;

/// File descriptors that are not for connections: databases, the provider, files, and what the runtime needs.
const OTHER_FILES: usize = 256;
/// The most connections unless somebody says otherwise: each costs some memory even if it is idle.
const MOST: usize = 8192;
/// How long a request has to be under way to make room, if all are at work for one owner: most calls are over then.
const LONG: Duration = Duration::from_secs(10);
/// The part of them that makes room at once.
const AT_ONCE: usize = 32;
/// The part that may have made room and still has to be closed: the quarter of the files that are not for connections.
const CLOSING: usize = 4;
/// So many may in any case.
const FEW: usize = 16;
/// The fewest.
const FEWEST: usize = 64;

/// How many connections there may be, and how long they may do nothing.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many are open at once, over both listeners.
    pub most: usize,
    /// How long the first request may take to begin, from the connection's beginning.
    pub first: Duration,
    /// How long an answer may stand that nobody reads on. As long again, and its connection is ended.
    pub unread: Duration,
}

impl Limits {
    /// So many connections.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self { most, first: Duration::from_secs(10), unread: Duration::from_mins(1) }
    }
}

/// Raises the process's limit of open files as far as the system allows. Returns how many connections that leaves room for.
#[must_use]
pub fn descriptors() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current < maximum {
        // Refused, it stays as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let files = getrlimit(Resource::Nofile).current.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    (files.saturating_sub(OTHER_FILES) / 4 * 3).clamp(FEWEST, MOST)
}

/// The connections of a process. Clones are the same.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, (IpAddr, Arc<Connection>)>,
    /// Those that made room and are not closed yet.
    ending: HashSet<u64>,
}

/// A connection's entry; it is one fewer when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    connections: Connections,
    number: u64,
    connection: Arc<Connection>,
}

impl Ticket {
    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.connections.remove(&self.number);
        open.ending.remove(&self.number);
    }
}

impl Connections {
    /// None so far.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared { limits, open: Mutex::default() }))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open().connections.len()
    }

    /// Lets one more in from this address. `None` if all are taken, and every one of them is at work for somebody with
    /// credentials.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Option<Ticket> {
        let mut open = self.open();
        let most = self.0.limits.most;
        if open.connections.len() >= most {
            // Their files are open until their tasks have run, which takes a moment on a busy machine.
            let room = open.ending.len() < (most / CLOSING).max(FEW);
            let victims = if room { open.victims(most) } else { Vec::new() };
            for victim in &victims {
                if let Some((_, connection)) = open.connections.remove(victim) {
                    open.ending.insert(*victim);
                    connection.end();
                }
            }
            tracing::debug!(count = victims.len(), "connections made room for another one");
            if victims.is_empty() {
                return None;
            }
        }
        let number = open.next;
        open.next += 1;
        let connection = Arc::new(Connection::new(Instant::now()));
        open.connections.insert(number, (network(address), connection.clone()));
        drop(open);
        Some(Ticket { connections: self.clone(), number, connection })
    }

    /// Ends those that asked for nothing in time, and looks after answers that nobody reads. Returns how many asked for nothing.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn sweep(&self) -> usize {
        let (now, Limits { first, unread, .. }) = (Instant::now(), self.0.limits);
        // What is given up may hold tickets: not under the lock.
        let open: Vec<_> = self.open().connections.values().map(|(_, connection)| connection.clone()).collect();
        for connection in &open {
            connection.look_after_answers(now, unread);
        }
        let late = open.iter().filter(|connection| connection.has_been_silent(now).is_some_and(|time| time >= first));
        late.inspect(|connection| connection.end()).count()
    }
}

impl Open {
    /// Who makes room: of the address that has most of those for whom nobody vouches, the ones that have been as they are for longest,
    /// some at once, because whoever comes in thousands would have thousands looked through for each; if there are none, the one
    /// that has been idle longest, of the address that has most of these.
    fn victims(&self, most: usize) -> Vec<u64> {
        let mut of: HashMap<(bool, IpAddr), Vec<(Instant, u64)>> = HashMap::new();
        for (number, (address, connection)) in &self.connections {
            if let Some((vouched, since)) = connection.makes_room() {
                of.entry((vouched, *address)).or_default().push((since, *number));
            }
        }
        let order = |(vouched, _): &(bool, IpAddr), those: &Vec<(Instant, u64)>| {
            (!*vouched, those.len(), those.iter().min().copied().map(Reverse))
        };
        let Some(((vouched, _), mut those)) = of.into_iter().max_by_key(|(whose, those)| order(whose, those)) else {
            return self.of_the_one_with_most().into_iter().collect();
        };
        those.sort_unstable();
        let at_once = if vouched { 1 } else { (most / AT_ONCE).clamp(1, those.len().div_ceil(2)) };
        those.into_iter().take(at_once).map(|(_, number)| number).collect()
    }

    /// If all are at work, and one owner has more than half of them: the one of its that has been at it for longest, and for so long
    /// that it is a stream or a body that comes slowly. Else nobody would come in any more, not even to ask whether the service lives.
    fn of_the_one_with_most(&self) -> Option<u64> {
        let mut of: HashMap<OwnerId, Vec<(Instant, u64)>> = HashMap::new();
        for (number, (_, connection)) in &self.connections {
            if let Some((owner, since)) = connection.kept_by() {
                of.entry(owner).or_default().push((since, *number));
            }
        }
        let those = of.into_values().max_by_key(Vec::len).filter(|those| those.len() * 2 > self.connections.len())?;
        those.into_iter().min().filter(|(since, _)| since.elapsed() >= LONG).map(|(_, number)| number)
    }
}
