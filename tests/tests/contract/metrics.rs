//! Metrics: totals rise by exactly the requests sent, regardless of the instance and its lifetime.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use blackbox::client::{USERS, user_path};
use blackbox::stack::{Stack, eventually};
use blackbox::{Client, Reply, unique};
use futures::future::join_all;
use reqwest::Method;

const METRICS: &str = "/metrics";
const LIVE: &str = "/api/v1/health/live";
const USER: &str = "/api/v1/users/{id}";

/// Time limit for a count to reach the totals.
const SOON: Duration = Duration::from_secs(5);

/// Series: the metric's name and its labels.
type Series = (String, BTreeMap<String, String>);

/// Samples of one scrape, by series.
#[derive(Debug)]
struct Scrape(BTreeMap<Series, f64>);

impl Scrape {
    async fn of(client: &Client) -> Self {
        let begun = Instant::now();
        loop {
            let reply = client.get(METRICS).await;
            // Retries while totals are unavailable for a moment, as a scraper does.
            if reply.status != 503 || begun.elapsed() > SOON {
                return Self::read(reply.expect(200));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn read(reply: Reply) -> Self {
        let content_type = "text/plain; version=0.0.4; charset=utf-8";
        reply.assert_header("content-type", content_type);
        reply.assert_header("cache-control", "no-store");
        Self::parse(&String::from_utf8(reply.body).unwrap())
    }

    /// Parses the text format strictly.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "no line feed at the end");
        let mut series = BTreeMap::new();
        let (mut families, mut current) = (BTreeSet::new(), None);
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, _) = help.split_once(' ').expect("a help text");
                let kind = lines.next().and_then(|line| {
                    let rest = line.strip_prefix("# TYPE ")?.strip_prefix(name)?;
                    rest.strip_prefix(' ')
                });
                let kind = kind.unwrap_or_else(|| panic!("no type after {line}"));
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
                assert!(families.insert(name.to_owned()), "{name} comes twice");
                current = Some((name.to_owned(), kind.to_owned()));
                continue;
            }
            let (named, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = named_series(named);
            let (family, kind) = current.as_ref().expect("a family before its samples");
            let suffix = name.strip_prefix(family.as_str());
            let suffixes: &[&str] = match kind.as_str() {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(suffix.is_some_and(|it| suffixes.contains(&it)), "{line}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(
                series.insert((name, labels), value).is_none(),
                "{line} twice"
            );
        }
        let scrape = Self(series);
        scrape.check_histograms();
        scrape
    }

    /// Checks that buckets never fall and that the last one equals the count.
    fn check_histograms(&self) {
        let name = "http_request_duration_seconds";
        for ((sample, labels), count) in &self.0 {
            if *sample != format!("{name}_count") {
                continue;
            }
            let mut buckets: Vec<(f64, f64)> = Vec::new();
            for ((bucket, with_bound), count) in &self.0 {
                let mut rest = with_bound.clone();
                let bound = rest.remove("le");
                if *bucket == format!("{name}_bucket") && rest == *labels {
                    let bound = bound.expect("le").replace("+Inf", "inf");
                    buckets.push((bound.parse().unwrap(), *count));
                }
            }
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.len() > 5, "{labels:?}: {buckets:?}");
            assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{labels:?}");
            let sum = self.0.get(&(format!("{name}_sum"), labels.clone()));
            assert!(sum.is_some(), "{labels:?} has no sum");
        }
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        let series = (name.to_owned(), labels.collect());
        self.0.get(&series).copied().unwrap_or(0.0)
    }

    /// Returns the requests of a route by method and status, in the form of [`tally`].
    fn requests(&self, route: &str) -> BTreeMap<(String, u16), usize> {
        let of_route = self.0.iter().filter(|((name, labels), _)| {
            name == "http_requests_total" && labels["route"] == route
        });
        let counted = of_route.map(|((_, labels), count)| {
            let status = labels["status"].parse().unwrap();
            ((labels["method"].clone(), status), *count as usize)
        });
        counted.collect()
    }

    /// Returns the series without the status, which the app sets, not the client.
    fn names(&self) -> BTreeSet<Series> {
        let mut series: Vec<Series> = self.0.keys().cloned().collect();
        for (_, labels) in &mut series {
            labels.remove("status");
        }
        series.into_iter().collect()
    }
}

/// Parses `name{label="value",...}` and resolves the escapes.
fn named_series(text: &str) -> Series {
    let (name, labels) = match text.strip_suffix('}') {
        Some(text) => text.split_once('{').expect("a brace"),
        None => (text, ""),
    };
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty()
    };
    assert!(is_name(name), "{text}");
    let (mut found, mut rest) = (BTreeMap::new(), labels);
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").expect("a label");
        assert!(is_name(label), "{text}");
        let (mut value, mut chars) = (String::new(), after.chars());
        loop {
            match chars.next().expect("a closing quote") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(escaped @ ('\\' | '"')) => escaped,
                    other => panic!("an escape {other:?} in {text}"),
                }),
                char => value.push(char),
            }
        }
        assert!(found.insert(label.to_owned(), value).is_none(), "{text}");
        rest = chars.as_str();
        rest = rest.strip_prefix(',').unwrap_or_else(|| {
            assert!(rest.is_empty(), "{rest} in {text}");
            rest
        });
    }
    (name.to_owned(), found)
}

