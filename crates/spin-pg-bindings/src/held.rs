//! The connections that an instance holds, for the calls of its requests.
//!
//! A call takes an idle connection for itself. Without one, another is opened while there is room,
//! and when there is none the call shares. It never waits until a connection is given back: a
//! request must not await what another one completes. Hence also the std `Mutex`, never held
//! across an await. What a burst opened is let go of soon after it: the instances of a component
//! share the connections that the host allows.

use std::cmp::Reverse;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::race::before;

/// A connection that has answered nothing for so long is shared only when there is no other: a
/// statement on it may wait for a lock, and what is sent after it would wait too.
const STALLED: Duration = Duration::from_millis(10);

/// Connections of one address.
pub(crate) struct Held<C> {
    most: usize,
    state: Mutex<State<C>>,
}

struct State<C> {
    /// How often connections were lost. All that are held were opened since the last time.
    generation: u64,
    slots: Vec<Slot<C>>,
    /// How many calls are opening one.
    opening: usize,
    /// Whether somebody calls [`Held::release`] from time to time.
    is_watched: bool,
}

struct Slot<C> {
    connection: Arc<C>,
    calls: usize,
    /// When a call on it last ended, or the first one began.
    moved: Instant,
}

/// A connection in use by one call. Dropping it gives it back, when the call was abandoned too.
pub(crate) struct InUse<'a, C> {
    pub(crate) connection: Arc<C>,
    held: &'a Held<C>,
    generation: u64,
}

/// A call that opens a connection, for as long as it does.
struct Opening<'a, C> {
    held: &'a Held<C>,
    generation: u64,
}

enum Taken<'a, C> {
    InUse(InUse<'a, C>),
    Opening(Opening<'a, C>),
}

/// A failed call.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Failure<E> {
    pub(crate) error: E,
    /// Whether it may have reached the server.
    pub(crate) sent: bool,
}

impl<C> Held<C> {
    /// Holds at most `most` connections.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::new(State {
                generation: 0,
                slots: Vec::new(),
                opening: 0,
                is_watched: false,
            }),
        }
    }

    /// Whether more than one is held and nobody watches over them: the caller has to, and calls
    /// [`release`](Self::release) until that says that it is enough.
    pub(crate) fn needs_watching(&self) -> bool {
        let mut state = self.state();
        let needed = !state.is_watched && state.slots.len() > 1;
        state.is_watched |= needed;
        needed
    }

    /// Lets go of the connections that were not used for `unused`, except the last one. False when
    /// no more than one is held any more: nobody watches from then on.
    pub(crate) fn release(&self, unused: Duration) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        while state.slots.len() > 1 {
            let Some(index) = state.unused(now, unused) else {
                break;
            };
            state.slots.swap_remove(index);
        }
        state.is_watched = state.slots.len() > 1;
        state.is_watched
    }

    /// The connection for a call: an idle one, a new one, or one to share. `None` when `deadline`
    /// comes first.
    ///
    /// When a new one cannot be had, or not within `patience`, the call shares if it can: the
    /// server may accept no more of them, and the host's pool may wait until one is given back.
    pub(crate) async fn connection<E>(
        &self,
        open: impl Future<Output = Result<C, E>>,
        patience: impl Future<Output = ()>,
        mut deadline: impl Future<Output = ()> + Unpin,
    ) -> Option<Result<InUse<'_, C>, E>> {
        let opening = match self.take() {
            Taken::InUse(connection) => return Some(Ok(connection)),
            Taken::Opening(opening) => opening,
        };
        let (mut open, patience) = (pin!(open), pin!(patience));
        // Either may come first: a call that was sent twice has little time left.
        let early = before(patience, open.as_mut());
        let opened = match before(&mut deadline, early).await? {
            Some(opened) => opened,
            None => match self.share() {
                Some(shared) => return Some(Ok(shared)),
                None => before(deadline, open).await?,
            },
        };
        Some(match opened {
            Ok(connection) => Ok(opening.done(connection)),
            Err(error) => self.share().ok_or(error),
        })
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Taken<'_, C> {
        let mut state = self.state();
        let now = Instant::now();
        let generation = state.generation;
        let has_room = state.slots.len() + state.opening < self.most;
        match state.best(now) {
            Some(slot) if slot.calls == 0 || !has_room => Taken::InUse(InUse {
                connection: slot.take(now),
                held: self,
                generation,
            }),
            // Where there is none to share, more are opened than will be held.
            _ => {
                state.opening += 1;
                Taken::Opening(Opening {
                    held: self,
                    generation,
                })
            }
        }
    }

    fn share(&self) -> Option<InUse<'_, C>> {
        let mut state = self.state();
        let now = Instant::now();
        let generation = state.generation;
        let connection = state.best(now)?.take(now);
        Some(InUse {
            connection,
            held: self,
            generation,
        })
    }
}

