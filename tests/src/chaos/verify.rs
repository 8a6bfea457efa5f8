//! Reads Postgres and the API after the faults.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::StreamExt;
use futures::stream;
use reqwest::Method;
use serde_json::json;

use super::client::{FinalState, login_request, password};
use super::comparison::{Found, Row, Shown};
use super::failover::{FailoverClient, Request, Verdict};
use super::oracle::Expectations;
use super::servers::Servers;
use crate::client::{ME, REFRESH, user_path};
use crate::stack::{ADMIN_EMAIL, ADMIN_PASSWORD};

/// Maximum number of concurrent requests.
const PARALLEL: usize = 16;
/// Time limit per request: after the faults, a missing response counts as wrong.
const PATIENCE: Duration = Duration::from_secs(10);
/// Number of checks of ended sessions' tokens after a flush of Redis.
const FLUSHES: usize = 2;

/// Reads the state for the comparison.
pub async fn find(servers: &Servers, expectations: &Expectations) -> Result<Found> {
    let mut found = Found::default();
    read_postgres(servers, &mut found).await?;
    let admin = sign_in(&servers.failover).await;
    let reads = expectations
        .users
        .iter()
        .filter(|(_, user)| !user.id.is_empty());
    let reads = reads.map(|(email, user)| (email.clone(), user.id.clone()));
    let reads = stream::iter(reads.enumerate()).map(async |(at, (email, id))| {
        let request = Request::new(Method::GET, user_path(&id)).token(&admin);
        (email, send(&servers.failover, at, &request).await)
    });
    let mut reads = std::pin::pin!(reads.buffer_unordered(PARALLEL));
    while let Some((email, shown)) = reads.next().await {
        found.shown.entry(email).or_default().push(shown);
    }
    for (email, user) in &expectations.users {
        let Some(current) = &user.password else {
            continue;
        };
        for number in user.other_passwords.keys().rev().take(3).chain([current]) {
            let login = login_request(email, &password(number.parse()?));
            let shown = send(&servers.failover, 0, &login).await;
            found
                .logins
                .insert((email.clone(), number.clone()), shown.status);
        }
    }
    Ok(found)
}

/// Returns the response to a repeatable request.
async fn send(failover: &FailoverClient, host: usize, request: &Request) -> Shown {
    match failover.settle(host, request, PATIENCE).await.verdict {
        Verdict::Done(response) | Verdict::Refused(response) => Shown {
            status: response.status,
            name: response.text("full_name").to_owned(),
            version: response.version(),
        },
        Verdict::NotSent | Verdict::Unknown => Shown {
            status: 0,
            name: String::new(),
            version: 0,
        },
    }
}

async fn sign_in(failover: &FailoverClient) -> String {
    let login = login_request(ADMIN_EMAIL, ADMIN_PASSWORD);
    match failover.settle(0, &login, PATIENCE).await.verdict {
        Verdict::Done(response) => response.text("access_token").to_owned(),
        _ => String::new(),
    }
}

async fn read_postgres(servers: &Servers, found: &mut Found) -> Result<()> {
    let superuser = servers.superuser().await?;
    let sql = "SELECT email, id::text, full_name, version FROM users";
    for row in superuser.query(sql, &[]).await? {
        let version: i64 = row.get(3);
        found.rows.entry(row.get(0)).or_default().push(Row {
            id: row.get(1),
            name: row.get(2),
            version: version.try_into()?,
        });
    }
    let sql = "SELECT target_id::text, count(*) FROM audit \
         WHERE action = 'user_created' AND target_id IS NOT NULL GROUP BY 1";
    for row in superuser.query(sql, &[]).await? {
        let count: i64 = row.get(1);
        found.creations.insert(row.get(0), count.try_into()?);
    }
    let sql = "SELECT users.id::text, sessions.id::text, \
             (SELECT count(*) FROM refresh_tokens \
              WHERE session_id = sessions.id AND spent_at IS NULL) \
         FROM sessions JOIN users ON users.id = user_id AND session_epoch = epoch";
    for row in superuser.query(sql, &[]).await? {
        let unspent: i64 = row.get(2);
        let sessions = found.sessions.entry(row.get(0)).or_default();
        sessions.insert(row.get(1), unspent.try_into()?);
    }
    Ok(())
}

/// Tries every token again: those of ended sessions must be rejected, also after a flush of Redis, and
/// those of live sessions accepted. Returns the number of tokens tried.
pub async fn try_tokens(servers: &Servers, final_states: &[FinalState]) -> usize {
    let revoked = || {
        final_states
            .iter()
            .flat_map(|final_states| &final_states.revoked)
    };
    for round in 0..=FLUSHES {
        let tries = stream::iter(revoked().enumerate()).map(async |(at, token)| {
            let read = Request::new(Method::GET, ME).token(token);
            let shown = send(&servers.failover, at + round, &read).await;
            if shown.status != 401 {
                let status = shown.status;
                let what =
                    format!("a revoked token gets the status {status} after {round} flushes");
                servers.failover.meter.violation(&what);
            }
        });
        tries.buffer_unordered(PARALLEL).collect::<Vec<_>>().await;
        servers.stack.flush_redis().await;
    }
    let live = final_states
        .iter()
        .flat_map(|final_states| &final_states.live);
    let live: Vec<_> = live.filter(|session| !session.skewed).collect();
    for (at, session) in live.iter().enumerate() {
        let read = Request::new(Method::GET, ME).token(&session.access_token);
        let body = json!({ "refresh_token": session.refresh_token });
        let refresh = Request::new(Method::POST, REFRESH).body(body);
        for request in [read, refresh] {
            let shown = send(&servers.failover, at, &request).await;
            if shown.status != 200 {
                let (id, path, status) = (&session.id, &request.path, shown.status);
                let what = format!("live session {id}: {path} gets the status {status}");
                servers.failover.meter.violation(&what);
            }
        }
    }
    revoked().count() + live.len()
}

/// Asserts that Postgres is durable and returns its settings.
pub async fn durability(servers: &Servers) -> Result<String> {
    let superuser = servers.superuser().await?;
    let mut settings = Vec::new();
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        let row = superuser.query_one(&format!("SHOW {name}"), &[]).await?;
        let value: String = row.get(0);
        anyhow::ensure!(value == "on", "Postgres runs with {name} = {value}");
        settings.push(format!("{name} = {value}"));
    }
    Ok(settings.join(", "))
}

/// Waits until no earlier statement can still run: the app's statement timeout is 5 s.
pub async fn wait_until_idle(servers: &Servers) -> Result<()> {
    const LIMIT: Duration = Duration::from_secs(30);
    let superuser = servers.superuser().await?;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'roster' AND state = 'active'";
    let begun = Instant::now();
    while superuser.query_one(sql, &[]).await?.get::<_, i64>(0) > 0 {
        anyhow::ensure!(begun.elapsed() < LIMIT, "statements still run");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
