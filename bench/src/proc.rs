//! CPU and memory of processes, from /proc; nothing without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

/// Unit in which the kernel reports CPU time.
const TICK_MILLIS: u64 = 10;

/// Returns a process and all its descendants.
pub fn tree(root: u32) -> BTreeSet<u32> {
    let mut children = BTreeMap::<u32, Vec<u32>>::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for id in ids {
        if let Some(parent) = stat(id).and_then(|stat| stat.first()?.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let (mut found, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(children.remove(&id).unwrap_or_default());
        }
    }
    found
}

/// Returns the CPU time of the processes since they started.
pub fn cpu(processes: &BTreeSet<u32>) -> Duration {
    processes.iter().filter_map(|id| process_cpu(*id)).sum()
}

/// Returns the CPU time of this process.
pub fn own_cpu() -> Duration {
    process_cpu(std::process::id()).unwrap_or_default()
}

/// Returns the CPU time of everything on the machine.
pub fn machine_cpu() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    busy(&text)
}

/// Returns the PSS of the processes in MiB: shared memory counts once.
pub fn pss_mib(processes: &BTreeSet<u32>) -> Option<f64> {
    let kib: Vec<u64> = processes
        .iter()
        .filter_map(|id| fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok())
        .filter_map(|text| number_after(&text, "Pss:"))
        .collect();
    (!kib.is_empty()).then(|| kib.iter().sum::<u64>() as f64 / 1024.0)
}

/// Returns the first number after `name` at the start of a line.
pub fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn process_cpu(id: u32) -> Option<Duration> {
    let stat = stat(id)?;
    let ticks = |index: usize| stat.get(index)?.parse::<u64>().ok();
    // Fields utime and stime.
    Some(Duration::from_millis(
        TICK_MILLIS * (ticks(10)? + ticks(11)?),
    ))
}

/// Returns the words of /proc/ID/stat from the parent's id on.
fn stat(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    after_name(&text)
}

fn after_name(stat: &str) -> Option<Vec<String>> {
    // The name may contain spaces and brackets; a state of one letter follows it.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().skip(1).map(str::to_owned).collect())
}

/// Sums user, nice, system, irq, softirq and steal of the first line; not idle and iowait.
fn busy(stat: &str) -> Duration {
    let words = stat.lines().next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = words.skip(1).filter_map(|word| word.parse().ok()).collect();
    let busy = ticks.iter().take(8).enumerate();
    let busy = busy.filter(|(index, _)| !matches!(index, 3 | 4));
    Duration::from_millis(TICK_MILLIS * busy.map(|(_, ticks)| ticks).sum::<u64>())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{after_name, busy, number_after};

    #[test]
    fn proc_files_are_parsed() {
        let words = after_name("7 (a (b) c) S 3 7 7 0 -1 4 1 2 3 4 50 60 0").unwrap();
        assert_eq!(words[0], "3");
        assert_eq!((&*words[10], &*words[11]), ("50", "60"));
        let text = "cpu  100 1 20 900 50 3 4 2 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(busy(text), Duration::from_millis(1_300));
        assert_eq!(number_after("Rss:  9 kB\nPss:   42 kB\n", "Pss:"), Some(42));
    }
}
