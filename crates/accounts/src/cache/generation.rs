//! Generation of Redis's data: a random value under one key, erased by a flush or a restart.
//!
//! Entries are compared by their stamps, but a flush erases the later one. A state that was read before
//! the flush must not be written after it. A state is therefore written only into the generation that was
//! known before Postgres was read.

use std::sync::{Arc, Mutex, PoisonError};

use spin_pg_bindings::redis::{Arg, Command, Reply, Script};
use uuid::Uuid;

/// Key of the generation. It has no TTL.
pub(crate) const KEY: &str = "roster:generation";

/// KEYS: the generation. ARGV: the value of a new one.
static BEGIN: Script = Script::new(
    "local found = redis.call('GET', KEYS[1]) \
    if not found then redis.call('SET', KEYS[1], ARGV[1]) end return found or ARGV[1]",
);

/// A generation as it was read; empty if there was none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Generation(Vec<u8>);

impl Generation {
    pub(crate) fn of(entry: &Reply) -> Option<Self> {
        match entry {
            Reply::Bytes(bytes) => Some(Self(bytes.clone())),
            _ => None,
        }
    }

    /// Returns the generation, or begins one.
    pub(crate) fn begin() -> Command {
        let new = Arg::from(Uuid::new_v4().to_string());
        Command::script(&BEGIN, [KEY], [new])
    }

    pub(super) fn argument(&self) -> Arg {
        Arg::Bytes(self.0.clone())
    }
}

/// The generation that this instance read last. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Latest(Arc<Mutex<Generation>>);

impl Latest {
    pub(super) fn get(&self) -> Generation {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set(&self, generation: Generation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = generation;
    }
}
