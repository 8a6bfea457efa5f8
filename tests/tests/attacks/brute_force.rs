//! Password guessing: only a limited number of attempts is verified, however they arrive.

use blackbox::client::{LOGIN, ME};
use blackbox::login_attempts::{
    DELAY, PER_ACCOUNT, WRONG, assert_throttled, attempt_login, attempt_login_with_retry,
    end_delays, exhaust_attempts, guess_wrongly, stack, statuses,
};
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD};
use blackbox::{PASSWORD, Person, unique};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_failed_logins_are_verified_up_to_the_limit() {
    let stack = stack(&[]).await;
    let nobody = stack.anonymous();
    let ada = Person::create(&stack.client).await;
    let unknown = format!("{}@example.com", unique());
    // Each attempt has its own address, so that only the account's limit applies.
    for (block, email) in [(1, &ada.email), (2, &unknown)] {
        let attempts = (0..60).map(async |n| {
            attempt_login(&nobody, &format!("192.0.{block}.{n}"), email, WRONG).await
        });
        let counts = statuses(&join_all(attempts).await);
        let looked_at = counts.get(&401).copied().unwrap_or(0);
        assert!(
            (1..=PER_ACCOUNT).contains(&looked_at),
            "{email}: {counts:?}"
        );
        // Attempts without a hash slot did not count: exactly the rest of the limit is left.
        let mut more = 0;
        loop {
            let reply =
                attempt_login_with_retry(&nobody, &format!("192.0.{block}.99"), email, WRONG).await;
            if reply.status == 429 {
                break;
            }
            reply.problem(401, "invalid_credentials");
            more += 1;
        }
        assert!(
            looked_at + more <= PER_ACCOUNT,
            "{email}: {counts:?} and {more}"
        );
    }
    let database = stack.database().await;
    let sql = "SELECT count(*) FROM audit WHERE action = 'login_failed'";
    let failures: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
    assert!(
        failures <= 2 * PER_ACCOUNT as i64,
        "{failures} attempts were compared"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_right_password_is_rejected_during_a_delay() {
    let stack = stack(&[]).await;
    let nobody = stack.anonymous();
    let [ada, bob] = Person::create_two(&stack.client).await;
    let unknown = format!("{}@example.com", unique());
    exhaust_attempts(&nobody, "192.0.2.1", &ada.email).await;
    exhaust_attempts(&nobody, "192.0.2.1", &unknown).await;
    let told = async |email: &str, password: &str| {
        let request = nobody
            .request(Method::POST, LOGIN)
            .header("x-request-id", "same")
            .header("x-forwarded-for", "192.0.2.2")
            .json(&json!({ "email": email, "password": password }));
        let mut reply = nobody.send(request).await;
        reply.problem(429, "too_many_attempts");
        reply.retry_after(1, DELAY);
        // Excludes Retry-After, which contains the remaining time and changes every second.
        reply.headers.remove("retry-after");
        reply.visible()
    };
    let wrong = told(&ada.email, WRONG).await;
    assert_eq!(told(&ada.email, PASSWORD).await, wrong);
    assert_eq!(told(&unknown, PASSWORD).await, wrong);
    assert_eq!(told(&ada.email.to_uppercase(), PASSWORD).await, wrong);
    // Existing sessions continue, and other users can sign in.
    ada.client.get(ME).await.expect(200);
    attempt_login_with_retry(&nobody, "192.0.2.3", &bob.email, PASSWORD)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_expires_and_grows_with_each_failed_login() {
    let stack = stack(&[]).await;
    let nobody = stack.anonymous();
    let [ada, bob] = Person::create_two(&stack.client).await;
    exhaust_attempts(&nobody, "192.0.2.1", &ada.email).await;
    let mut longest = DELAY;
    for _ in 0..2 {
        end_delays(&stack).await;
        guess_wrongly(&nobody, "192.0.2.1", &ada.email).await;
        let wait = assert_throttled(&nobody, "192.0.2.1", &ada.email, PASSWORD).await;
        assert!(
            wait > longest && wait <= 2 * longest,
            "{wait} s after {longest} s"
        );
        longest *= 2;
    }
    end_delays(&stack).await;
    attempt_login_with_retry(&nobody, "192.0.2.1", &ada.email, PASSWORD)
        .await
        .expect(200);
    // The right password resets the count.
    exhaust_attempts(&nobody, "192.0.2.1", &ada.email).await;

    exhaust_attempts(&nobody, "192.0.2.4", &bob.email).await;
    let old = "UPDATE login_attempts SET window_started_at = window_started_at - interval '16 minutes', \
         refused_until = refused_until - interval '16 minutes'";
    stack.database().await.execute(old, &[]).await.unwrap();
    exhaust_attempts(&nobody, "192.0.2.4", &bob.email).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn password_confirmations_are_limited_as_well() {
    // These requests have no forwarded address, so all come from one address.
    let others = [
        ("login_attempts_per_ip", "1000"),
        ("token_form_enabled", "true"),
    ];
    let stack = stack(&others).await;
    let nobody = stack.anonymous();
    for (path, method) in [
        ("/api/v1/users/me/password", Method::PUT),
        (ME, Method::DELETE),
        (ME, Method::PATCH),
    ] {
        let ada = Person::create(&stack.client).await;
        let body = |password: &str| match (path, &method) {
            (ME, &Method::DELETE) => json!({ "current_password": password }),
            (ME, _) => json!({ "current_password": password,
                "email": format!("{}@example.com", unique()) }),
            _ => json!({ "old_password": password, "new_password": "copper 18 window lamb" }),
        };
        let ask = async |password: &str| {
            let request = ada
                .client
                .request(method.clone(), path)
                .json(&body(password));
            ada.client.send_patiently(request).await
        };
        let parallel = (0..20).map(async |_| {
            let request = ada.client.request(method.clone(), path).json(&body(WRONG));
            ada.client.send(request).await
        });
        let replies = join_all(parallel).await;
        let looked_at = replies.iter().filter(|reply| reply.status == 422).count();
        assert!(
            (1..=PER_ACCOUNT).contains(&looked_at),
            "{path}: {looked_at}"
        );
        for _ in 0..PER_ACCOUNT {
            ask(WRONG).await.expect_any(&[422, 429]);
        }
        ask(PASSWORD).await.problem(429, "too_many_attempts");
        // Logins are counted separately.
        attempt_login_with_retry(&nobody, "192.0.2.50", &ada.email, PASSWORD)
            .await
            .expect(200);
        ada.client.get(ME).await.expect(200);
    }
    let ada = Person::create(&stack.client).await;
    exhaust_attempts(&nobody, "192.0.2.60", &ada.email).await;
    let form = nobody
        .request(Method::POST, "/api/v1/auth/token")
        .header("x-forwarded-for", "192.0.2.60")
        .header("content-type", "application/x-www-form-urlencoded");
    let password = PASSWORD.replace(' ', "+");
    let form = form.body(format!(
        "grant_type=password&username={}&password={password}",
        ada.email
    ));
    nobody.send(form).await.problem(429, "too_many_attempts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_flush_or_outage_resets_no_count() {
    let mut stack = stack(&[]).await;
    let nobody = stack.anonymous();
    let ada = Person::create(&stack.client).await;
    for n in 0..PER_ACCOUNT {
        stack.flush_redis().await;
        guess_wrongly(&nobody, &format!("192.0.2.{n}"), &ada.email).await;
    }
    stack.flush_redis().await;
    assert_throttled(&nobody, "192.0.2.70", &ada.email, PASSWORD).await;
    stack.stop_redis();
    assert_throttled(&nobody, "192.0.2.71", &ada.email, PASSWORD).await;
    let reply = attempt_login_with_retry(&nobody, "192.0.2.72", ADMIN_EMAIL, ADMIN_PASSWORD).await;
    reply.expect(200);
    stack.restart_host(&[]).expect("a host");
    assert_throttled(&stack.anonymous(), "192.0.2.73", &ada.email, PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_logins_elsewhere_do_not_block_a_known_network() {
    let stack = stack(&[]).await;
    let nobody = stack.anonymous();
    let ada = Person::create(&stack.client).await;
    let home = "2001:db8:7:7::1";
    attempt_login_with_retry(&nobody, home, &ada.email, PASSWORD)
        .await
        .expect(200);
    for n in 0..12 {
        let address = format!("203.0.113.{n}");
        guess_wrongly(&nobody, &address, &ada.email).await;
        if n < 11 {
            end_delays(&stack).await;
        }
    }
    assert_throttled(&nobody, "203.0.113.77", &ada.email, PASSWORD).await;
    // Another address of the network from which she signed in.
    attempt_login_with_retry(&nobody, "2001:db8:7:7::2", &ada.email, PASSWORD)
        .await
        .expect(200);
    let change = ada
        .client
        .change_password(PASSWORD, "copper 18 window lamb");
    change.await.expect(204);
}
