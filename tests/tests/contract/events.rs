//! The change feed: its pages, its waits, and the end of a waiting caller's access.

use std::time::Duration;

use blackbox::client::{ME, id};
use blackbox::service_account::ServiceAccount;
use blackbox::{Client, Person, new_user, unique};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const EVENTS: &str = "/api/v1/events";

/// Reads pages after `position` until one is empty, and returns their items with the last position.
async fn read_all(client: &Client, mut position: i64, parameters: &str) -> (Vec<Value>, i64) {
    let mut items = Vec::new();
    loop {
        let path = format!("{EVENTS}?after={position}{parameters}");
        let page = client.get_json(&path).await;
        let next = page["next"].as_i64().unwrap();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        if next == position {
            return (items, next);
        }
        position = next;
    }
}

async fn end(client: &Client) -> i64 {
    let page = client.get_json(EVENTS).await;
    assert_eq!(page["items"], json!([]));
    page["next"].as_i64().unwrap()
}

/// Returns the items about `target`.
fn about<'a>(items: &'a [Value], target: &str) -> Vec<&'a Value> {
    let is_about = |item: &&Value| item["event"]["target_id"] == target;
    items.iter().filter(is_about).collect()
}

#[tokio::test]
async fn events_follow_one_another_and_contain_the_present_user() {
    let admin = Client::from_env().await;
    let reader = ServiceAccount::create(&admin, &["audit:read", "users:read"]).await;
    let begin = end(&reader.client).await;
    let ada = admin.created(&new_user()).await;
    let name = json!({ "full_name": "Grace" });
    let renamed = admin.patch(id(&ada), &name).await.expect(200).json();
    let gone = admin.created(&new_user()).await;
    admin.delete(id(&gone)).await.expect(204);

    let (items, next) = read_all(&reader.client, begin, "&limit=1&include_user=true").await;
    let of_ada = about(&items, id(&ada));
    let actions: Vec<_> = of_ada.iter().map(|item| &item["event"]["action"]).collect();
    assert_eq!(actions, ["user_created", "name_changed"]);
    assert!(
        of_ada.iter().all(|item| item["user"] == renamed),
        "{items:?}"
    );
    assert!(
        about(&items, id(&gone))
            .iter()
            .all(|item| item["user"].is_null())
    );
    let positions: Vec<_> = items
        .iter()
        .map(|item| item["position"].as_i64().unwrap())
        .collect();
    assert!(
        positions.is_sorted_by(|one, other| one < other),
        "{positions:?}"
    );
    assert!(
        positions
            .iter()
            .all(|position| (begin + 1..=next).contains(position))
    );
    // The trail has the same event.
    let trail = format!("/api/v1/audit?target_id={}&action=name_changed", id(&ada));
    let trail = admin.get_json(&trail).await;
    assert_eq!(trail["items"][0], of_ada[1]["event"]);

    let (items, _) = read_all(&reader.client, begin, "&action=user_deleted,name_changed").await;
    assert!(items.iter().all(|item| item.get("user").is_none()));
    assert_eq!(about(&items, id(&ada)).len(), 1);
    assert_eq!(about(&items, id(&gone)).len(), 1);
}

#[tokio::test]
async fn a_request_waits_for_an_event_that_has_not_happened() {
    let admin = Client::from_env().await;
    // The email of nobody: other suites cause other events meanwhile.
    let mut position = end(&admin).await;
    let waiting = tokio::spawn({
        let admin = admin.clone();
        async move {
            loop {
                let path = format!(
                    "{EVENTS}?after={position}&wait=20&action=password_hashes_exported,user_imported"
                );
                let page = admin.get_json(&path).await;
                position = page["next"].as_i64().unwrap();
                if page["items"] != json!([]) {
                    return page;
                }
            }
        }
    });
    let line = json!([new_user()]);
    admin.post("/api/v1/users/import", &line).await.expect(200);
    let page = waiting.await.unwrap();
    assert_eq!(page["items"][0]["event"]["action"], "user_imported");
}

#[tokio::test]
async fn a_caller_whose_access_ends_during_the_wait_gets_nothing() {
    let admin = Client::from_env().await;
    let reader = ServiceAccount::create(&admin, &["audit:read", "users:read"]).await;
    let other = ServiceAccount::create(&admin, &["audit:read", "users:read"]).await;
    let eve = Person::create_admin(&admin).await;
    let position = end(&admin).await;
    // No event has this action before the end, and other suites may end the waits: each is repeated until access ends.
    let wait = |client: &Client, parameters: &'static str| {
        let client = client.clone();
        tokio::spawn(async move {
            let path =
                format!("{EVENTS}?after={position}&wait=2&action=admin_bootstrapped{parameters}");
            loop {
                let reply = client.get(&path).await;
                if reply.status != 200 {
                    return reply;
                }
            }
        })
    };
    let (deleted, reduced, out) = (
        wait(&reader.client, ""),
        wait(&other.client, "&include_user=true"),
        wait(&eve.client, ""),
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    admin
        .call(Method::DELETE, &reader.key_path())
        .await
        .expect(204);
    let scopes = json!({ "scopes": ["audit:read"] });
    let patch = admin.request(Method::PATCH, &other.path()).json(&scopes);
    admin.send(patch).await.expect(200);
    eve.client.logout().await.expect(204);
    deleted.await.unwrap().problem(401, "unauthenticated");
    reduced.await.unwrap().problem(403, "insufficient_scope");
    out.await.unwrap().problem(401, "unauthenticated");
}

#[tokio::test]
async fn users_require_a_scope_of_their_own() {
    let admin = Client::from_env().await;
    let reader = ServiceAccount::create(&admin, &["audit:read"]).await;
    let path = format!("{EVENTS}?include_user=true");
    let reply = reader.client.get(&path).await;
    reply.problem(403, "insufficient_scope");
    reply.assert_header(
        "www-authenticate",
        "Bearer error=\"insufficient_scope\", scope=\"users:read\"",
    );
    end(&reader.client).await;
}

#[tokio::test]
async fn an_unknown_position_requires_a_restart() {
    let admin = Client::from_env().await;
    let path = format!("{EVENTS}?after={}", i64::MAX);
    admin.get(&path).await.problem(410, "feed_restart");
}

#[tokio::test]
async fn invalid_parameters_are_named() {
    let admin = Client::from_env().await;
    for (name, value) in [
        ("after", "-1"),
        ("after", "9223372036854775808"),
        ("limit", "0"),
        ("action", unique().as_str()),
        ("action", "user_created,"),
        ("include_user", "yes"),
        ("wait", "31"),
        ("wait", "1.5"),
        ("cursor", "x"),
    ] {
        let request = admin.request(Method::GET, EVENTS).query(&[(name, value)]);
        admin.send(request).await.invalid(name);
    }
    let reply = admin.call(Method::POST, EVENTS).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    admin.get(ME).await.expect(200);
}
