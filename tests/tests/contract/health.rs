//! Health endpoints for probes and people.

use blackbox::Client;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const ALL: [&str; 3] = [
    "/api/v1/health",
    "/api/v1/health/live",
    "/api/v1/health/ready",
];

#[tokio::test]
async fn each_endpoint_returns_200_with_no_store() {
    let client = Client::from_env().await;
    for path in ALL {
        let reply = client.get(path).await.expect(200);
        reply.assert_header("cache-control", "no-store");
        reply.assert_header("content-type", "application/json");
        assert!(reply.json()["status"].is_string(), "{reply}");
    }
}

#[tokio::test]
async fn health_has_the_documented_fields_and_checks() {
    let reply = Client::from_env().await.get(ALL[0]).await.expect(200);
    let body = reply.json();
    for field in ["status", "service", "environment", "version", "timestamp"] {
        assert!(
            body[field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}: {reply}"
        );
    }
    let time = OffsetDateTime::parse(body["timestamp"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!(
        (OffsetDateTime::now_utc() - time).whole_seconds().abs() < 3600,
        "{reply}"
    );
    assert!(
        body["checks"].is_object() || body["checks"].is_array(),
        "{reply}"
    );
    let checks = body["checks"].to_string();
    assert!(
        checks.contains("postgres") && checks.contains("redis"),
        "{reply}"
    );
}

#[tokio::test]
async fn readiness_lists_its_checks() {
    let reply = Client::from_env().await.get(ALL[2]).await.expect(200);
    let checks = reply.json()["checks"].to_string();
    assert!(
        checks.contains("postgres") && checks.contains("redis"),
        "{reply}"
    );
}

#[tokio::test]
async fn health_contains_no_addresses_and_no_credentials() {
    let client = Client::from_env().await;
    for path in ALL {
        let text = String::from_utf8(client.get(path).await.expect(200).body).unwrap();
        for word in ["127.0.0.1", "localhost", "password", "://", "/home", "/tmp"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[tokio::test]
async fn every_response_is_fresh() {
    let client = Client::from_env().await;
    let first = client.get(ALL[0]).await.json();
    let again = client.get(ALL[0]).await.json();
    let time = |body: &serde_json::Value| {
        OffsetDateTime::parse(body["timestamp"].as_str().unwrap(), &Rfc3339).unwrap()
    };
    assert!(time(&again) > time(&first), "{first} {again}");
}
