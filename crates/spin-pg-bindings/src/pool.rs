//! Connections that an instance holds for the calls of its requests.
//!
//! A call takes an idle connection for itself. If there is none, it opens another while there is room,
//! and otherwise shares one. While the first connections are still being opened, it checks again after a
//! moment. It never awaits work of another request, which a request must not do. Hence also the std
//! `Mutex`, never held across an await.
//!
//! The instances of a component share the connections that the host allows, so a [`Lease`] bounds the
//! time for which one instance keeps a connection from the others.

use std::cmp::Reverse;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::race::with_timer;

/// After this long without a response, a connection is shared only as a last resort: a statement on it
/// may wait for a lock, and further calls on it would wait too.
const STALLED: Duration = Duration::from_millis(10);

/// Times for which an instance keeps a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    /// Time from the last call on it until it is released.
    pub(crate) unused: Duration,
    /// Time from its opening until it is released, as soon as no call is on it. Under load no connection
    /// would ever be unused, and instances without one would wait until the load ends.
    pub(crate) whole: Duration,
    /// Duration of its opening from which on other instances wait for connections, too. It is then
    /// released as soon as no call is on it.
    pub(crate) contended: Duration,
}

/// Pool of connections to one address.
pub(crate) struct Pool<C> {
    most: usize,
    lease: Option<Lease>,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// Number of losses of connections. All held ones were opened since the last loss.
    generation: u64,
    slots: Vec<Slot<C>>,
    /// Number of calls that are opening a connection.
    opening: usize,
    /// True when a task calls [`Pool::release`] periodically.
    is_watched: bool,
}

struct Slot<C> {
    connection: Arc<C>,
    calls: usize,
    opened: Option<Instant>,
    opening: Duration,
    /// Time at which a call on it last ended, or the first one began.
    moved: Option<Instant>,
}

/// A connection in use by one call. Dropping it returns it, also when the call was abandoned.
pub(crate) struct PooledConnection<'a, C> {
    pub(crate) connection: Arc<C>,
    pool: &'a Pool<C>,
    generation: u64,
}

/// A call that opens a connection, for as long as it does.
struct Opening<'a, C> {
    pool: &'a Pool<C>,
    generation: u64,
    began: Option<Instant>,
}

enum Checkout<'a, C> {
    Connection(PooledConnection<'a, C>),
    Opening(Opening<'a, C>),
    /// Other calls are already opening the maximum number of connections.
    Wait,
}

/// A failed call.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Failure<E> {
    pub(crate) error: E,
    /// True when the call may have reached the server.
    pub(crate) sent: bool,
}

impl<C> Pool<C> {
    /// Creates a pool of up to `most` connections, held for a `lease` or until they are lost.
    pub(crate) const fn new(most: usize, lease: Option<Lease>) -> Self {
        Self {
            most,
            lease,
            state: Mutex::new(State {
                generation: 0,
                slots: Vec::new(),
                opening: 0,
                is_watched: false,
            }),
        }
    }

    /// Returns the interval at which the caller must call [`release`](Self::release) from now on, until
    /// that returns false. `None` when nothing is leased or another call does it.
    pub(crate) fn needs_watching(&self) -> Option<Duration> {
        let lease = self.lease?;
        let mut state = self.state();
        let needed = !state.is_watched && !state.slots.is_empty();
        state.is_watched |= needed;
        needed.then_some(lease.unused)
    }

    /// Releases the connections with an expired lease. Returns false if none is held any more: the
    /// periodic calls then end.
    pub(crate) fn release(&self) -> bool {
        let Some(lease) = self.lease else {
            return false;
        };
        let mut state = self.state();
        let now = Instant::now();
        state.slots.retain(|slot| !slot.is_over(lease, now));
        state.is_watched = !state.slots.is_empty();
        state.is_watched
    }

