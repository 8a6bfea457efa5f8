//! The change feed: its pages, its waits, and the end of a waiting caller's access.

use std::time::Duration;

use blackbox::client::{ME, id};
use blackbox::service_account::ServiceAccount;
use blackbox::stack::{Stack, eventually};
use blackbox::{Client, Person, Reply, new_user, unique};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const EVENTS: &str = "/api/v1/events";
const LIMIT: Duration = Duration::from_secs(30);

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

/// Waits for an event that never happens, ends the caller's access once the app looks for it, and returns the first
/// response other than 200.
async fn refusal(
    stack: &Stack,
    caller: &Client,
    parameters: &str,
    end_access: impl Future<Output = Reply>,
) -> Reply {
    let position = end(&stack.client).await;
    let database = stack.database().await;
    let begun = database.query_one("SELECT clock_timestamp()::text", &[]);
    let begun: String = begun.await.unwrap().get(0);
    let path = format!("{EVENTS}?after={position}&wait=1&action=admin_bootstrapped{parameters}");
    let caller = caller.clone();
    let waiting = tokio::spawn(async move {
        loop {
            let reply = caller.get(&path).await;
            if reply.status != 200 {
                return reply;
            }
        }
    });
    let looks = "SELECT FROM pg_stat_activity
        WHERE query LIKE '%FROM feed_state()' AND query_start > $1::text::timestamptz";
    let has_looked = async || !database.query(looks, &[&begun]).await.unwrap().is_empty();
    eventually(LIMIT, "a look at the feed", has_looked).await;
    end_access.await.expect_any(&[200, 204]);
    waiting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_whose_access_ends_during_the_wait_gets_nothing() {
    let stack = Stack::start().await;
    let admin = &stack.client;
    let scopes = ["audit:read", "users:read"];
    let reader = ServiceAccount::create(admin, &scopes).await;
    let key = reader.key_path();
    let delete = admin.call(Method::DELETE, &key);
    let reply = refusal(&stack, &reader.client, "", delete).await;
    reply.problem(401, "unauthenticated");

    let reader = ServiceAccount::create(admin, &scopes).await;
    let fewer = json!({ "scopes": ["audit:read"] });
    let patch = admin.request(Method::PATCH, &reader.path()).json(&fewer);
    let reply = refusal(
        &stack,
        &reader.client,
        "&include_user=true",
        admin.send(patch),
    )
    .await;
    reply.problem(403, "insufficient_scope");

    let eve = Person::create_admin(admin).await;
    let reply = refusal(&stack, &eve.client, "", eve.client.logout()).await;
    reply.problem(401, "unauthenticated");
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
