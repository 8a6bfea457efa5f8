//! General rate limit: counted requests, headers, and that it is off without Redis.

use std::time::{Duration, Instant};

use blackbox::client::{ME, USERS};
use blackbox::stack::{DEFAULT_LIMITS, Stack, eventually};
use blackbox::{Client, Person, Reply};
use futures::future::join_all;
use serde_json::json;

const LIMIT: usize = 20;
const WINDOW: u64 = 600;
const POLICY: &str = "\"default\";q=20;w=600";
/// A request is restored every half minute, so that few are between two requests of a test.
const LIMITS: [(&str, &str); 3] = [
    ("hash_slots", "2"),
    ("rate_limit_requests", "20"),
    ("rate_limit_window_seconds", "600"),
];

async fn stack() -> Stack {
    Stack::start_with(&[DEFAULT_LIMITS, &LIMITS].concat()).await
}

/// Returns the remaining requests and the seconds until all are restored, from a response with exact
/// headers.
#[track_caller]
fn rate(reply: &Reply) -> (usize, u64) {
    reply.assert_header("ratelimit-policy", POLICY);
    let rate = reply
        .header("ratelimit")
        .unwrap_or_else(|| panic!("no RateLimit: {reply}"));
    let rest = rate
        .strip_prefix("\"default\";r=")
        .unwrap_or_else(|| panic!("{reply}"));
    let (left, seconds) = rest.split_once(";t=").unwrap_or_else(|| panic!("{reply}"));
    (left.parse().unwrap(), seconds.parse().unwrap())
}

#[track_caller]
fn assert_limited(reply: &Reply) {
    reply.problem(429, "rate_limited");
    let wait = reply.retry_after(1, WINDOW);
    assert_eq!(rate(reply), (0, wait), "{reply}");
}

