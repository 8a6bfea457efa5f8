//! Costs of a target before and beside its work: starts, and memory.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::time::sleep;

use crate::client::Connection;
use crate::measure;
use crate::proc;
use crate::report::data::{Cold, Instance, Memory, Quantiles, Role};
use crate::run::Run;
use crate::sample::histogram;
use crate::statistics::spread;
use crate::subject::Subject;
use crate::workload::{Traffic, Workload};

/// Longer than the second after which hosts end idle instances.
const PAUSE: Duration = Duration::from_millis(1_300);
/// Time after a process's last connection, before its memory is measured again.
const REST: Duration = Duration::from_secs(5);

/// Starts every target several times.
pub async fn starts(run: &mut Run) {
    for number in 0..run.subjects.len() {
        let starts = run.options.starts;
        let Some(subject) = run.subjects.get_mut(number) else {
            continue;
        };
        if let Err(error) = start_again(subject, starts).await {
            let what = format!("starts of {}", run.name(number));
            run.skip(&what, format!("{error:#}"));
        }
    }
}

async fn start_again(subject: &mut Subject, starts: usize) -> Result<()> {
    let mut times: Vec<Duration> = subject.started_in().into_iter().collect();
    while times.len() < starts {
        match subject.restart().await? {
            Some(time) => times.push(time),
            None => return Ok(()),
        }
    }
    let process = spread(times.iter().map(|time| time.as_secs_f64() * 1000.0));
    eprintln!(
        "    start of {}: {:.0} ms",
        subject.about.name, process.median
    );
    subject.about.cold = Some(Cold {
        process,
        instance: None,
    });
    Ok(())
}

/// Measures the memory of every target: idle, while it reads over more and more connections, and
/// afterwards.
pub async fn memory(run: &mut Run) {
    let weighed = run.options.weighed.clone();
    for number in 0..run.subjects.len() {
        let times = run.options.times;
        let Some(subject) = run.subjects.get_mut(number) else {
            continue;
        };
        match measure_memory(subject, &weighed, times).await {
            Ok(memory) => subject.about.memory = memory,
            Err(error) => {
                let what = format!("memory of {}", run.name(number));
                run.skip(&what, format!("{error:#}"));
            }
        }
    }
}

async fn measure_memory(
    subject: &mut Subject,
    weighed: &[usize],
    times: measure::Times,
) -> Result<Option<Memory>> {
    let workload = match subject.about.role {
        Role::Floor => Workload::Live,
        _ => Workload::Get,
    };
    // Before any login.
    sleep(PAUSE).await;
    let (_, Some(root)) = subject.prepare(Workload::Live).await? else {
        return Ok(None);
    };
    let now = || proc::pss_mib(&proc::tree(root));
    let Some(idle) = now() else {
        return Ok(None);
    };
    let mut at = BTreeMap::new();
    for connections in weighed {
        let (traffic, root) = subject.prepare(workload).await?;
        let measured = measure::closed(&traffic, workload, *connections, times, root).await;
        at.extend(measured.pss_mib.map(|mib| (*connections, mib)));
    }
    sleep(REST).await;
    let after = now().unwrap_or_default();
    eprintln!(
        "    memory of {}: {idle:.0} MiB idle, {after:.0} MiB after",
        subject.about.name
    );
    Ok(Some(Memory { idle, at, after }))
}

/// Sends two requests in a row after each pause, to all targets in turn.
pub async fn instances(run: &mut Run) {
    let mut probed = Vec::new();
    for number in 0..run.subjects.len() {
        let Some(subject) = run.subjects.get_mut(number) else {
            continue;
        };
        if let Ok((traffic, Some(_))) = subject.prepare(Workload::Live).await {
            let connection = Connection::new(&traffic.authority);
            probed.push((number, traffic, connection, [histogram([]), histogram([])]));
        }
    }
    for _ in 0..run.options.pauses {
        sleep(PAUSE).await;
        for (_, traffic, connection, times) in &mut probed {
            two_requests(traffic, connection, times).await;
        }
    }
    for (number, _, _, [first, second]) in probed {
        let cold = run
            .subjects
            .get_mut(number)
            .and_then(|subject| subject.about.cold.as_mut());
        if let Some(cold) = cold {
            cold.instance = Some(Instance {
                pauses: run.options.pauses,
                first: Quantiles::of(&first),
                second: Quantiles::of(&second),
            });
        }
    }
}

async fn two_requests(
    traffic: &Traffic,
    connection: &mut Connection,
    times: &mut [Histogram<u64>; 2],
) {
    let mut message = Vec::new();
    traffic.write(Workload::Live, &mut fastrand::Rng::new(), &mut message);
    // The server may have closed the idle connection: connecting is not part of an instance's start.
    connection.connect().await.ok();
    for histogram in times {
        if let Ok(reply) = connection.send(&message).await {
            let micros = u64::try_from(reply.took.as_micros());
            histogram.saturating_record(micros.unwrap_or(u64::MAX));
        }
    }
}