impl<C> State<C> {
    /// The connection that is likely to answer a further call soonest; of several idle ones that
    /// which was used last, because it is the least likely to have been closed since.
    fn best(&mut self, now: Instant) -> Option<&mut Slot<C>> {
        self.slots
            .iter_mut()
            .min_by_key(|slot| (slot.has_stalled(now), slot.calls, Reverse(slot.moved)))
    }

    /// The one of no call that was used last the longest time ago, at least `unused`.
    fn unused(&self, now: Instant, unused: Duration) -> Option<usize> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, slot)| slot.calls == 0 && now.duration_since(slot.moved) >= unused)
            .min_by_key(|(_, slot)| slot.moved)
            .map(|(index, _)| index)
    }

    fn slot(&self, connection: &Arc<C>) -> Option<usize> {
        let is_it = |slot: &Slot<C>| Arc::ptr_eq(&slot.connection, connection);
        self.slots.iter().position(is_it)
    }
}

impl<C> Slot<C> {
    fn has_stalled(&self, now: Instant) -> bool {
        self.calls > 0 && now.duration_since(self.moved) > STALLED
    }

    fn take(&mut self, now: Instant) -> Arc<C> {
        if self.calls == 0 {
            self.moved = now;
        }
        self.calls += 1;
        self.connection.clone()
    }
}

impl<'a, C> Opening<'a, C> {
    /// Holds the new connection, unless there are enough by now or one was lost since it was asked
    /// for: then it serves its own call only.
    fn done(self, connection: C) -> InUse<'a, C> {
        let connection = Arc::new(connection);
        let mut state = self.held.state();
        if state.generation == self.generation && state.slots.len() < self.held.most {
            state.slots.push(Slot {
                connection: connection.clone(),
                calls: 1,
                moved: Instant::now(),
            });
        }
        InUse {
            connection,
            held: self.held,
            generation: self.generation,
        }
    }
}

impl<C> Drop for Opening<'_, C> {
    fn drop(&mut self) {
        let mut state = self.held.state();
        state.opening = state.opening.saturating_sub(1);
    }
}

impl<C> InUse<'_, C> {
    /// Lets go of this connection and of all that were opened before it was found lost: a server
    /// that restarts closes all of them, and each would cost a call to find out.
    pub(crate) fn lost(&self) {
        let mut state = self.held.state();
        if state.generation == self.generation {
            state.generation += 1;
            state.slots.clear();
        }
    }

    /// Lets go of this connection alone.
    pub(crate) fn withdraw(&self) {
        let mut state = self.held.state();
        if let Some(index) = state.slot(&self.connection) {
            state.slots.swap_remove(index);
        }
    }
}

impl<C> Drop for InUse<'_, C> {
    fn drop(&mut self) {
        let mut state = self.held.state();
        let index = state.slot(&self.connection);
        if let Some(slot) = index.and_then(|index| state.slots.get_mut(index)) {
            slot.calls = slot.calls.saturating_sub(1);
            slot.moved = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests;
