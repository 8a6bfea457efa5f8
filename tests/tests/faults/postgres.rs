//! Postgres stops, restarts, freezes or is locked: clients get a response within 2 s, no acknowledged
//! change is lost, and the app recovers by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blackbox::client::{Client, USERS, id, user_path};
use blackbox::stack::{Stack, eventually};
use blackbox::{Reply, new_user};
use futures::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

/// Time limit for the 503 if the database does not respond.
const RESPONSE_LIMIT: Duration = Duration::from_secs(2);
/// Time limit for the recovery after the database is back.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

/// Builds one request of each kind that needs the database.
fn requests(client: &Client, id: &str) -> Vec<RequestBuilder> {
    let item = user_path(id);
    vec![
        client.request(Method::GET, USERS),
        client.request(Method::POST, USERS).json(&new_user()),
        client
            .request(Method::POST, USERS)
            .json(&new_user())
            .header("idempotency-key", id),
        client.request(Method::GET, &item),
        client.patch_request(id, &json!({ "full_name": "N" })),
        client.patch_request(id, &json!({})),
        client.request(Method::DELETE, &item),
    ]
}

fn assert_unavailable(reply: &Reply, took: Duration) {
    reply.problem(503, "unavailable");
    let seconds = reply
        .header("retry-after")
        .and_then(|text| text.parse::<u32>().ok());
    assert!(seconds.is_some(), "no Retry-After: {reply}");
    assert!(took < RESPONSE_LIMIT, "response after {took:?}: {reply}");
}

/// Sends all kinds of requests at once; each must get 503 in time.
async fn all_are_unavailable(client: &Client) {
    let nobody = uuid::Uuid::now_v7().to_string();
    let sends = requests(client, &nobody).into_iter().map(async |request| {
        let begun = Instant::now();
        let reply = client.send(request).await;
        assert_unavailable(&reply, begun.elapsed());
    });
    join_all(sends).await;
    client.get("/api/v1/health/live").await.expect(200);
    let begun = Instant::now();
    let ready = client.get("/api/v1/health/ready").await;
    ready.problem(503, "unavailable");
    assert!(
        begun.elapsed() < Duration::from_millis(1_500),
        "ready took {:?}",
        begun.elapsed()
    );
}

