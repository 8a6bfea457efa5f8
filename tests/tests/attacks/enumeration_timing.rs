//! Response times of rejected logins do not reveal existing accounts.

use std::time::{Duration, Instant};

use blackbox::client::{Client, LOGIN};
use blackbox::stack::Stack;
use blackbox::{Person, new_user, unique};
use reqwest::Method;
use serde_json::json;

/// Enough for a median; the bench takes more measurements.
const PAIRS: usize = 60;
/// Far above the noise of a median on a busy machine, far below the duration of a hash.
const MAX_GAP: f64 = 0.35;

async fn refusal(nobody: &Client, email: &str) -> Duration {
    let body = json!({ "email": email, "password": "not the password" });
    let begun = Instant::now();
    let reply = nobody
        .send(nobody.request(Method::POST, LOGIN).json(&body))
        .await;
    let took = begun.elapsed();
    reply.problem(401, "invalid_credentials");
    took
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_logins_take_equally_long() {
    let stack = Stack::start().await;
    let nobody = stack.anonymous();
    let known = Person::create(&stack.client).await;
    let disabled = Person::create(&stack.client).await;
    let off = json!({ "is_active": false });
    stack.client.patch(&disabled.id, &off).await.expect(200);
    let bare = new_user();
    stack.client.created(&bare).await;
    let bare = bare["email"].as_str().unwrap();
    for _ in 0..5 {
        refusal(&nobody, &known.email).await;
    }
    let mut times: [Vec<Duration>; 4] = Default::default();
    for pair in 0..PAIRS {
        let unknown = format!("{}@example.com", unique());
        let mut order = vec![
            (0, known.email.as_str()),
            (1, &unknown),
            (2, &disabled.email),
            (3, bare),
        ];
        // Each kind comes first equally often.
        order.rotate_left(pair % 4);
        for (kind, email) in order {
            times[kind].push(refusal(&nobody, email).await);
        }
    }
    let [known, others @ ..] = times.map(median);
    for (name, other) in ["unknown", "disabled", "without password"]
        .iter()
        .zip(others)
    {
        let gap = (other - known).abs() / known;
        println!(
            "{name}: {other:.1} ms, wrong: {known:.1} ms, gap {:.1} %",
            gap * 100.0
        );
        assert!(gap < MAX_GAP, "{name}: {other:.1} ms against {known:.1} ms");
    }
}