/// Counts requests by method and status of the response.
fn tally<'a>(replies: impl IntoIterator<Item = &'a Reply>) -> BTreeMap<(String, u16), usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        let of_kind = (reply.method.to_string(), reply.status);
        *counts.entry(of_kind).or_default() += 1;
    }
    counts
}

/// Waits until the route's totals are `expected`, and checks a second later that they have not risen
/// further.
async fn wait_for_exact_totals(
    client: &Client,
    route: &str,
    expected: &BTreeMap<(String, u16), usize>,
) {
    eventually(SOON, &format!("{expected:?}"), async || {
        Scrape::of(client).await.requests(route) == *expected
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let scrape = Scrape::of(client).await;
    assert_eq!(scrape.requests(route), *expected);
    let count = scrape.value("http_request_duration_seconds_count", &[("route", route)]);
    assert_eq!(count as usize, expected.values().sum::<usize>());
}

/// Sends `count` requests, 32 at once: more than one instance handles.
async fn send(client: &Client, count: usize, method: &Method, path: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    while replies.len() < count {
        let crowd = (count - replies.len()).min(32);
        let requests = (0..crowd).map(|_| client.send(client.request(method.clone(), path)));
        replies.extend(join_all(requests).await);
    }
    replies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_rise_by_the_number_of_requests() {
    let stack = Stack::start().await;
    let client = &stack.client;
    // Needs many instances: one serves 128 requests.
    let lives = send(client, 600, &Method::GET, LIVE).await;
    let mut users = send(client, 300, &Method::GET, &user_path(&unique())).await;
    users.extend(send(client, 20, &Method::DELETE, &user_path(&unique())).await);
    wait_for_exact_totals(client, LIVE, &tally(&lives)).await;
    wait_for_exact_totals(client, USER, &tally(&users)).await;

    // The instances that counted have ended by now; the totals remain.
    let more = send(client, 1, &Method::HEAD, LIVE).await;
    wait_for_exact_totals(client, LIVE, &tally(lives.iter().chain(&more))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_paths_and_methods_add_no_series() {
    let stack = Stack::start().await;
    let client = &stack.client;
    let flood = async |round: usize| {
        for n in 0..50 {
            let made_up = format!("X{}", unique().to_uppercase());
            let method = Method::from_bytes(made_up.as_bytes()).unwrap();
            let path = format!("{USERS}/{}/{}", unique(), unique());
            client.call(method.clone(), &path).await;
            client.call(method, LIVE).await;
            client
                .get(&user_path(&format!("{round}%22%5C%0A{n}")))
                .await;
            client.get(&format!("/api/v1/health/{}", unique())).await;
            client.get(&format!("{METRICS}?x={}", unique())).await;
        }
        // Two of the paths match no route, with fifty requests each.
        eventually(SOON, "the flood in the totals", async || {
            let counted = Scrape::of(client).await.requests("other");
            counted.values().sum::<usize>() == 100 * round
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Scrape::of(client).await
    };
    let first = flood(1).await;
    let second = flood(2).await;
    assert_eq!(first.names(), second.names());
    for (name, labels) in second.names() {
        if let Some(route) = labels.get("route") {
            // The stack's admin has signed in.
            let known = [LIVE, USER, METRICS, "/api/v1/auth/login", "other"];
            assert!(known.contains(&route.as_str()), "{name} {labels:?}");
        }
        let usual = ["GET", "POST", "DELETE", "other"];
        let method = labels.get("method").map_or("other", String::as_str);
        assert!(usual.contains(&method), "{name} {labels:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_are_missing_without_redis_but_survive_a_freeze() {
    let mut stack = Stack::start().await;
    let client = stack.client.clone();
    let mut lives = send(&client, 20, &Method::GET, LIVE).await;
    wait_for_exact_totals(&client, LIVE, &tally(&lives)).await;

    // Retries reach a frozen Redis. After the thaw it receives each of them and counts one.
    stack.pause_redis();
    lives.extend(send(&client, 20, &Method::GET, LIVE).await);
    tokio::time::sleep(Duration::from_millis(600)).await;
    client.get(METRICS).await.problem(503, "unavailable");
    stack.resume_redis();
    wait_for_exact_totals(&client, LIVE, &tally(&lives)).await;

    stack.stop_redis();
    let refused = client.get(METRICS).await;
    refused.problem(503, "unavailable");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    stack.start_redis();
    let scrape = Scrape::of(&client).await;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(scrape.value("roster_build_info", &version), 1.0);
    assert_eq!(
        scrape.value("roster_logins_total", &[("outcome", "failed")]),
        0.0
    );
}
