//! Resources that processes use, as Linux counts them.

use std::fs;
use std::ops::Add;
use std::time::Duration;

use anyhow::{Context, Result};

/// Unit of processor times in /proc, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Memory, descriptors and processor time of some processes at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Proportional set size: memory shared by several processes counts once.
    pub memory_kib: u64,
    pub descriptors: u64,
    pub processor: Duration,
}

impl Usage {
    /// Returns the sum over processes.
    ///
    /// # Errors
    /// If one of them has exited, or this is not Linux.
    pub fn of(ids: &[u32]) -> Result<Self> {
        ids.iter()
            .try_fold(Self::default(), |sum, id| Ok(sum + Self::of_one(*id)?))
    }

    fn of_one(id: u32) -> Result<Self> {
        Ok(Self {
            memory_kib: memory(id)?,
            descriptors: u64::try_from(fs::read_dir(format!("/proc/{id}/fd"))?.count())?,
            processor: processor(id)?,
        })
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib + other.memory_kib,
            descriptors: self.descriptors + other.descriptors,
            processor: self.processor + other.processor,
        }
    }
}

fn memory(id: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let size = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    Ok(size.context("no Pss")?.parse()?)
}

/// Returns the time in user and kernel mode: the twelfth and thirteenth field after the program's
/// name, which may itself contain anything.
fn processor(id: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("no name")?;
    let ticks: u32 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse::<u32>)
        .sum::<Result<_, _>>()?;
    Ok(TICK * ticks)
}