    /// Returns the connection for a call: an idle one, a new one, or a shared one. `None` when `deadline`
    /// passes first.
    ///
    /// If a new one cannot be opened, or not within `patience`, the call shares one if it can: the server
    /// may accept no more connections, and the host's pool may wait until one is released. `pause` is the
    /// interval between checks while the maximum number of connections is being opened.
    pub(crate) async fn connection<E, P: Future<Output = ()>>(
        &self,
        open: impl Future<Output = Result<C, E>>,
        pause: impl Fn() -> P,
        patience: impl Future<Output = ()>,
        mut deadline: impl Future<Output = ()> + Unpin,
    ) -> Option<Result<PooledConnection<'_, C>, E>> {
        let opening = loop {
            match self.take() {
                Checkout::Connection(connection) => return Some(Ok(connection)),
                Checkout::Opening(opening) => break opening,
                Checkout::Wait => with_timer(&mut deadline, pause()).await?,
            }
        };
        let (mut open, patience) = (pin!(open), pin!(patience));
        // Either may come first: a call in its second attempt has little time left.
        let early = with_timer(patience, open.as_mut());
        let opened = match with_timer(&mut deadline, early).await? {
            Some(opened) => opened,
            None => match self.share() {
                Some(shared) => return Some(Ok(shared)),
                None => with_timer(deadline, open).await?,
            },
        };
        Some(match opened {
            Ok(connection) => Ok(opening.done(connection)),
            Err(error) => self.share().ok_or(error),
        })
    }

    /// Returns the time where it matters: a single connection is neither chosen by time nor leased.
    fn now(&self) -> Option<Instant> {
        (self.most > 1 || self.lease.is_some()).then(Instant::now)
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Checkout<'_, C> {
        let now = self.now();
        let mut state = self.state();
        let generation = state.generation;
        let has_room = state.slots.len() + state.opening < self.most;
        match state.best(now) {
            Some(slot) if slot.calls == 0 || !has_room => Checkout::Connection(PooledConnection {
                connection: slot.take(now),
                pool: self,
                generation,
            }),
            None if !has_room => Checkout::Wait,
            _ => {
                state.opening += 1;
                Checkout::Opening(Opening {
                    pool: self,
                    generation,
                    began: now,
                })
            }
        }
    }

    fn share(&self) -> Option<PooledConnection<'_, C>> {
        let now = self.now();
        let mut state = self.state();
        let generation = state.generation;
        let connection = state.best(now)?.take(now);
        Some(PooledConnection {
            connection,
            pool: self,
            generation,
        })
    }
}

impl<C> State<C> {
    /// Returns the connection that is likely to respond soonest. Of several idle ones, this is the one
    /// used last, because it is the least likely to have been closed since.
    fn best(&mut self, now: Option<Instant>) -> Option<&mut Slot<C>> {
        self.slots
            .iter_mut()
            .min_by_key(|slot| (slot.has_stalled(now), slot.calls, Reverse(slot.moved)))
    }

    fn slot(&self, connection: &Arc<C>) -> Option<usize> {
        let is_it = |slot: &Slot<C>| Arc::ptr_eq(&slot.connection, connection);
        self.slots.iter().position(is_it)
    }
}

impl<C> Slot<C> {
    fn has_stalled(&self, now: Option<Instant>) -> bool {
        self.calls > 0 && elapsed(self.moved, now) > STALLED
    }

    fn is_over(&self, lease: Lease, now: Instant) -> bool {
        let now = Some(now);
        self.calls == 0
            && (self.opening >= lease.contended
                || elapsed(self.moved, now) >= lease.unused
                || elapsed(self.opened, now) >= lease.whole)
    }

    fn take(&mut self, now: Option<Instant>) -> Arc<C> {
        if self.calls == 0 {
            self.moved = now;
        }
        self.calls += 1;
        self.connection.clone()
    }
}

fn elapsed(since: Option<Instant>, now: Option<Instant>) -> Duration {
    match (since, now) {
        (Some(since), Some(now)) => now.saturating_duration_since(since),
        _ => Duration::ZERO,
    }
}

impl<'a, C> Opening<'a, C> {
    /// Holds the new connection, unless the pool is full or a connection was lost since this one was
    /// requested. In that case it serves only its own call.
    fn done(self, connection: C) -> PooledConnection<'a, C> {
        let connection = Arc::new(connection);
        let now = self.pool.now();
        let mut state = self.pool.state();
        if state.generation == self.generation && state.slots.len() < self.pool.most {
            state.slots.push(Slot {
                connection: connection.clone(),
                calls: 1,
                opened: now,
                opening: elapsed(self.began, now),
                moved: now,
            });
        }
        PooledConnection {
            connection,
            pool: self.pool,
            generation: self.generation,
        }
    }
}

impl<C> Drop for Opening<'_, C> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.opening = state.opening.saturating_sub(1);
    }
}

impl<C> PooledConnection<'_, C> {
    /// Discards this connection and all that were opened before the loss was found: a restarting server
    /// closes all of them, and each would cost a call to find out.
    pub(crate) fn invalidate_all(&self) {
        let mut state = self.pool.state();
        if state.generation == self.generation {
            state.generation += 1;
            state.slots.clear();
        }
    }

    /// Discards this connection alone.
    pub(crate) fn discard(&self) {
        let mut state = self.pool.state();
        if let Some(index) = state.slot(&self.connection) {
            state.slots.swap_remove(index);
        }
    }
}

impl<C> Drop for PooledConnection<'_, C> {
    fn drop(&mut self) {
        let now = self.pool.now();
        let mut state = self.pool.state();
        let Some(index) = state.slot(&self.connection) else {
            return;
        };
        let Some(slot) = state.slots.get_mut(index) else {
            return;
        };
        slot.calls = slot.calls.saturating_sub(1);
        slot.moved = now;
        let lease = self.pool.lease.zip(now);
        if lease.is_some_and(|(lease, now)| slot.is_over(lease, now)) {
            state.slots.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests;