/// Sends until some are rejected and returns the number of accepted requests.
async fn exhaust_limit(client: &Client, path: &str) -> usize {
    let begun = Instant::now();
    let mut passed = 0;
    loop {
        let replies = join_all((0..10).map(|_| client.get(path))).await;
        let refused = replies.iter().filter(|reply| reply.status == 429);
        refused.clone().for_each(assert_limited);
        passed += replies.len() - refused.count();
        if replies.iter().any(|reply| reply.status == 429) {
            break;
        }
        assert!(passed <= 3 * LIMIT, "no limit");
    }
    // Restored meanwhile.
    let back = begun.elapsed().as_secs_f64() * LIMIT as f64 / WINDOW as f64;
    assert!(
        passed <= LIMIT + back.ceil() as usize,
        "{passed} in {:?}",
        begun.elapsed()
    );
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_user_has_a_limit_stated_in_every_response() {
    let stack = stack().await;
    let [ada, bob] = Person::create_two(&stack.client).await;
    let first = ada.client.get(ME).await.expect(200);
    let (left, seconds) = rate(&first);
    assert_eq!(left, LIMIT - 1, "{first}");
    assert!((1..=WINDOW).contains(&seconds), "{first}");
    let second = ada.client.get(USERS).await;
    second.problem(403, "forbidden");
    assert!(rate(&second).0 < LIMIT, "refusals count too: {second}");
    let other_session = ada.sign_in().await;
    let passed = exhaust_limit(&ada.client, ME).await;
    assert!(passed + 2 >= LIMIT, "{passed} passed");
    for client in [&ada.client, &other_session.client] {
        assert_limited(&client.get(ME).await);
    }
    bob.client.get(ME).await.expect(200);
    stack.client.get(USERS).await.expect(200);
    // Changes count like reads, and a rejected change has not happened.
    let patch = ada
        .client
        .patch(&ada.id, &json!({ "full_name": "Refused" }))
        .await;
    assert_limited(&patch);
    let user = stack.client.user(&ada.id).await.expect(200).json();
    assert_eq!(user["version"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_ended_sessions_do_not_count_towards_the_limit() {
    let stack = stack().await;
    let ada = Person::create(&stack.client).await;
    let other_session = ada.sign_in().await;
    ada.client.logout().await.expect(204);
    let before = rate(&other_session.client.get(ME).await.expect(200)).0;
    exhaust_limit(&ada.client, ME).await;
    let after = rate(&other_session.client.get(ME).await.expect(200)).0;
    assert!(after + 1 >= before, "{before} were left, then {after}");

    // Same after Redis has lost the end of the session: Postgres reports it again.
    let session = blackbox::person::session_id(&ada.client);
    stack.flush_redis().await;
    ada.client.get(ME).await.problem(401, "unauthenticated");
    eventually(Duration::from_secs(5), "the ended session", async || {
        let mut redis = stack.redis_connection().await;
        let key = format!("roster:session:{session}");
        let entry: Option<String> = redis::cmd("GET")
            .arg(key)
            .query_async(&mut redis)
            .await
            .unwrap();
        entry.as_deref() == Some("-")
    })
    .await;
    exhaust_limit(&ada.client, ME).await;
    other_session.client.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anonymous_requests_are_limited_by_address() {
    let stack = stack().await;
    let nobody = stack.anonymous();
    let ada = Person::create(&stack.client).await;
    let reply = nobody.get(USERS).await;
    reply.problem(401, "unauthenticated");
    assert!(rate(&reply).0 < LIMIT, "{reply}");
    exhaust_limit(&nobody, USERS).await;
    assert_limited(&nobody.get("/.well-known/jwks.json").await);
    assert_limited(&nobody.with_token("made.up.token").get(ME).await);
    for header in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "spin-client-addr",
    ] {
        assert_limited(&nobody.get_with(USERS, header, "203.0.113.9").await);
    }
    let login = nobody.login(&ada.email, &ada.password).await;
    assert_limited(&login);
    // A user with a token does not count towards the address's limit.
    ada.client.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_client_behind_a_proxy_has_a_limit() {
    let proxied = [("trusted_proxy_hops", "1"), ("rate_limit_requests", "3")];
    let stack = Stack::start_with(&[DEFAULT_LIMITS, &proxied].concat()).await;
    let nobody = stack.anonymous();
    let ask = async |address: &str| nobody.get_with(USERS, "x-forwarded-for", address).await;
    for forged in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        ask(&format!("{forged}, 203.0.113.1"))
            .await
            .problem(401, "unauthenticated");
    }
    ask("10.0.0.4, 203.0.113.1")
        .await
        .problem(429, "rate_limited");
    let other = ask("203.0.113.1, 203.0.113.2").await;
    other.problem(401, "unauthenticated");
    assert_eq!(
        other.header("ratelimit-policy"),
        Some("\"default\";q=3;w=60")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_are_never_limited() {
    let stack = stack().await;
    let nobody = stack.anonymous();
    exhaust_limit(&nobody, USERS).await;
    for path in [
        "/api/v1/health",
        "/api/v1/health/live",
        "/api/v1/health/ready",
    ] {
        for _ in 0..8 {
            for reply in join_all((0..15).map(|_| nobody.get(path))).await {
                let reply = reply.expect(200);
                assert!(reply.header("ratelimit").is_none(), "{reply}");
                assert!(reply.header("ratelimit-policy").is_none(), "{reply}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_refills_gradually() {
    let limits = [
        ("rate_limit_requests", "4"),
        ("rate_limit_window_seconds", "4"),
    ];
    let stack = Stack::start_with(&[DEFAULT_LIMITS, &limits].concat()).await;
    let nobody = stack.anonymous();
    let limited = async || nobody.get(USERS).await.status == 429;
    eventually(Duration::from_secs(5), "the limit", async || {
        limited().await
    })
    .await;
    let refused = nobody.get(USERS).await;
    let wait = refused.retry_after(1, 4);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    nobody.get(USERS).await.problem(401, "unauthenticated");
    assert!(limited().await, "one request came back, not four");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_off_and_logged_without_redis() {
    let mut stack = stack().await;
    let ada = Person::create(&stack.client).await;
    exhaust_limit(&ada.client, ME).await;
    stack.stop_redis();
    for _ in 0..15 {
        for reply in join_all((0..10).map(|_| ada.client.get(ME))).await {
            reply.expect(200);
        }
    }
    let said = async || {
        let lines = stack.log_lines();
        lines.iter().any(|line| line["rate_limit"] == "open")
    };
    eventually(Duration::from_secs(5), "lines that say so", said).await;
    stack.start_redis();
    // Each instance recovers by itself.
    eventually(Duration::from_secs(10), "a limit everywhere", async || {
        let replies = join_all((0..16).map(|_| ada.client.get(ME))).await;
        replies
            .iter()
            .all(|reply| reply.header("ratelimit").is_some())
    })
    .await;
    let limited = async || ada.client.get(ME).await.status == 429;
    eventually(Duration::from_secs(10), "the limit", limited).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zero_disables_the_limit() {
    let stack = Stack::start().await;
    for _ in 0..15 {
        for reply in join_all((0..10).map(|_| stack.client.get(ME))).await {
            let reply = reply.expect(200);
            assert!(reply.header("ratelimit").is_none(), "{reply}");
        }
    }
}
