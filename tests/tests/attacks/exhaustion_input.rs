//! Expensive requests: the cost of each to the host, and that other clients are served meanwhile.
#![cfg(target_os = "linux")]

use std::io::Write;

use blackbox::attack::Attack;
use blackbox::client::{LOGIN, ME, REFRESH, USERS, id, user_path};
use blackbox::raw::{self, RawReply};
use blackbox::stack::Stack;
use blackbox::{new_user, new_user_with, unique};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

/// Concurrent requests of an attacker, and repetitions of each.
const AT_ONCE: usize = 32;
const ROUNDS: usize = 20;
const JSON: &str = "application/json";

/// Sends each request repeatedly; `None` if the host closed before its response was read.
async fn flood(stack: &Stack, requests: &[Vec<u8>]) -> Vec<Option<RawReply>> {
    let repeated = requests.iter().cycle().take(requests.len() * ROUNDS);
    let base = stack.client.base();
    let sent = stream::iter(repeated).map(|request| raw::attempt(base, request));
    sent.buffered(AT_ONCE).collect().await
}

/// Sends each body repeatedly to every endpoint that reads one, as `content_type` with `extra` headers.
async fn flood_bodies(stack: &Stack, extra: &str, bodies: &[Vec<u8>]) -> Vec<RawReply> {
    let user = stack.client.created(&new_user()).await;
    let (user, password) = (user_path(id(&user)), format!("{ME}/password"));
    let mut requests = Vec::new();
    for (method, path) in [
        ("POST", USERS),
        ("PATCH", &user),
        ("PUT", &password),
        ("POST", LOGIN),
        ("POST", REFRESH),
        ("POST", "/api/v1/auth/register"),
        ("POST", "/api/v1/auth/reset"),
        ("DELETE", ME),
    ] {
        requests.extend(bodies.iter().map(|body| {
            let length = body.len();
            let extra = format!("Content-Type: {JSON}\r\nContent-Length: {length}\r\n{extra}");
            raw::request(&stack.client, method, path, &extra, body)
        }));
    }
    let replies = flood(stack, &requests).await;
    let replies: Option<Vec<_>> = replies.into_iter().collect();
    replies.expect("an answer to each body")
}

async fn assert_memory_bounded(attack: Attack<'_>, requests: usize, memory_kib: u64) {
    let cost = attack.cost();
    attack.end(cost).await;
    println!(
        "  {requests} requests, {:?} of processor each, with the others'",
        cost.processor / u32::try_from(requests).unwrap()
    );
    assert!(cost.memory_kib < memory_kib, "{cost}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_many_and_large_headers() {
    let stack = Stack::start().await;
    let attack = Attack::begin(&stack, "header floods").await;
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("X-{n}: 1\r\n"))
            .collect::<String>()
    };
    let large = |size: usize| format!("X-Large: {}\r\n", "v".repeat(size));
    let named = |size: usize| format!("{}: 1\r\n", "x".repeat(size));
    let extras = [
        many(90),
        many(101),
        many(10_000),
        large(60_000),
        large(300_000),
        large(2_000_000),
        named(300_000),
    ];
    let requests: Vec<_> = extras
        .iter()
        .map(|extra| raw::request(&stack.client, "GET", USERS, extra, b""))
        .collect();
    let replies = flood(&stack, &requests).await;
    for reply in replies.iter().flatten() {
        assert!(matches!(reply.status, 200 | 400 | 431), "{}", reply.status);
    }
    assert_memory_bounded(attack, replies.len(), 64 * 1024).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_long_urls() {
    let stack = Stack::start().await;
    let attack = Attack::begin(&stack, "long URLs").await;
    let mut targets = Vec::new();
    for size in [8_000, 60_000, 66_000, 300_000, 2_000_000] {
        targets.push(format!("/{}", "a".repeat(size)));
        targets.push(user_path(&"a".repeat(size)));
        targets.push(user_path(&"%61".repeat(size / 3)));
        targets.push(format!("{USERS}?q={}", "%61".repeat(size / 3)));
        targets.push(format!("{USERS}?{}", "a=1&".repeat(size / 4)));
        targets.push(format!("{USERS}?{}", "limit=1&".repeat(size / 8)));
        targets.push(format!("{USERS}?cursor={}", "a".repeat(size)));
        targets.push(format!("/api/v1{}", "/..".repeat(size / 3)));
    }
    let requests: Vec<_> = targets
        .iter()
        .map(|target| raw::request(&stack.client, "GET", target, "", b""))
        .collect();
    let replies = flood(&stack, &requests).await;
    for reply in replies.iter().flatten() {
        assert!(
            matches!(reply.status, 400 | 404 | 414 | 422 | 431),
            "{}",
            reply.status
        );
    }
    assert_memory_bounded(attack, replies.len(), 96 * 1024).await;
}

