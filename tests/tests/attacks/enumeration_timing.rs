//! Response times of rejected logins do not reveal existing accounts, except imported ones that have not signed in yet:
//! theirs are bounded.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use blackbox::client::{Client, LOGIN};
use blackbox::stack::Stack;
use blackbox::{PASSWORD, Person, new_user, unique};
use reqwest::Method;
use serde_json::json;

/// Enough for a median; the bench takes more measurements.
const PAIRS: usize = 60;
/// Far above the noise of a median on a busy machine, far below the duration of a hash.
const MAX_GAP: f64 = 0.35;
/// Longest verification of an imported hash, in native ones. docs/security-model.md states 30; the rest is noise.
const MAX_IMPORTED: f64 = 60.0;
/// A hash at the maximum cost of bcrypt.
const EXPENSIVE: &str = "$2b$14$S6hOIulbj0ZNHa4Yl/GMhe2A77vykMr79DcKU7GmWjyh0Q5c4cERK";

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

/// Imports a user with this hash, and returns the email.
async fn import(admin: &Client, hash: &str) -> String {
    let mut line = new_user();
    line["password_hash"] = json!(hash);
    let import = admin.request(Method::POST, "/api/v1/users/import");
    let report = admin.send(import.json(&json!([line]))).await.expect(200);
    assert_eq!(report.json()["created"], 1, "{report}");
    line["email"].as_str().unwrap().to_owned()
}

/// Returns a hash of the same form and cost as Roster's own.
fn native_hash() -> String {
    let params = Params::new(19_456, 2, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password(PASSWORD.as_bytes())
        .unwrap()
        .to_string()
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
    let imported = import(&stack.client, &native_hash()).await;
    for _ in 0..5 {
        refusal(&nobody, &known.email).await;
    }
    let mut times: [Vec<Duration>; 5] = Default::default();
    for pair in 0..PAIRS {
        let unknown = format!("{}@example.com", unique());
        let mut order = vec![
            (0, known.email.as_str()),
            (1, &unknown),
            (2, &disabled.email),
            (3, bare),
            (4, &imported),
        ];
        // Each kind comes first equally often.
        order.rotate_left(pair % 5);
        for (kind, email) in order {
            times[kind].push(refusal(&nobody, email).await);
        }
    }
    let [known, others @ ..] = times.map(median);
    let names = [
        "unknown",
        "disabled",
        "without password",
        "moved from another deployment",
    ];
    for (name, other) in names.iter().zip(others) {
        let gap = (other - known).abs() / known;
        println!(
            "{name}: {other:.1} ms, wrong: {known:.1} ms, gap {:.1} %",
            gap * 100.0
        );
        assert!(gap < MAX_GAP, "{name}: {other:.1} ms against {known:.1} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_an_imported_hash_takes_a_bounded_time() {
    let stack = Stack::start().await;
    let nobody = stack.anonymous();
    let known = Person::create(&stack.client).await;
    let imported = import(&stack.client, EXPENSIVE).await;
    let (mut native, mut slow) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        native.push(refusal(&nobody, &known.email).await);
        slow.push(refusal(&nobody, &imported).await);
    }
    let ratio = median(slow) / median(native);
    println!("an imported hash takes {ratio:.1} native ones");
    assert!(ratio < MAX_IMPORTED, "{ratio:.1} native hashes");
}
