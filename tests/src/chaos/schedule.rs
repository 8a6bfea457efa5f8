//! Schedule of faults: the same seed yields the same schedule.

use std::time::Duration;

use serde::Serialize;

/// Fault. `hold` is its duration before it is healed.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub kind: Kind,
    pub hold: Duration,
    /// Affected host, for faults of one host.
    pub host: usize,
    /// Offset of the clock in seconds, for faults of a clock.
    pub seconds: i64,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// SIGKILL to Postgres and all its sessions.
    PostgresKilled,
    /// SIGKILL to one session, after which Postgres ends all sessions and recovers.
    SessionKilled,
    PostgresRestarted,
    PostgresFrozen,
    /// A second session locks the table that every request needs.
    TableLocked,
    DiskFull,
    RedisKilled,
    RedisFrozen,
    RedisFlushed,
    /// SIGKILL to one host while the other serves.
    HostKilled,
    /// Same while Redis is frozen, so that no host is left to repeat the missed cache updates.
    HostKilledRedisFrozen,
    /// SIGTERM to both hosts, one after the other.
    HostsRolled,
    /// Clients that send half a request, or nothing.
    SilentClients,
    /// Moved clock of one host.
    ClockMoved,
}

impl Kind {
    /// All kinds, with their relative weights.
    const ALL: [(Self, u32); 14] = [
        (Self::PostgresKilled, 14),
        (Self::SessionKilled, 16),
        (Self::RedisKilled, 22),
        (Self::HostKilled, 18),
        (Self::HostKilledRedisFrozen, 3),
        (Self::PostgresRestarted, 3),
        (Self::PostgresFrozen, 5),
        (Self::TableLocked, 5),
        (Self::DiskFull, 8),
        (Self::RedisFrozen, 6),
        (Self::RedisFlushed, 6),
        (Self::HostsRolled, 2),
        (Self::SilentClients, 3),
        (Self::ClockMoved, 3),
    ];

    /// Returns true for faults that end a process by SIGKILL.
    pub fn is_kill(self) -> bool {
        matches!(
            self,
            Self::PostgresKilled
                | Self::SessionKilled
                | Self::RedisKilled
                | Self::HostKilled
                | Self::HostKilledRedisFrozen
        )
    }

    /// Returns true for faults that freeze Redis.
    pub fn freezes_redis(self) -> bool {
        matches!(self, Self::RedisFrozen | Self::HostKilledRedisFrozen)
    }

    /// Returns true for faults that end a host and its requests in flight.
    pub fn stops_hosts(self) -> bool {
        let kills = [Self::HostKilled, Self::HostKilledRedisFrozen];
        kills.contains(&self) || self == Self::HostsRolled
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgresKilled => "Postgres killed",
            Self::SessionKilled => "Postgres session killed",
            Self::PostgresRestarted => "Postgres restarted",
            Self::PostgresFrozen => "Postgres frozen",
            Self::TableLocked => "table locked, pool exhausted",
            Self::DiskFull => "disk full",
            Self::RedisKilled => "Redis killed",
            Self::RedisFrozen => "Redis frozen",
            Self::RedisFlushed => "Redis flushed",
            Self::HostKilled => "host killed",
            Self::HostKilledRedisFrozen => "host killed, Redis frozen",
            Self::HostsRolled => "hosts rolled",
            Self::SilentClients => "slow and silent clients",
            Self::ClockMoved => "clock moved",
        }
    }

    /// Shortest and longest hold in milliseconds, and a longer one beyond the app's deadlines for one
    /// fault in eight.
    fn hold(self) -> (u64, u64, Option<u64>) {
        match self {
            Self::PostgresKilled | Self::RedisKilled | Self::HostKilled => (0, 150, None),
            Self::HostKilledRedisFrozen => (500, 1_200, None),
            Self::PostgresFrozen | Self::RedisFrozen => (100, 500, Some(2_500)),
            Self::TableLocked => (200, 800, Some(4_000)),
            Self::DiskFull => (200, 1_000, Some(2_500)),
            Self::SilentClients => (300, 1_000, None),
            Self::ClockMoved => (400, 1_000, None),
            Self::SessionKilled
            | Self::PostgresRestarted
            | Self::RedisFlushed
            | Self::HostsRolled => (0, 0, None),
        }
    }
}

/// Offsets by which clocks are moved, forward and back.
const OFFSETS: [i64; 3] = [30, 300, 3_600];

/// Endless schedule.
pub struct Schedule {
    random: fastrand::Rng,
    kinds: Vec<(Kind, u32)>,
}

impl Schedule {
    /// Creates a schedule of every kind except the `excluded` ones.
    pub fn new(seed: u64, excluded: &[Kind]) -> Self {
        let possible = |(kind, _): &(Kind, u32)| !excluded.contains(kind);
        Self {
            random: fastrand::Rng::with_seed(seed),
            kinds: Kind::ALL.into_iter().filter(possible).collect(),
        }
    }

    /// Returns the pause before the next fault.
    pub fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(50..300))
    }

    fn kind(&mut self) -> Option<Kind> {
        let total = self.kinds.iter().map(|(_, weight)| weight).sum::<u32>();
        let mut at = self.random.u32(0..total.max(1));
        for (kind, weight) in &self.kinds {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return Some(*kind),
            }
        }
        None
    }
}

impl Iterator for Schedule {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        let kind = self.kind()?;
        let (low, high, long) = kind.hold();
        let long = long.filter(|_| self.random.u8(0..8) == 0);
        let hold = Duration::from_millis(long.unwrap_or_else(|| self.random.u64(low..=high)));
        let host = self.random.usize(0..2);
        let offset = self.random.choice(OFFSETS).unwrap_or_default();
        let seconds = if self.random.bool() { offset } else { -offset };
        Some(Fault {
            kind,
            hold,
            host,
            seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(seed: u64, excluded: &[Kind]) -> Vec<Fault> {
        Schedule::new(seed, excluded).take(500).collect()
    }

    #[test]
    fn schedules_are_determined_by_the_seed() {
        assert_eq!(faults(7, &[]), faults(7, &[]));
        assert_ne!(faults(7, &[]), faults(8, &[]));
    }

    #[test]
    fn every_fault_occurs_and_most_are_kills() {
        let faults = faults(1, &[]);
        for (kind, _) in Kind::ALL {
            assert!(faults.iter().any(|fault| fault.kind == kind), "{kind:?}");
        }
        let kills = faults.iter().filter(|fault| fault.kind.is_kill()).count();
        assert!(kills > 250, "{kills}");
    }

    #[test]
    fn an_excluded_fault_does_not_occur() {
        let excluded = [Kind::DiskFull, Kind::ClockMoved];
        let faults = faults(3, &excluded);
        assert!(faults.iter().all(|fault| !excluded.contains(&fault.kind)));
    }

    #[test]
    fn the_schedule_is_empty_if_all_faults_are_excluded() {
        let all = Kind::ALL.map(|(kind, _)| kind);
        assert!(faults(1, &all).is_empty());
    }
}
