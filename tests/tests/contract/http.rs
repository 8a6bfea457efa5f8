//! HTTP itself: framing, routing, methods, request ids, headers, CORS.

use blackbox::client::{USERS, id, user_path};
use blackbox::{Client, new_user, raw};
use reqwest::Method;
use serde_json::json;

const HEALTH: [&str; 3] = [
    "/api/v1/health",
    "/api/v1/health/live",
    "/api/v1/health/ready",
];

#[tokio::test]
async fn every_response_has_a_content_length() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let path = user_path(id(&user));
    let json = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    let cases = [
        ("GET", USERS, "", ""),
        ("GET", &path, "", ""),
        ("GET", "/api/v1/users/nobody", "", ""),
        ("GET", "/api/v1/users/x/y", "", ""),
        ("GET", "/api/v1/users?nonsense=1", "", ""),
        ("POST", USERS, json, "{}"),
        ("POST", USERS, json, "{\""),
        (
            "POST",
            USERS,
            "Content-Type: text/plain\r\nContent-Length: 2\r\n",
            "{}",
        ),
        ("PATCH", &path, json, "{}"),
        ("PUT", USERS, "Content-Length: 0\r\n", ""),
        ("OPTIONS", USERS, "", ""),
        ("GET", HEALTH[0], "", ""),
        ("GET", HEALTH[1], "", ""),
        ("GET", HEALTH[2], "", ""),
        ("GET", "/", "", ""),
        ("GET", "/api/v2", "", ""),
    ];
    for (method, target, extra, body) in cases {
        let request = raw::request(&client, method, target, extra, body.as_bytes());
        let reply = raw::exchange(client.base(), &request).await;
        assert!(
            reply.header("transfer-encoding").is_none(),
            "{method} {target}: {reply:?}"
        );
        let length = reply
            .header("content-length")
            .map(|text| text.parse().unwrap());
        assert_eq!(
            length,
            Some(reply.body.len()),
            "{method} {target}: {reply:?}"
        );
    }
    for (target, extra) in [(path.as_str(), "If-None-Match: *\r\n")] {
        let request = raw::request(&client, "GET", target, extra, b"");
        let reply = raw::exchange(client.base(), &request).await;
        assert_eq!((reply.status, reply.body.len()), (304, 0), "{reply:?}");
        assert!(reply.header("transfer-encoding").is_none(), "{reply:?}");
    }
}

