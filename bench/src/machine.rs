//! Machine on which a run took place.

use std::fs;
use std::thread::available_parallelism;

use crate::proc::number_after;
use crate::report::data::Machine;

/// Describes this machine, from /proc.
pub fn describe() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    Machine {
        cpu: model(&read("/proc/cpuinfo")),
        cores: available_parallelism().map_or(1, usize::from),
        memory_mib: number_after(&read("/proc/meminfo"), "MemTotal:").unwrap_or_default() / 1024,
        kernel: format!("Linux {}", kernel.trim()),
    }
}

fn model(cpuinfo: &str) -> String {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let mut models = fields.filter(|(name, _)| name.trim() == "model name");
    let model = models.next().map(|(_, model)| model.trim());
    model.unwrap_or("unknown CPU").to_owned()
}
