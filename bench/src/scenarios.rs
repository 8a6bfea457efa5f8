//! What is measured.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::client::{Call, Connection, Target};
use crate::load::Load;
use crate::report::{self, milliseconds};
use crate::setup::{Setup, USERS, login, right_login};
use crate::statistics::{median, rank_sum_p};

/// Connections of a load that has the app to itself.
const CONNECTIONS: usize = 32;
/// Connections that read while others log in: few, so that they are not limited by one another.
const READERS: usize = 8;
const PAIRS: usize = 500;

/// One user, again and again: what the cache answers.
pub async fn read(target: &Target, setup: &Setup, time: Duration) {
    report::title("read: GET one user");
    let call = Call::get(&setup.user, &setup.token);
    let load = Load::run(target, vec![call; CONNECTIONS], time).await;
    report::load("reads", &load);
}

/// The first page of the users: what Postgres answers.
pub async fn list(target: &Target, setup: &Setup, time: Duration) {
    report::title("list: GET the first 20 users");
    let call = Call::get(&format!("{USERS}?limit=20"), &setup.token);
    let load = Load::run(target, vec![call; CONNECTIONS], time).await;
    report::load("lists", &load);
}

/// Reads alone, then the same reads while every account logs in as fast as it is let.
pub async fn reads_under_logins(target: &Target, setup: &Setup, time: Duration) -> Result<()> {
    report::title("reads-under-logins: GET one user, alone and beside logins");
    let reads = || {
        let call = Call::get(&setup.user, &setup.token);
        Load::run(target, vec![call; READERS], time)
    };
    let alone = reads().await;
    let logins = setup.known.iter().map(|email| right_login(email)).collect();
    let (beside, logins) = tokio::join!(reads(), Load::run(target, logins, time));
    report::load("reads alone", &alone);
    report::load("reads beside logins", &beside);
    report::load("logins", &logins);
    let p99 = |load: &Load| load.quantile(0.99).as_secs_f64();
    ensure!(alone.answers() > 0, "no read was answered");
    println!(
        "ratios: requests/s {:.2} (goal: at least 0.50), p99 {:.2} (goal: at most 3.00)",
        beside.per_second() / alone.per_second(),
        p99(&beside) / p99(&alone),
    );
    println!(
        "logins: {} succeeded, {} were 503, {} were 429; {:.1} hashes/s",
        logins.with_status(200),
        logins.with_status(503),
        logins.with_status(429),
        // A login that is let in is one hash, one that is sent away is none.
        logins.with_status(200) as f64 / time.as_secs_f64(),
    );
    Ok(())
}

/// Whether the time of a refused login tells who has an account.
pub async fn sign_in_timing(target: &Target, setup: &Setup) -> Result<()> {
    report::title("sign-in-timing: unknown email against wrong password");
    let mut connection = Connection::new(target);
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    let emails = setup.unknown.iter().zip(&setup.known).cycle();
    for (pair, (nobody, somebody)) in emails.take(PAIRS).enumerate() {
        // Which of the two comes first alternates, so that neither profits from its place.
        for first in [true, false] {
            let is_unknown = first == (pair % 2 == 0);
            let email = if is_unknown { nobody } else { somebody };
            let guess = login(email, &format!("wrong guess {pair}"));
            let answer = connection.send(&guess).await?;
            ensure!(
                answer.status == 401,
                "a wrong guess was answered {}",
                answer.status
            );
            let times = if is_unknown { &mut unknown } else { &mut wrong };
            times.push(answer.took);
        }
    }
    let (unknown_median, wrong_median) = (median(&unknown), median(&wrong));
    let gap = unknown_median.as_secs_f64() / wrong_median.as_secs_f64() - 1.0;
    println!(
        "{PAIRS} pairs: median of unknown {}, of wrong {}, gap {:+.2} %, rank-sum p {:.3}",
        milliseconds(unknown_median),
        milliseconds(wrong_median),
        gap * 100.0,
        rank_sum_p(&unknown, &wrong),
    );
    Ok(())
}