#[tokio::test]
async fn a_wrong_method_gets_405_with_allow() {
    let client = Client::from_env().await;
    let item = user_path(&uuid::Uuid::now_v7().to_string());
    let routes = [
        (
            USERS,
            &["GET", "HEAD", "POST"][..],
            &["PUT", "PATCH", "DELETE"][..],
        ),
        (&item, &["DELETE", "GET", "HEAD", "PATCH"], &["PUT", "POST"]),
        (
            HEALTH[0],
            &["GET", "HEAD"],
            &["POST", "PUT", "PATCH", "DELETE"],
        ),
        (HEALTH[1], &["GET", "HEAD"], &["POST", "DELETE"]),
        (HEALTH[2], &["GET", "HEAD"], &["POST", "DELETE"]),
    ];
    for (path, allowed, refused) in routes {
        for method in refused.iter().chain(&["PROPFIND", "TRACE"]) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = client.call(method, path).await;
            reply.problem(405, "method_not_allowed");
            let allow = reply
                .header("allow")
                .unwrap_or_else(|| panic!("no Allow: {reply}"));
            let mut names: Vec<&str> = allow.split(',').map(str::trim).collect();
            names.retain(|name| *name != "OPTIONS");
            names.sort_unstable();
            assert_eq!(names, allowed, "{reply}");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_gets_a_404_problem() {
    let client = Client::from_env().await;
    for path in [
        "/api/v1/users/x/y",
        "/api/v1/users/x/y/z",
        "/api/v1/health/nothing",
        // Below /api, but not part of a component.
        "/api",
        "/api/v1",
        "/api/v1/user",
        "/api/v1/usersx",
        "/api/v2/users",
    ] {
        let reply = client.get(path).await;
        let problem = reply.problem(404, "not_found");
        assert_eq!(problem["instance"], path);
        assert_eq!(
            Some(problem["request_id"].as_str().unwrap()),
            reply.header("x-request-id")
        );
        let post = client.request(Method::POST, path).json(&json!({}));
        client.send(post).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_path_outside_of_the_api_gets_a_404_problem() {
    let client = Client::from_env().await;
    for path in ["/", "/index.html", "/apiary", "//", "/.env"] {
        let reply = client.get(path).await.expect(404);
        reply.assert_header("content-type", "application/problem+json");
        let body = reply.json();
        assert_eq!(body["status"], 404, "{reply}");
        assert_eq!(body["code"], "not_found", "{reply}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    for path in [&user_path(id(&user)), HEALTH[1], "/api/v1/users/nobody"] {
        let get = client.get(path).await;
        let head = client.call(Method::HEAD, path).await.expect(get.status);
        assert!(head.body.is_empty(), "{head}");
        for name in ["etag", "content-type", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
    let list = client.call(Method::HEAD, USERS).await.expect(200);
    assert!(list.body.is_empty());
}

#[tokio::test]
async fn method_overrides_are_ignored() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let path = user_path(id(&user));
    for header in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        client.get_with(&path, header, "DELETE").await.expect(200);
        let create = client
            .request(Method::POST, USERS)
            .header(header, "GET")
            .json(&new_user());
        client.send(create).await.expect(201);
    }
    client
        .call(Method::POST, &format!("{path}?_method=DELETE"))
        .await
        .expect(405);
    client.user(id(&user)).await.expect(200);
}

#[tokio::test]
async fn a_valid_request_id_is_echoed_and_others_are_replaced() {
    let client = Client::from_env().await;
    for path in [USERS, "/api/v1/users/nobody", HEALTH[1]] {
        for sane in [
            "a",
            "req-1.2_3:4",
            &"x".repeat(64),
            &uuid::Uuid::new_v4().to_string(),
        ] {
            let reply = client.get_with(path, "x-request-id", sane).await;
            reply.assert_header("x-request-id", sane);
        }
        for bad in [
            "",
            "a b",
            "{\"a\":1}",
            "<script>",
            &"x".repeat(500),
            "a\tb",
            "a,b",
            "a;b=c",
        ] {
            let reply = client.get_with(path, "x-request-id", bad).await;
            let id = reply.header("x-request-id").unwrap();
            assert_ne!(id, bad, "{reply}");
            assert!(!id.is_empty() && id.len() <= 128, "{reply}");
        }
    }
    let two = client
        .request(Method::GET, USERS)
        .header("x-request-id", "one");
    let reply = client.send(two.header("x-request-id", "two")).await;
    assert_eq!(
        reply.headers.get_all("x-request-id").iter().count(),
        1,
        "{reply}"
    );
    let (one, two) = (client.get(USERS).await, client.get(USERS).await);
    assert_ne!(
        one.header("x-request-id"),
        two.header("x-request-id"),
        "made anew each time"
    );
}

#[tokio::test]
async fn responses_have_the_security_headers() {
    let client = Client::from_env().await;
    for path in [USERS, "/api/v1/users/nobody", HEALTH[0]] {
        let reply = client.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            reply.assert_header(name, value);
        }
        let csp = reply.header("content-security-policy").unwrap_or_default();
        assert!(csp.contains("frame-ancestors 'none'"), "{reply}");
        assert!(reply.header("x-powered-by").is_none(), "{reply}");
    }
}

#[tokio::test]
async fn unconfigured_origins_get_no_cors_headers() {
    let client = Client::from_env().await;
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost:3000",
        "*",
        "file://",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let request = client.request(method, USERS).header("origin", origin);
            let reply = client
                .send(request.header("access-control-request-method", "POST"))
                .await;
            for name in [
                "access-control-allow-origin",
                "access-control-allow-credentials",
            ] {
                assert!(reply.header(name).is_none(), "{origin}: {reply}");
            }
        }
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let client = Client::from_env().await;
    let mut stream = raw::connect(client.base()).await;
    let host = raw::authority(client.base());
    let one = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", HEALTH[1]);
    let last = one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    // Pipelined: the responses must arrive complete and in order.
    stream
        .write_all(format!("{}{last}", one.repeat(9)).as_bytes())
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 10, "{text}");
}
