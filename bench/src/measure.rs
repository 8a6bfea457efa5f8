//! One measurement: a load, and its cost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::closed;
use crate::open::{self, Flow};
use crate::probes;
use crate::proc;
use crate::recovery;
use crate::report::data::{Cpu, Measured, Open, Quantiles};
use crate::sample::{Counted, Sample, corrected, histogram};
use crate::window::{Window, sleep_until};
use crate::workload::{Traffic, Workload};

/// Duration of a load before it counts, and while it does.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub warm_up: Duration,
    pub counted: Duration,
}

impl Times {
    fn window(&self) -> Window {
        Window::after(self.warm_up, self.counted)
    }

    /// Returns the window of a closed loop. Many connections that begin at once start an instance each,
    /// which takes seconds on few cores, and four times the warm-up.
    fn closed_window(&self, connections: usize) -> Window {
        let factor = if connections > 256 { 4 } else { 1 };
        Window::after(self.warm_up * factor, self.counted)
    }
}

/// Loads a target in closed loops over `connections` connections.
pub async fn closed(
    traffic: &Arc<Traffic>,
    workload: Workload,
    connections: usize,
    times: Times,
    root: Option<u32>,
) -> Measured {
    let opened = closed::connections(&traffic.authority, connections).await;
    let window = times.closed_window(connections);
    let load = closed::run(traffic, workload, opened, window);
    // Connections stay open until the meter has read.
    let ((timed, _connections), cost) = tokio::join!(load, meter(root, window));
    let samples: Vec<Sample> = timed.into_iter().map(|(_, sample)| sample).collect();
    Measured {
        response: corrected(&samples),
        ..measured(&samples, window, cost)
    }
}

/// An open loop to run.
#[derive(Clone, Copy, Debug)]
pub struct OpenLoad {
    pub per_second: f64,
    pub connections: usize,
    /// Longest normal time: a slower response after the load shows that the app has not recovered.
    pub normal: Duration,
    /// False when there is no `ready`, only `live`.
    pub has_ready: bool,
}

/// Loads a target in an open loop, with health probes beside it, and watches it recover.
pub async fn open(
    traffic: &Arc<Traffic>,
    workload: Workload,
    load: OpenLoad,
    times: Times,
    root: Option<u32>,
) -> Measured {
    let connections = closed::connections(&traffic.authority, load.connections).await;
    let watchers = closed::connections(&traffic.authority, recovery::CONNECTIONS).await;
    let window = times.window();
    let flow = open::run(traffic, workload, load.per_second, connections, window);
    let recovered = async {
        sleep_until(window.until).await;
        recovery::watch(traffic, watchers, window.until, load.normal).await
    };
    let probing = probes::probe_during(traffic, load.has_ready, window.until);
    let ((flow, _connections), cost, probes, recovery) =
        tokio::join!(flow, meter(root, window), probing, recovered);
    Measured {
        response: from_due(&flow),
        open: Some(Open {
            rate: load.per_second,
            unsent: flow.unsent.len() as u64,
            late: Quantiles::of(&histogram(flow.late.iter().copied())),
            probes,
            recovery_ms: recovery.map(|time| time.as_secs_f64() * 1000.0),
        }),
        ..measured(&flow.ended, window, cost)
    }
}

/// Times from the moment that a request was due: of requests with a 2xx response, and the waits so far
/// of those that were never sent.
fn from_due(flow: &Flow) -> Quantiles {
    let good = flow.due.iter().filter(|sample| sample.is_good());
    let times = good
        .map(|sample| sample.response)
        .chain(flow.unsent.iter().copied());
    Quantiles::of(&histogram(times))
}

/// Counts the samples that ended within the window, and adds the cost.
fn measured(ended: &[Sample], window: Window, (cpu, pss_mib): (Cpu, Option<f64>)) -> Measured {
    let counted = Counted::new(ended);
    let answered: u64 = counted.statuses.values().sum();
    Measured {
        per_second: answered as f64 / window.seconds(),
        good_per_second: counted.good as f64 / window.seconds(),
        statuses: counted.statuses,
        lost: counted.lost,
        service: counted.service,
        response: Quantiles::default(),
        refused: counted.refused,
        stalled_share: counted.stalled_share,
        cpu,
        pss_mib,
        open: None,
    }
}

/// Reads CPU time at the start and the end of the window, and memory at the end.
async fn meter(root: Option<u32>, window: Window) -> (Cpu, Option<f64>) {
    let processes = || root.map(proc::tree).unwrap_or_default();
    sleep_until(window.from).await;
    let (begin, began) = (reading(&processes()), Instant::now());
    sleep_until(window.until).await;
    let processes = processes();
    let (end, took) = (reading(&processes), began.elapsed().as_secs_f64());
    let per_second = |index: usize| {
        let at = |of: &[Duration; 3]| of.get(index).copied().unwrap_or_default();
        at(&end).saturating_sub(at(&begin)).as_secs_f64() / took
    };
    let cpu = Cpu {
        generator: per_second(0),
        target: per_second(1),
        machine: per_second(2),
    };
    (cpu, proc::pss_mib(&processes))
}

fn reading(target: &BTreeSet<u32>) -> [Duration; 3] {
    [proc::own_cpu(), proc::cpu(target), proc::machine_cpu()]
}
