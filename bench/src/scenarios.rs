//! Special scenarios: reads beside logins, and the timing of rejected logins.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::client::Connection;
use crate::measure::{self, Times};
use crate::report::data::{Role, Scenario};
use crate::run::Run;
use crate::statistics::{median, rank_sum_p};
use crate::subject::Subject;
use crate::workload::Workload;

/// Connections that read during logins: few, so that they do not limit one another.
const READERS: usize = 8;
const LOGINS: usize = 32;
const PAIRS: usize = 500;

type Figures = BTreeMap<String, f64>;

/// Runs the selected scenarios on every target that has users.
pub async fn run(run: &mut Run) {
    for workload in run.options.workloads.clone() {
        if workload.is_load() {
            continue;
        }
        for number in 0..run.subjects.len() {
            let times = run.options.times;
            let subject = run.subjects.get_mut(number);
            let Some(subject) = subject.filter(|subject| subject.about.role != Role::Floor) else {
                continue;
            };
            let found = match workload {
                Workload::ReadsUnderLogins => reads_under_logins(subject, times).await,
                _ => sign_in_timing(subject).await,
            };
            let (name, target) = (workload.name(), run.name(number));
            match found {
                Ok(figures) => {
                    eprintln!("    {name} on {target}: {figures:.2?}");
                    run.report.scenarios.push(Scenario {
                        target,
                        name,
                        figures,
                    });
                }
                Err(error) => run.skip(&format!("{name} on {target}"), format!("{error:#}")),
            }
        }
    }
}

/// Measures reads alone, then the same reads while accounts log in as fast as they are admitted.
async fn reads_under_logins(subject: &mut Subject, times: Times) -> Result<Figures> {
    let (traffic, root) = subject.prepare(Workload::ReadsUnderLogins).await?;
    let read = || measure::closed(&traffic, Workload::ReadsUnderLogins, READERS, times, root);
    let alone = read().await;
    let logins = measure::closed(&traffic, Workload::Login, LOGINS, times, None);
    let (beside, logins) = tokio::join!(read(), logins);
    ensure!(alone.good_per_second > 0.0, "no read succeeded");
    Ok(figures([
        ("reads per second alone", alone.good_per_second),
        ("reads per second beside logins", beside.good_per_second),
        (
            "throughput ratio",
            beside.good_per_second / alone.good_per_second,
        ),
        ("read p99 alone (ms)", alone.service.p99),
        ("read p99 beside logins (ms)", beside.service.p99),
        ("p99 ratio", beside.service.p99 / alone.service.p99),
        // An admitted login is one hash, a rejected one is none.
        ("logins per second", logins.good_per_second),
        (
            "logins refused per second",
            logins.per_second - logins.good_per_second,
        ),
    ]))
}

/// Compares the times of rejected logins with an account and without one.
async fn sign_in_timing(subject: &mut Subject) -> Result<Figures> {
    let (traffic, _) = subject.prepare(Workload::SignInTiming).await?;
    let mut connection = Connection::new(&traffic.authority);
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    let (mut message, run) = (Vec::new(), subject.population().run.clone());
    let accounts = subject.population().accounts.iter().cycle();
    for (pair, account) in accounts.take(PAIRS).enumerate() {
        let nobody = format!("nobody-{run}-{pair}@example.com");
        // The order of the two alternates, so that neither profits from its place.
        for first in [true, false] {
            let is_unknown = first == (pair % 2 == 0);
            let email = if is_unknown { &nobody } else { account };
            traffic.login(email, &format!("wrong guess {pair}"), &mut message);
            let reply = connection.send(&message).await?;
            let status = reply.status;
            ensure!(
                status == 401,
                "unexpected status of a wrong guess: {status}"
            );
            let times: &mut Vec<Duration> = if is_unknown { &mut unknown } else { &mut wrong };
            times.push(reply.took);
        }
    }
    let millis = |times: &[Duration]| median(times).as_secs_f64() * 1000.0;
    Ok(figures([
        ("pairs", PAIRS as f64),
        ("median of unknown (ms)", millis(&unknown)),
        ("median of wrong (ms)", millis(&wrong)),
        ("gap (%)", (millis(&unknown) / millis(&wrong) - 1.0) * 100.0),
        ("rank-sum p", rank_sum_p(&unknown, &wrong)),
    ]))
}

fn figures<const N: usize>(figures: [(&str, f64); N]) -> Figures {
    // JSON only has finite numbers.
    let figures = figures.into_iter().filter(|(_, value)| value.is_finite());
    figures
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
