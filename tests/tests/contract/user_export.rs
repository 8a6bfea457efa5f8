//! Export of users: pages, lines for an import, and the switch for password hashes.

use blackbox::client::USERS;
use blackbox::stack::Stack;
use blackbox::{Client, PASSWORD, Person, Reply, unique};
use reqwest::Method;
use serde_json::{Value, json};

const EXPORT: &str = "/api/v1/users/export";
const IMPORT: &str = "/api/v1/users/import";

/// Reads all pages of an export.
async fn export(client: &Client, query: &str) -> Vec<Value> {
    let (mut users, mut path) = (Vec::new(), format!("{EXPORT}?{query}"));
    loop {
        let reply = client.get(&path).await.expect(200);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let mut page = reply.json();
        users.append(page["items"].as_array_mut().unwrap());
        match page["next"].as_str() {
            Some(next) => path = format!("{EXPORT}?{query}&cursor={next}"),
            None => return users,
        }
    }
}

async fn import(client: &Client, lines: &[Value]) -> Reply {
    let request = client.request(Method::POST, IMPORT).json(lines);
    client.send(request).await.expect(200)
}

#[tokio::test]
async fn an_export_has_every_user_as_a_line_of_an_import() {
    let admin = Client::from_env().await;
    let (ada, name) = (Person::create(&admin).await, unique());
    let grace = json!({
        "email": format!("{name}@example.com"), "full_name": "Grace Hopper", "role": "user",
        "is_active": false, "external_id": name, "created_at": "2019-05-01T08:00:00Z",
    });
    import(&admin, std::slice::from_ref(&grace)).await;
    let users = export(&admin, "limit=1000").await;
    let find = |email: &Value| {
        let found = users.iter().find(|user| user["email"] == *email);
        found.unwrap().as_object().unwrap().clone()
    };
    let found = find(&json!(ada.email));
    let members: Vec<_> = found.keys().map(String::as_str).collect();
    let all = [
        "created_at",
        "email",
        "full_name",
        "id",
        "is_active",
        "role",
    ];
    assert_eq!(members, all);
    let lines = [json!(found), json!(find(&grace["email"]))];
    let again = import(&admin, &lines).await.json();
    assert_eq!(again["unchanged"], 2, "{again}");
    let mut found = find(&grace["email"]);
    assert!(found.remove("id").is_some());
    assert_eq!(Value::Object(found), grace);
}

#[tokio::test]
async fn users_are_found_by_their_external_id() {
    let admin = Client::from_env().await;
    let name = unique();
    let line = json!({
        "email": format!("{name}@example.com"), "full_name": "Ada", "external_id": name,
    });
    import(&admin, &[line]).await;
    let list = admin.get_json(&format!("{USERS}?external_id={name}")).await;
    let users = list["items"].as_array().unwrap();
    assert_eq!(users.len(), 1, "{list}");
    let id = users[0]["id"].as_str().unwrap();
    assert_eq!(admin.user(id).await.json()["external_id"], name.as_str());
    let none = admin
        .get_json(&format!("{USERS}?external_id={name}x"))
        .await;
    assert_eq!(none["items"], json!([]));
    let empty = admin.get(&format!("{USERS}?external_id=")).await;
    empty.problem(422, "invalid");
}

#[tokio::test]
async fn password_hashes_need_the_setting() {
    let admin = Client::from_env().await;
    let reply = admin.get(&format!("{EXPORT}?password_hashes=true")).await;
    reply.problem(403, "password_hash_export_disabled");
    let invalid = format!("{EXPORT}?limit=0&password_hashes=1");
    let invalid = admin.get(&invalid).await.problem(422, "invalid");
    let pointers = invalid["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = pointers.map(|error| &error["pointer"]).collect();
    assert_eq!(pointers.len(), 2, "{pointers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_move_to_another_deployment_with_their_passwords() {
    let enabled = [("password_hash_export_enabled", "true")];
    let (from, to) = (Stack::start_with(&enabled).await, Client::from_env().await);
    let ada = Person::create(&from.client).await;
    let users = export(&from.client, "password_hashes=true&limit=1").await;
    assert_eq!(users.len(), 2);
    let cursor = from.client.get_json(&format!("{EXPORT}?limit=1")).await;
    let cursor = cursor["next"].as_str().unwrap();
    let mixed = format!("{EXPORT}?password_hashes=true&cursor={cursor}");
    from.client.get(&mixed).await.problem(422, "invalid");
    let events = "/api/v1/audit?action=password_hashes_exported";
    let events = from.client.get_json(events).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 2, "{events}");

    let lines: Vec<_> = users
        .into_iter()
        .filter(|user| user["email"] == ada.email)
        .collect();
    assert!(
        lines[0]["password_hash"]
            .as_str()
            .unwrap()
            .starts_with("$argon2id$")
    );
    let report = import(&to, &lines).await.json();
    assert_eq!(report["results"][0]["id"], lines[0]["id"], "{report}");
    Client::anonymous()
        .login(&ada.email, PASSWORD)
        .await
        .expect(200);
}
