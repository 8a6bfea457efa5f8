//! Bulk creation of users, and traversal of lists.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::client::id;
use crate::{Client, unique};

/// Creates `count` (up to 1009) users whose emails and names begin with a unique prefix, and returns the
/// prefix with them. About one in 15 shares each name.
pub async fn create_users(client: &Client, count: usize) -> (String, Vec<Value>) {
    let prefix = unique();
    let mut users = Vec::new();
    for chunk in (0..count).collect::<Vec<_>>().chunks(5) {
        let bodies = chunk.iter().map(|n| {
            // Scatters the numbers, so that no sort key follows the order of creation.
            let scattered = (n * 17) % 1009;
            json!({ "email": format!("{prefix}.{scattered:04}@example.com"),
                "full_name": format!("{prefix} {:02}", scattered % 15),
                "role": if n % 3 == 0 { "admin" } else { "user" }, "is_active": n % 4 != 0 })
        });
        let bodies: Vec<Value> = bodies.collect();
        users.extend(join_all(bodies.iter().map(|body| client.created(body))).await);
    }
    (prefix, users)
}

/// Returns the ids, in order.
pub fn ids(users: &[Value]) -> Vec<String> {
    users.iter().map(|user| id(user).to_owned()).collect()
}

/// Returns the set of ids.
pub fn id_set(users: &[Value]) -> BTreeSet<String> {
    ids(users).into_iter().collect()
}

/// Returns the users of a page.
pub fn items(page: &Value) -> Vec<Value> {
    page["items"]
        .as_array()
        .unwrap_or_else(|| panic!("no items: {page}"))
        .clone()
}

/// Returns all items of a list, page by page.
pub async fn fetch_all_pages(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..100 {
        let mut query = parameters.to_vec();
        if let Some(cursor) = &cursor {
            query.push(("cursor", cursor));
        }
        let page = client.list(&query).await.expect(200).json();
        found.extend(items(&page));
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => {
                assert!(
                    page["next"].is_null() && page.get("next").is_some(),
                    "{page}"
                );
                return found;
            }
        }
    }
    panic!("the list did not end within 100 pages");
}
