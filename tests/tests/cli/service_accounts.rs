//! `roster service-accounts`.

use blackbox::client::id;
use blackbox::{Client, Person, unique};
use serde_json::json;

use crate::commands::Cli;

#[tokio::test]
async fn an_account_gets_keys_and_loses_them() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let (name, accounts) = (unique(), "service-accounts");
    let create = [accounts, "create", "--name", &name, "--scope", "users:read"];
    let created = cli.json(&create);
    let account = id(&created);
    let said = cli.fails(&create, 1);
    assert!(said.contains("(name_taken, request "), "{said}");
    let key = cli.json(&[accounts, "create-key", account, "--expires-in-days", "1"]);
    let client = admin.with_token(key["key"].as_str().unwrap());
    client.list(&[]).await.expect(200);

    let scopes = [
        "--scope",
        "audit:read",
        "--scope",
        "import",
        "--if-version",
        "2",
    ];
    let update = [&[accounts, "update", account][..], &scopes].concat();
    let updated = cli.json(&update);
    assert_eq!(updated["scopes"], json!(["audit:read", "import"]));
    let said = cli.fails(&update, 1);
    assert!(said.contains("(precondition_failed, request "), "{said}");
    client.get("/api/v1/audit?limit=1").await.expect(200);
    let said = cli.fails(&[accounts, "create", "--name", "a", "--scope", "root"], 2);
    assert!(said.contains("tokens:introspect"), "{said}");

    let shown = cli.json(&[accounts, "get", account]);
    assert_eq!(shown["keys"][0]["id"], key["id"]);
    let listed = cli.json(&[accounts, "list", "--limit", "1"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    cli.run(&[accounts, "delete-key", account, id(&key)], 0);
    client
        .get("/api/v1/audit")
        .await
        .problem(401, "unauthenticated");
    cli.run(&[accounts, "delete", account], 0);
    cli.fails(&[accounts, "get", account], 4);
}