/// Waits until creating and listing work again; every other response must be a 503.
async fn recovers(client: &Client) {
    eventually(RECOVERED_WITHIN, "recovery", async || {
        let created = client.create(&new_user()).await.expect_any(&[201, 503]);
        let listed = client.list(&[("limit", "1")]).await.expect_any(&[200, 503]);
        let ready = client
            .get("/api/v1/health/ready")
            .await
            .expect_any(&[200, 503]);
        (created.status, listed.status, ready.status) == (201, 200, 200)
    })
    .await;
    for _ in 0..20 {
        client.created(&new_user()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_get_503_and_liveness_200_without_postgres() {
    let mut stack = Stack::start().await;
    stack.client.created(&new_user()).await;
    stack.stop_postgres();
    for _ in 0..3 {
        all_are_unavailable(&stack.client).await;
    }
    stack.start_postgres();
    recovers(&stack.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_get_503_within_2_seconds_if_postgres_freezes() {
    let mut stack = Stack::start().await;
    stack.client.created(&new_user()).await;
    stack.pause_postgres();
    for _ in 0..2 {
        all_are_unavailable(&stack.client).await;
    }
    stack.resume_postgres();
    recovers(&stack.client).await;
}

/// Creates, reads and lists until `over`; every response must be correct or 503. Returns the ids of
/// users whose creation was acknowledged.
async fn load(client: Client, over: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = vec![id(&client.created(&new_user()).await).to_owned()];
    while !over.load(Ordering::SeqCst) {
        let last = user_path(acknowledged.last().unwrap());
        for request in [
            client.request(Method::POST, USERS).json(&new_user()),
            client.request(Method::GET, &last),
            client.request(Method::GET, &format!("{USERS}?limit=2")),
        ] {
            let begun = Instant::now();
            let reply = client.send(request).await;
            match reply.status {
                201 => acknowledged.push(id(&reply.json()).to_owned()),
                200 => {}
                _ => assert_unavailable(&reply, begun.elapsed()),
            }
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_no_acknowledged_user() {
    let mut stack = Stack::start_durable().await;
    let over = Arc::new(AtomicBool::new(false));
    let clients = (0..8).map(|_| {
        tokio::spawn(load(
            stack.client.at(stack.client.base()),
            Arc::clone(&over),
        ))
    });
    let clients: Vec<_> = clients.collect();
    recovers(&stack.client).await;
    stack.restart_postgres();
    recovers(&stack.client).await;
    stack.crash_postgres();
    stack.start_postgres();
    recovers(&stack.client).await;
    over.store(true, Ordering::SeqCst);

    let database = stack.database().await;
    for client in clients {
        for id in client.await.unwrap() {
            let sql = "SELECT count(*) FROM users WHERE id = $1::text::uuid";
            let found: i64 = database.query_one(sql, &[&id]).await.unwrap().get(0);
            assert_eq!(found, 1, "{id} was acknowledged and is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_connections_are_reopened() {
    let stack = Stack::start().await;
    let database = stack.database().await;
    for _ in 0..3 {
        stack.client.created(&new_user()).await;
        database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
                &[],
            )
            .await
            .unwrap();
        // Reads are retried, so the client does not notice the lost connection.
        stack.client.list(&[("limit", "1")]).await.expect(200);
        stack.client.created(&new_user()).await;
    }
}

/// Time for which another session holds the lock.
const LOCKED_FOR: Duration = Duration::from_secs(3);
/// Time limit for a request that does not concern the locked row.
const UNDISTURBED_WITHIN: Duration = Duration::from_secs(1);

/// Waits until a statement of the app waits for a lock.
async fn a_statement_waits(database: &tokio_postgres::Client) {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock' AND usename = 'roster')";
    eventually(RESPONSE_LIMIT, "a statement that waits", async || {
        database.query_one(sql, &[]).await.unwrap().get(0)
    })
    .await;
}

/// Three changes wait and one other request is in flight: as many as an instance has connections, so that
/// each statement has its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_gets_503_without_affecting_other_rows() {
    let stack = Stack::start().await;
    let client = &stack.client;
    let user = client.created(&new_user()).await;
    let other = client.created(&new_user()).await;
    let mut database = stack.database().await;
    let watcher = stack.database().await;
    let lock = database.transaction().await.unwrap();
    let sql = "UPDATE users SET full_name = 'Locked' WHERE id::text = $1";
    lock.execute(sql, &[&id(&user)]).await.unwrap();
    let until = Instant::now() + LOCKED_FOR;

    let patch = json!({ "full_name": "N" });
    let stuck = (0..3).map(async |_| {
        while Instant::now() + RESPONSE_LIMIT < until {
            let begun = Instant::now();
            let reply = client.patch(id(&user), &patch).await;
            assert_unavailable(&reply, begun.elapsed());
        }
    });
    let undisturbed = async {
        a_statement_waits(&watcher).await;
        let mut answered = 0;
        while Instant::now() < until {
            for request in [
                client.patch_request(id(&other), &patch),
                client.request(Method::GET, &user_path(id(&other))),
                client.request(Method::GET, &format!("{USERS}?limit=2")),
            ] {
                let begun = Instant::now();
                let reply = client.send(request).await.expect(200);
                let took = begun.elapsed();
                assert!(
                    took < UNDISTURBED_WITHIN,
                    "request {answered} answered after {took:?}: {reply}"
                );
                answered += 1;
            }
        }
        assert!(answered >= 30, "only {answered} answers");
    };
    futures::join!(join_all(stuck), undisturbed);
    lock.rollback().await.unwrap();
    eventually(RECOVERED_WITHIN, "the patch to pass", async || {
        let reply = client.patch(id(&user), &patch).await;
        reply.expect_any(&[200, 503]).status == 200
    })
    .await;
}

/// More statements wait for the lock than an instance has connections, so other requests may have to wait
/// behind them. They get a response in time too, and none waits for the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_waiters_on_a_row_do_not_block_other_requests() {
    let stack = Stack::start().await;
    let client = &stack.client;
    let user = client.created(&new_user()).await;
    let mut database = stack.database().await;
    let lock = database.transaction().await.unwrap();
    let sql = "SELECT 1 FROM users WHERE id::text = $1 FOR UPDATE";
    lock.execute(sql, &[&id(&user)]).await.unwrap();
    let patch = json!({ "full_name": "N" });
    let stuck = (0..16).map(async |_| {
        let begun = Instant::now();
        let reply = client.patch(id(&user), &patch).await;
        assert_unavailable(&reply, begun.elapsed());
    });
    let others = (0..20).map(async |_| {
        let begun = Instant::now();
        let reply = client.create(&new_user()).await;
        if reply.status != 201 {
            assert_unavailable(&reply, begun.elapsed());
        }
    });
    futures::join!(join_all(stuck), join_all(others));
    lock.rollback().await.unwrap();
    eventually(RECOVERED_WITHIN, "the patch to pass", async || {
        client
            .patch(id(&user), &patch)
            .await
            .expect_any(&[200, 503])
            .status
            == 200
    })
    .await;
}
