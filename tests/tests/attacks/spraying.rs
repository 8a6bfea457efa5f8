//! Guessing at many accounts from one address, and spoofing of many addresses.

use std::collections::BTreeMap;

use blackbox::client::LOGIN;
use blackbox::login_attempts::{
    PER_ADDRESS, WRONG, assert_throttled, attempt_login_with_retry, guess_wrongly, stack, statuses,
};
use blackbox::{PASSWORD, Person, unique};
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_spray_many_accounts() {
    let stack = stack(&[]).await;
    let nobody = stack.anonymous();
    let ada = Person::create(&stack.client).await;
    let spray = (0..70).map(async |_| {
        let email = format!("{}@example.com", unique());
        attempt_login_with_retry(&nobody, "198.51.100.7", &email, WRONG).await
    });
    let mut replies = Vec::new();
    for attempt in spray {
        replies.push(attempt.await);
    }
    let counts = statuses(&replies);
    let limited = BTreeMap::from([(401, PER_ADDRESS), (429, 70 - PER_ADDRESS)]);
    assert_eq!(counts, limited);
    // The address must wait for every account; the account is free from other addresses.
    assert_throttled(&nobody, "198.51.100.7", &ada.email, PASSWORD).await;
    attempt_login_with_retry(&nobody, "198.51.100.8", &ada.email, PASSWORD)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_trusted_proxy_determines_the_address() {
    let limits = [
        ("login_attempts_per_ip", "4"),
        ("login_attempts_per_account", "1000"),
    ];
    let mut stack = stack(&limits).await;
    let nobody = stack.anonymous();
    let email = || format!("{}@example.com", unique());
    for n in 0..4 {
        let address = format!("10.0.0.{n}, 203.0.113.5");
        guess_wrongly(&nobody, &address, &email()).await;
    }
    assert_throttled(&nobody, "10.0.0.9, 203.0.113.5", &email(), WRONG).await;
    assert_throttled(&nobody, "203.0.113.5", &email(), WRONG).await;
    guess_wrongly(&nobody, "203.0.113.5, 203.0.113.6", &email()).await;

    // Non-ASCII text before the proxy's own entry does not change the client address.
    let request = nobody.request(Method::POST, LOGIN).header(
        "x-forwarded-for",
        HeaderValue::from_bytes("\u{e9}, 203.0.113.5".as_bytes()).unwrap(),
    );
    let request = request.json(&json!({ "email": email(), "password": WRONG }));
    nobody.send(request).await.problem(429, "too_many_attempts");

    // An IPv6 client has a whole /64, in every notation of its addresses.
    for address in [
        "2001:db8:1:1::1",
        "[2001:db8:1:1::2]",
        "[2001:db8:1:1::3]:40000",
        "2001:db8:1:1:ffff:ffff:ffff:ffff",
    ] {
        guess_wrongly(&nobody, address, &email()).await;
    }
    for n in 5..9 {
        let address = format!("2001:db8:1:1::{n}");
        assert_throttled(&nobody, &address, &email(), WRONG).await;
    }
    guess_wrongly(&nobody, "2001:db8:1:2::1", &email()).await;

    // Without a proxy the header is not trusted, and the address of the connection counts.
    stack
        .restart_host(&[("trusted_proxy_hops", "0")])
        .expect("a host");
    let nobody = stack.anonymous();
    for n in 0..4 {
        guess_wrongly(&nobody, &format!("10.0.1.{n}"), &email()).await;
    }
    for n in 4..8 {
        for header in [
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "spin-client-addr",
        ] {
            let request = nobody
                .request(Method::POST, LOGIN)
                .header(header, format!("10.0.1.{n}"))
                .json(&json!({ "email": email(), "password": WRONG }));
            nobody.send(request).await.problem(429, "too_many_attempts");
        }
    }
}