/// Compresses 10 MB of white space.
fn packed<W: Write>(
    new: impl Fn(Vec<u8>, Compression) -> W,
    finish: impl Fn(W) -> std::io::Result<Vec<u8>>,
) -> Vec<u8> {
    let mut encoder = new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 10_000_000]).unwrap();
    finish(encoder).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_bodies_are_rejected_without_decompression() {
    let stack = Stack::start().await;
    let attack = Attack::begin(&stack, "decompression bombs").await;
    let bombs = [
        ("gzip", packed(GzEncoder::new, GzEncoder::finish)),
        ("deflate", packed(ZlibEncoder::new, ZlibEncoder::finish)),
        ("x-raw", packed(DeflateEncoder::new, DeflateEncoder::finish)),
    ];
    let mut sent = 0;
    for (coding, bomb) in bombs {
        assert!(bomb.len() < 64 * 1024, "{coding}: {} bytes", bomb.len());
        let extra = format!("Content-Encoding: {coding}\r\n");
        let replies = flood_bodies(&stack, &extra, &[bomb]).await;
        for reply in &replies {
            assert_eq!(reply.status, 415, "{coding}: {reply:?}");
        }
        sent += replies.len();
    }
    assert_memory_bounded(attack, sent, 32 * 1024).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_deep_and_wide_json() {
    let stack = Stack::start().await;
    let attack = Attack::begin(&stack, "deep and wide JSON").await;
    let (arrays, objects) = ("[".repeat(10_000), "{\"a\":".repeat(10_000));
    let keys: String = (0..7_000).map(|n| format!("\"{n}\":0,")).collect();
    let bodies = [
        arrays.clone(),
        objects.clone(),
        format!("{arrays}{}", "]".repeat(10_000)),
        format!("{objects}0{}", "}".repeat(10_000)),
        format!("{{\"email\":{arrays}{}}}", "]".repeat(10_000)),
        // Long numbers and large numbers.
        format!("{{\"email\":{}}}", "9".repeat(65_000)),
        format!("{{\"email\":0.{}}}", "3".repeat(65_000)),
        format!("{{\"email\":1e{}}}", "9".repeat(65_000)),
        "{\"email\":1e999999999}".to_owned(),
        // Strings, members and elements.
        format!("{{\"email\":\"{}\"}}", "a".repeat(65_000)),
        format!("{{\"full_name\":\"{}\"}}", "\\ud83d\\ude00".repeat(5_400)),
        format!("{{\"{}\":0}}", "\\u0061".repeat(10_000)),
        format!("{{{keys}\"last\":0}}"),
        format!("{{{}\"email\":0}}", "\"email\":0,".repeat(6_000)),
        format!("[{}0]", "0,".repeat(32_000)),
    ]
    .map(String::into_bytes);
    let replies = flood_bodies(&stack, "", &bodies).await;
    for reply in &replies {
        assert!(matches!(reply.status, 400 | 422), "{reply:?}");
    }
    assert_memory_bounded(attack, replies.len(), 96 * 1024).await;
}

/// Returns texts that grow, or are slow to sort or to match.
fn expensive(characters: usize) -> Vec<String> {
    let of = |part: &str| part.chars().cycle().take(characters).collect::<String>();
    vec![
        // Eighteen letters each in the compatibility forms.
        of("\u{fdfa}"),
        // Three marks each in every form, and marks that must be sorted.
        of("\u{1d160}"),
        format!("e{}", of("\u{301}\u{316}\u{315}")),
        of("\u{ac01}\u{11a8}"),
        of("\u{130}\u{df}\u{1e9e}"),
        // Patterns of SQL and of regular expressions.
        of("%a"),
        of("_%"),
        of("(a+)+"),
        of("\\"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn survives_texts_that_are_expensive_to_compare() {
    let stack = Stack::start().await;
    // Users that the searches can match.
    for letter in ["a", "e\u{301}", "\\"] {
        let mut user = new_user();
        user["full_name"] = json!(letter.repeat(100));
        stack.client.created(&user).await;
    }
    let attack = Attack::begin(&stack, "texts that are expensive to compare").await;
    // The last texts are as long as a URL may be.
    let texts = [expensive(100), expensive(200), expensive(5_000)].concat();
    let client = &stack.client;
    let answer = async |text: &String| {
        let named = new_user_with("full_name", text.as_str());
        let email = json!({ "email": format!("{text}@example.com"), "full_name": unique() });
        let login = json!({ "email": text, "password": text });
        for request in [
            client.request(Method::GET, USERS).query(&[("q", text)]),
            client.request(Method::GET, USERS).query(&[("email", text)]),
            client.request(Method::POST, USERS).json(&named),
            client.request(Method::POST, USERS).json(&email),
            client.request(Method::POST, LOGIN).json(&login),
        ] {
            let reply = client.send_patiently(request).await;
            reply.expect_any(&[200, 201, 400, 401, 413, 422]);
        }
    };
    let rounds = texts.iter().cycle().take(texts.len() * 4);
    let requests = 5 * texts.len() * 4;
    stream::iter(rounds)
        .map(answer)
        .buffered(8)
        .collect::<Vec<()>>()
        .await;
    assert_memory_bounded(attack, requests, 32 * 1024).await;
}
