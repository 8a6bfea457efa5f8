//! Login attempts, and stacks that count them.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::client::LOGIN;
use crate::stack::{DEFAULT_LIMITS, Stack};
use crate::{Client, Reply};

/// Limits of the manifest: failed logins per account and per address, and the first delay in seconds.
pub const PER_ACCOUNT: usize = 5;
pub const PER_ADDRESS: usize = 50;
pub const DELAY: u64 = 30;
pub const WRONG: &str = "not the password";

/// Starts a stack with the limits of the manifest except the general rate limit, which another suite
/// covers. It expects one proxy, so that each case can use its own addresses.
pub async fn stack(others: &[(&str, &str)]) -> Stack {
    let limits = [("rate_limit_requests", "0"), ("trusted_proxy_hops", "1")];
    Stack::start_with(&[DEFAULT_LIMITS, &limits, others].concat()).await
}

fn attempt(client: &Client, address: &str, email: &str, password: &str) -> RequestBuilder {
    client
        .request(Method::POST, LOGIN)
        .header("x-forwarded-for", address)
        .json(&json!({ "email": email, "password": password }))
}

/// Sends one login attempt from `address`.
pub async fn attempt_login(client: &Client, address: &str, email: &str, password: &str) -> Reply {
    let request = attempt(client, address, email, password);
    client.send(request).await
}

/// Same as [`attempt_login`], repeated while no hash slot is free.
pub async fn attempt_login_with_retry(
    client: &Client,
    address: &str,
    email: &str,
    password: &str,
) -> Reply {
    let request = attempt(client, address, email, password);
    client.send_patiently(request).await
}

/// Tries the wrong password from `address`; it must be compared.
pub async fn guess_wrongly(client: &Client, address: &str, email: &str) {
    let reply = attempt_login_with_retry(client, address, email, WRONG).await;
    reply.problem(401, "invalid_credentials");
}

/// Counts responses by status; panics on an unexpected status.
pub fn statuses(replies: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        match reply.status {
            200 => {}
            401 => drop(reply.problem(401, "invalid_credentials")),
            429 => {
                reply.problem(429, "too_many_attempts");
                reply.retry_after(1, 900);
            }
            _ => {
                reply.problem(503, "busy");
                reply.retry_after(1, 10);
            }
        }
        *counts.entry(reply.status).or_insert(0) += 1;
    }
    counts
}

/// Fails to log in until further attempts for `email` are delayed.
pub async fn exhaust_attempts(client: &Client, address: &str, email: &str) {
    for _ in 0..PER_ACCOUNT {
        guess_wrongly(client, address, email).await;
    }
    assert_throttled(client, address, email, WRONG).await;
}

/// Asserts that the attempt is throttled, and returns its `Retry-After` in seconds.
pub async fn assert_throttled(client: &Client, address: &str, email: &str, password: &str) -> u64 {
    let reply = attempt_login(client, address, email, password).await;
    reply.problem(429, "too_many_attempts");
    reply.retry_after(1, 900)
}

/// Ends all delays and changes nothing else.
pub async fn end_delays(stack: &Stack) {
    let sql = "UPDATE login_attempts SET refused_until = now() - interval '1 millisecond' \
         WHERE refused_until > now()";
    stack.database().await.execute(sql, &[]).await.unwrap();
}
