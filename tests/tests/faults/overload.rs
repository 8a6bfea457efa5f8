//! More concurrent requests than the machine can serve: a busy host must not look like an outage of its
//! stores.

use std::collections::BTreeMap;

use blackbox::client::{LIVE, USERS, id, user_path};
use blackbox::stack::Stack;
use blackbox::{Client, new_user};
use futures::future::join_all;
use reqwest::Method;

/// Requests at once. A burst of so many starts an instance each, more than the host has by default, and 16 for each of
/// the host's connections to Postgres.
const CONNECTIONS: usize = 1024;
/// Sequential requests per connection.
const ROUNDS: usize = 3;

/// Gets `path` over many connections at once, `rounds` times each, and counts responses by status.
async fn get(
    client: &Client,
    path: &str,
    connections: usize,
    rounds: usize,
) -> BTreeMap<u16, usize> {
    let connection = async || {
        let mut statuses = Vec::new();
        for _ in 0..rounds {
            let request = client.request(Method::GET, path);
            let status = match request.send().await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    response.bytes().await.expect("a body");
                    status
                }
                Err(_) => 0,
            };
            statuses.push(status);
        }
        statuses
    };
    let all = join_all((0..connections).map(|_| connection())).await;
    let mut counts = BTreeMap::new();
    for status in all.into_iter().flatten() {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

fn all_are_200() -> BTreeMap<u16, usize> {
    BTreeMap::from([(200, CONNECTIONS * ROUNDS)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_over_many_connections_all_succeed() {
    let stack = Stack::start().await;
    let live = get(&stack.client, LIVE, CONNECTIONS, ROUNDS).await;
    assert_eq!(live, all_are_200(), "live");
    let user = stack.client.created(&new_user()).await;
    let cached = get(&stack.client, &user_path(id(&user)), CONNECTIONS, ROUNDS).await;
    assert_eq!(cached, all_are_200(), "a cached user");
    stack.flush_redis().await;
    let missed = get(&stack.client, &user_path(id(&user)), CONNECTIONS, ROUNDS).await;
    assert_eq!(missed, all_are_200(), "a user that Redis lost");
    let listed = get(&stack.client, USERS, CONNECTIONS, ROUNDS).await;
    assert_eq!(listed, all_are_200(), "lists");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned_statements_release_their_connections() {
    let mut stack = Stack::start().await;
    stack.pause_postgres();
    let refused = get(&stack.client, USERS, CONNECTIONS / 2, 1).await;
    assert_eq!(refused, BTreeMap::from([(503, CONNECTIONS / 2)]));
    stack.resume_postgres();
    let served = get(&stack.client, USERS, 16, 1).await;
    assert_eq!(served, BTreeMap::from([(200, 16)]));
}
