//! The one connection that an instance holds, shared by its requests.
//!
//! A std `Mutex`, never held across an await: a request must not wait for what another completes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// At most one connection, which requests use at the same time.
pub(crate) struct Held<C> {
    state: Mutex<State<C>>,
}

struct State<C> {
    current: Option<Arc<C>>,
    parked: Vec<(Instant, Arc<C>)>,
}

impl<C> Held<C> {
    pub(crate) const fn new() -> Self {
        Self {
            state: Mutex::new(State {
                current: None,
                parked: Vec::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if there is one.
    pub(crate) fn get(&self) -> Option<Arc<C>> {
        let mut state = self.state();
        let now = Instant::now();
        state.parked.retain(|(until, _)| *until > now);
        state.current.clone()
    }

    /// Holds a new connection, unless a neighbour's came first: then it serves its own call only.
    pub(crate) fn keep(&self, connection: &Arc<C>) {
        self.state()
            .current
            .get_or_insert_with(|| connection.clone());
    }

    /// Lets go of this connection, but not of one that replaced it.
    pub(crate) fn discard(&self, connection: &Arc<C>) {
        let mut state = self.state();
        if state
            .current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, connection))
        {
            state.current = None;
        }
    }

    /// As [`Self::discard`], but keeps it from being closed for a while: an abandoned statement
    /// still occupies it, and given back, the host's pool might hand it out again at once.
    pub(crate) fn park(&self, connection: &Arc<C>, duration: Duration) {
        self.discard(connection);
        let mut state = self.state();
        if !state
            .parked
            .iter()
            .any(|(_, parked)| Arc::ptr_eq(parked, connection))
        {
            state
                .parked
                .push((Instant::now() + duration, connection.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_connection_is_held() {
        let (held, first, second) = (Held::new(), Arc::new(1), Arc::new(2));
        assert!(held.get().is_none());
        held.keep(&first);
        held.keep(&second);
        assert!(Arc::ptr_eq(&held.get().unwrap(), &first));
    }

    #[test]
    fn a_neighbours_new_connection_survives() {
        let (held, failed, fresh) = (Held::new(), Arc::new(1), Arc::new(1));
        held.keep(&failed);
        held.discard(&failed);
        held.keep(&fresh);
        held.discard(&failed);
        assert!(Arc::ptr_eq(&held.get().unwrap(), &fresh));
    }

    #[test]
    fn a_parked_connection_is_kept_open_for_its_time_only() {
        let (held, slow) = (Held::new(), Arc::new(1));
        held.keep(&slow);
        held.park(&slow, Duration::from_secs(60));
        held.park(&slow, Duration::from_secs(60));
        assert!(held.get().is_none());
        assert_eq!(Arc::strong_count(&slow), 2);
        let brief = Arc::new(2);
        held.park(&brief, Duration::ZERO);
        assert!(held.get().is_none());
        assert_eq!(Arc::strong_count(&brief), 1);
    }
}
