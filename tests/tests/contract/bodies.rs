//! Request bodies: sizes, framing, media types.

use blackbox::client::{LOGIN, USERS, id, user_path};
use blackbox::{Client, new_user, raw};
use futures::future::join_all;
use reqwest::Method;

#[tokio::test]
async fn bodies_over_64_kib_get_413() {
    let client = Client::from_env().await;
    let padded = |length: usize| {
        let mut body = new_user().to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    client
        .create_raw("application/json", padded(65_536))
        .await
        .expect(201);
    let over = client.create_raw("application/json", padded(65_537)).await;
    over.problem(413, "payload_too_large");
    let user = client.created(&new_user()).await;
    let patch = client.request(Method::PATCH, &user_path(id(&user)));
    let patch = patch
        .header("content-type", "application/json")
        .body(" ".repeat(65_537));
    client.send(patch).await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_large_declared_length_gets_413() {
    let client = Client::from_env().await;
    let extra = "Content-Type: application/json\r\nContent-Length: 1000000\r\n";
    let body = vec![b' '; 1_000_000];
    let request = raw::request(&client, "POST", USERS, extra, &body);
    let reply = raw::exchange(client.base(), &request).await;
    assert_eq!(reply.status, 413, "{reply:?}");
}

#[tokio::test]
async fn chunked_bodies_have_the_same_limit() {
    let client = Client::from_env().await;
    let send = async |payload: &[u8]| {
        let mut body = Vec::new();
        for chunk in payload.chunks(1000) {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        let extra = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
        let request = raw::request(&client, "POST", USERS, extra, &body);
        raw::exchange(client.base(), &request).await
    };
    let reply = send(new_user().to_string().as_bytes()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let mut large = new_user().to_string().into_bytes();
    large.resize(65_537, b' ');
    let reply = send(&large).await;
    assert_eq!(reply.status, 413, "{reply:?}");
    large.pop();
    large[0] = b'[';
    let reply = send(&large).await;
    assert!(matches!(reply.status, 400 | 422), "{reply:?}");
}

#[tokio::test]
async fn a_media_type_other_than_json_gets_415() {
    let client = Client::from_env().await;
    let body = new_user().to_string();
    for bad in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "json",
        "*/*",
    ] {
        let reply = client.create_raw(bad, body.clone()).await;
        reply.problem(415, "unsupported_media_type");
    }
    let untyped = client.request(Method::POST, USERS).body(body.clone());
    client
        .send(untyped)
        .await
        .problem(415, "unsupported_media_type");
    for good in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf8",
        "application/json; charset=us-ascii",
        "application/json; charset=\"US-ASCII\"",
        "Application/JSON;charset=UTF-8",
    ] {
        client
            .create_raw(good, new_user().to_string())
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn a_content_encoding_gets_415_with_accept_encoding() {
    let client = Client::from_env().await;
    for coding in ["gzip", "br", "identity, gzip", "GZIP"] {
        let request = client
            .request(Method::POST, USERS)
            .header("content-type", "application/json")
            .header("content-encoding", coding)
            .body(new_user().to_string());
        let reply = client.send(request).await;
        let problem = reply.problem(415, "unsupported_content_encoding");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("Content-Encoding")
        );
        assert_eq!(reply.header("accept-encoding"), Some("identity"));
    }
    let request = client
        .request(Method::POST, USERS)
        .header("content-type", "application/json")
        .header("content-encoding", "identity")
        .body(new_user().to_string());
    client.send(request).await.expect(201);
}

#[tokio::test]
async fn a_missing_body_gets_408() {
    let client = Client::anonymous();
    let extra = "Content-Type: application/json\r\nContent-Length: 100\r\n";
    let exchanges = ["", "{\"email\": "].map(|sent| {
        let request = raw::request(&client, "POST", LOGIN, extra, sent.as_bytes());
        let base = client.base();
        async move { raw::exchange(base, &request).await }
    });
    for reply in join_all(exchanges).await {
        assert_eq!(reply.status, 408, "{reply:?}");
        let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(problem["code"], "request_timeout");
    }
    let nobody = client.login("nobody@example.com", "no password");
    nobody.await.problem(401, "invalid_credentials");
}
