//! Malformed and hostile input: it is rejected or stored unchanged, and never causes a server error.

use blackbox::client::{USERS, id, user_path};
use blackbox::{Client, new_user, new_user_with, raw, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Strings that have broken other programs.
fn hostile() -> Vec<String> {
    let mut strings: Vec<String> = [
        "'; DROP TABLE users; --",
        "\" OR \"\"=\"",
        "' OR 1=1 --",
        "$1",
        "${jndi:ldap://x.example/a}",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "../../../../etc/passwd",
        "%00%0d%0a",
        "a\r\nX-Evil: 1",
        "\u{0}",
        "\u{202e}gnirts",
        "\u{feff}bom",
        "😀👩‍👩‍👧‍👦",
        "\u{ffff}",
        "NaN",
        "\\\\\\",
        "%s%s%s%n",
        "`id`",
    ]
    .map(str::to_owned)
    .into();
    strings.push("A".repeat(10_240));
    strings.push("%".repeat(1_000));
    strings.push("(".repeat(1_000));
    strings
}

#[tokio::test]
async fn malformed_json_gets_400_with_a_pointer() {
    let client = Client::from_env().await;
    let deep = format!("{{\"email\":{}", "[".repeat(10_000));
    let cases: [(&str, &[u8]); 17] = [
        ("empty", b""),
        ("blank", b"  \n"),
        ("cut", b"{\"email\":\"a@example.com\""),
        ("cut in a string", b"{\"email\":\"a"),
        (
            "trailing",
            b"{\"email\":\"a@example.com\",\"full_name\":\"N\"} x",
        ),
        ("trailing comma", b"{\"email\":\"a@example.com\",}"),
        ("single quotes", b"{'email':'a@example.com'}"),
        ("comment", b"{/*x*/\"email\":\"a@example.com\"}"),
        ("bare word", b"nope"),
        (
            "byte order mark",
            b"\xef\xbb\xbf{\"email\":\"a@example.com\"}",
        ),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        ("invalid UTF-8", b"{\"full_name\":\"\xff\xfe\"}"),
        ("lone surrogate", b"{\"full_name\":\"\\ud800\"}"),
        ("half a pair", b"{\"full_name\":\"\\ud83d\\u0041\"}"),
        ("raw control character", b"{\"full_name\":\"a\x01\"}"),
        ("raw NUL", b"{\"full_name\":\"a\x00\"}"),
        ("bad escape", b"{\"full_name\":\"\\x41\"}"),
    ];
    for (name, body) in cases {
        let reply = client.create_raw("application/json", body).await;
        let problem = reply.problem(400, "malformed_json");
        let pointer = problem["errors"][0]["pointer"].as_str();
        assert!(pointer.is_some(), "{name}: {reply}");
    }
    // Both 400 and 422 are acceptable, but the body must be rejected.
    for body in [
        deep,
        "[".repeat(10_000),
        "{\"a\":".repeat(10_000),
        "{\"email\":1e999}".into(),
    ] {
        let reply = client.create_raw("application/json", body).await;
        reply.expect_any(&[400, 422]).any_problem();
    }
}

#[tokio::test]
async fn json_of_another_shape_gets_422() {
    let client = Client::from_env().await;
    let email = format!("{}@example.com", unique());
    let positional = json!([email, "Positional", null, null, null]).to_string();
    let short = json!([email, "Positional"]).to_string();
    for body in [
        "[]",
        "null",
        "true",
        "5",
        "\"text\"",
        "[{}]",
        &positional,
        &short,
    ] {
        client
            .create_raw("application/json", body.to_owned())
            .await
            .problem(422, "invalid");
        let user = client.created(&new_user()).await;
        let patch = client.request(Method::PATCH, &user_path(id(&user)));
        let patch = patch
            .header("content-type", "application/json")
            .body(body.to_owned());
        client.send(patch).await.problem(422, "invalid");
    }
    let found = client.list_json(&[("email", &email)]).await;
    assert_eq!(found["items"], json!([]));
}

#[tokio::test]
async fn duplicate_keys_are_rejected() {
    let client = Client::from_env().await;
    let (one, two) = (unique(), unique());
    let body =
        format!(r#"{{"email":"{one}@example.com","full_name":"N","email":"{two}@example.com"}}"#);
    let reply = client.create_raw("application/json", body).await;
    reply.expect_any(&[400, 422]).any_problem();
    for name in [one, two] {
        let found = client.list_json(&[("q", &name)]).await;
        assert_eq!(found["items"], json!([]));
    }
}

#[tokio::test]
async fn hostile_field_values_never_cause_a_server_error() {
    let client = Client::from_env().await;
    for text in hostile() {
        for field in ["email", "full_name", "role", "is_active", "password"] {
            let body = new_user_with(field, text.as_str());
            let reply = client.create(&body).await.expect_any(&[201, 422]);
            if reply.status == 201 && field == "full_name" {
                assert_eq!(reply.json()["full_name"], text.trim(), "stored as it is");
                let read = client.user(id(&reply.json())).await.expect(200).json();
                assert_eq!(read, reply.json());
            }
        }
        let body = new_user_with(&text, 1);
        client.create(&body).await.expect(422);
    }
}

#[tokio::test]
async fn hostile_parameter_values_never_cause_a_server_error() {
    let client = Client::from_env().await;
    for text in hostile() {
        for name in [
            "limit",
            "cursor",
            "sort",
            "email",
            "role",
            "is_active",
            "q",
            "created_after",
            "created_before",
            "include_total",
        ] {
            let reply = client.list(&[(name, &text)]).await;
            let refused = !matches!(name, "q" | "email");
            reply.expect_any(if refused { &[422] } else { &[200, 422] });
        }
        client.list(&[(&text, "1")]).await.expect(422);
    }
}

#[tokio::test]
async fn invalid_percent_encoding_never_causes_a_server_error() {
    let client = Client::from_env().await;
    for query in [
        "q=%", "q=%zz", "q=%ff%fe", "q=%00", "%00=1", "&&&", "=", "q", "q=%c0%af", "?", ";",
    ] {
        let reply = client.get(&format!("{USERS}?{query}")).await;
        reply.expect_any(&[200, 400, 422]);
    }
    for path in [
        "%",
        "%zz",
        "%ff",
        "%00",
        "%2f",
        "a%0d%0ab",
        "%c0%af",
        "%F0%9F",
        "'%20OR%201=1",
    ] {
        let target = user_path(path);
        let request = raw::request(&client, "GET", &target, "", b"");
        let reply = raw::exchange(client.base(), &request).await;
        assert!(matches!(reply.status, 400 | 404), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn hostile_headers_never_cause_a_server_error() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let path = user_path(id(&user));
    let long = "v".repeat(10_240);
    for name in [
        "x-request-id",
        "traceparent",
        "tracestate",
        "if-match",
        "if-none-match",
        "idempotency-key",
        "origin",
        "accept",
        "authorization",
        "cookie",
        "x-forwarded-for",
        "content-type",
        "range",
        "spin-full-url",
        "spin-raw-component-route",
        "spin-path-info",
        "x-http-method-override",
    ] {
        for value in [
            "'; DROP TABLE users; --",
            "\"",
            ",,,",
            "*",
            "\u{7f}x",
            &long,
            "%0d%0a",
        ] {
            let Ok(value) = reqwest::header::HeaderValue::from_bytes(value.as_bytes()) else {
                continue;
            };
            let get = client
                .request(Method::GET, &path)
                .header(name, value.clone());
            let reply = client.send(get).await;
            assert!(reply.status < 500, "{name}: {value:?}: {reply}");
            let post = client
                .request(Method::POST, USERS)
                .json(&new_user())
                .header(name, value);
            let reply = client.send(post).await;
            assert!(reply.status < 500, "{name}: {reply}");
        }
    }
    assert_eq!(client.user(id(&user)).await.json(), user);
}

/// A Spin host itself responds with 500 if a header is not UTF-8, before any component runs. The response
/// must reveal nothing, and the next request must succeed.
#[tokio::test]
async fn headers_with_invalid_utf_8_reveal_nothing() {
    let client = Client::from_env().await;
    for name in [
        "X-Request-ID",
        "If-None-Match",
        "Traceparent",
        "Origin",
        "Authorization",
    ] {
        let mut request =
            format!("GET {USERS}?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        request.push_str(&format!("{name}: "));
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(b"\xff\xfe\x80\r\n\r\n");
        let reply = raw::exchange(client.base(), &bytes).await;
        assert!(
            reply.status < 500 || reply.body.is_empty(),
            "{name}: {reply:?}"
        );
        client.get("/api/v1/health/live").await.expect(200);
    }
}

#[tokio::test]
async fn a_line_break_never_reaches_a_header() {
    let client = Client::from_env().await;
    let evil = "x%0d%0aSet-Cookie:%20a=b";
    for target in [
        user_path(evil),
        format!("{USERS}?q={evil}"),
        format!("{USERS}?{evil}=1"),
    ] {
        let request = raw::request(&client, "GET", &target, "", b"");
        let reply = raw::exchange(client.base(), &request).await;
        assert!(reply.header("set-cookie").is_none(), "{reply:?}");
    }
    let name = unique();
    for n in 0..2 {
        let body = json!({ "email": format!("{name}{n}@example.com"),
            "full_name": format!("{name} <\">; rel=\"next\"") });
        client.created(&body).await;
    }
    let q = format!("{name} <\">; rel");
    let reply = client.list(&[("q", &q), ("limit", "1")]).await.expect(200);
    let link = reply
        .header("link")
        .unwrap_or_else(|| panic!("no Link: {reply}"));
    assert_eq!(
        (link.matches('<').count(), link.matches('>').count()),
        (1, 1),
        "{link}"
    );
}

#[tokio::test]
async fn problems_do_not_repeat_long_input() {
    let client = Client::from_env().await;
    let mut body: Value = new_user();
    body["x".repeat(20_000)] = json!(1);
    let reply = client.create(&body).await.expect(422);
    assert!(reply.body.len() < 4_096, "{} bytes", reply.body.len());
}
