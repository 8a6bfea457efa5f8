//! List and creation of __names__, over HTTP.

use std::collections::BTreeSet;

use blackbox::client::id;
use blackbox::lists::{ids, items};
use blackbox::{Client, Person, Reply, unique};
use reqwest::Method;
use serde_json::json;

const __NAMES__: &str = "/api/v1/__names__";

async fn create(client: &Client, name: &str) -> Reply {
    client.post(__NAMES__, &json!({ "name": name })).await
}

async fn create_with_key(client: &Client, key: &str, name: &str) -> Reply {
    let request = client.request(Method::POST, __NAMES__);
    let request = request.header("idempotency-key", key);
    client.send(request.json(&json!({ "name": name }))).await
}

async fn list(client: &Client, query: &[(&str, &str)]) -> Reply {
    let request = client.request(Method::GET, __NAMES__);
    client.send(request.query(query)).await
}

#[tokio::test]
async fn a_created___name___is_listed() {
    let admin = Client::from_env().await;
    let name = unique();
    let created = create(&admin, &name).await.expect(201).json();
    assert_eq!(created["name"], name.as_str());
    let page = list(&admin, &[("limit", "100")]).await.expect(200).json();
    assert!(items(&page).contains(&created), "{page}");
}

#[tokio::test]
async fn pages_continue_after_the_cursor() {
    let admin = Client::from_env().await;
    let mut own = Vec::new();
    for _ in 0..3 {
        let created = create(&admin, &unique()).await.expect(201).json();
        own.insert(0, id(&created).to_owned());
    }
    let mut listed = Vec::new();
    let mut cursor = None::<String>;
    while !own.iter().all(|id| listed.contains(id)) {
        let mut query = vec![("limit", "2"), ("include_total", "true")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let reply = list(&admin, &query).await.expect(200);
        let page = reply.json();
        assert!(page["total"].as_u64().is_some_and(|total| total >= 3), "{page}");
        listed.extend(ids(&items(&page)));
        cursor = page["next"].as_str().map(str::to_owned);
        assert_eq!(reply.header("link").is_some(), cursor.is_some(), "{reply}");
        assert!(!listed.is_empty() && listed.len() < 1_000, "{own:?} are on no page");
    }
    let unique: BTreeSet<_> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "an item is on two pages");
    listed.retain(|id| own.contains(id));
    assert_eq!(listed, own, "newest first");
}

#[tokio::test]
async fn a_repeated_key_returns_the_original_response() {
    let admin = Client::from_env().await;
    let (key, name) = (unique(), unique());
    let first = create_with_key(&admin, &key, &name).await.expect(201).json();
    let again = create_with_key(&admin, &key, &name).await.expect(201).json();
    assert_eq!(again, first);
    let other = create_with_key(&admin, &key, &unique()).await;
    other.problem(422, "idempotency_key_reused");
    let page = list(&admin, &[("limit", "100")]).await.expect(200).json();
    let same = items(&page).into_iter().filter(|item| item["name"] == first["name"]);
    assert_eq!(same.count(), 1, "{page}");
}

#[tokio::test]
async fn invalid_values_are_rejected() {
    let admin = Client::from_env().await;
    for name in ["", "a\nb", &"a".repeat(201)] {
        create(&admin, name).await.invalid("name");
    }
    for (name, value) in [("limit", "0"), ("sort", "name"), ("cursor", "AAAA")] {
        list(&admin, &[(name, value)]).await.invalid(name);
    }
}

#[tokio::test]
async fn other_callers_than_admins_are_rejected() {
    let admin = Client::from_env().await;
    let user = Person::create(&admin).await.client;
    create(&user, &unique()).await.problem(403, "forbidden");
    list(&user, &[]).await.problem(403, "forbidden");
    let anonymous = Client::anonymous();
    create(&anonymous, &unique()).await.problem(401, "unauthenticated");
    list(&anonymous, &[]).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn creation_is_in_the_audit_trail() {
    let admin = Client::from_env().await;
    let created = create(&admin, &unique()).await.expect(201).json();
    let target = id(&created);
    let trail = format!("/api/v1/audit?action=__name___created&target_id={target}");
    let events = items(&admin.get(&trail).await.expect(200).json());
    assert_eq!(events.len(), 1, "{events:?}");
}
