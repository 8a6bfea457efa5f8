//! One active administrator always remains.

use blackbox::client::{Client, ME};
use blackbox::stack::{ADMIN_PASSWORD, Stack};
use blackbox::{PASSWORD, Person, Reply, new_user};
use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};

async fn own_id(client: &Client) -> String {
    let me = client.get_json(ME).await;
    me["id"].as_str().unwrap().to_owned()
}

async fn delete_me(client: &Client, password: &str) -> Reply {
    let request = client.request(Method::DELETE, ME);
    client
        .send_patiently(request.json(&json!({ "current_password": password })))
        .await
}

async fn admins(stack: &Stack) -> i64 {
    let sql = "SELECT count(*) FROM users WHERE role = 'admin' AND is_active";
    let row = stack.database().await.query_one(sql, &[]).await.unwrap();
    row.get(0)
}

/// Changes by which an administrator could stop being one.
fn demoting_changes() -> [Value; 3] {
    [
        json!({ "role": "user" }),
        json!({ "is_active": false }),
        json!({ "role": "user", "is_active": false, "full_name": "Gone" }),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_active_admin_cannot_be_removed() {
    let stack = Stack::start().await;
    let admin = &stack.client;
    let id = own_id(admin).await;
    // Neither of these users could take over.
    let mut asleep = new_user();
    asleep["role"] = json!("admin");
    asleep["is_active"] = json!(false);
    admin.created(&asleep).await;
    Person::create(admin).await;
    let before = admin.get_json(ME).await;
    for change in demoting_changes() {
        admin.patch(&id, &change).await.problem(409, "last_admin");
    }
    admin.delete(&id).await.problem(409, "use_users_me");
    delete_me(admin, ADMIN_PASSWORD)
        .await
        .problem(409, "last_admin");
    assert_eq!(admin.get_json(ME).await, before, "nothing has changed");
    admin
        .patch(&id, &json!({ "full_name": "Still here", "role": "admin" }))
        .await
        .expect(200);

    // With a second administrator each change succeeds.
    for change in demoting_changes() {
        let second = Person::create_admin(admin).await;
        let changed = admin.patch_admin(&second.id, &change, ADMIN_PASSWORD).await;
        changed.expect(200);
        admin.patch(&id, &change).await.problem(409, "last_admin");
    }
    let second = Person::create_admin(admin).await;
    delete_me(&second.client, &second.password)
        .await
        .expect(204);
    let third = Person::create_admin(admin).await;
    admin
        .patch(&id, &json!({ "role": "user" }))
        .await
        .expect(200);
    delete_me(&third.client, &third.password)
        .await
        .problem(409, "last_admin");
    third.client.delete(&id).await.expect(204);
    assert_eq!(admins(&stack).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_mutual_removals_leave_one_admin() {
    let stack = Stack::start().await;
    let first = Person::create_admin(&stack.client).await;
    let second = Person::create_admin(&stack.client).await;
    let bootstrapped = own_id(&stack.client).await;
    let gone = first.client.delete_admin(&bootstrapped, PASSWORD).await;
    gone.expect(204);
    let (mut first, mut second) = (first, second);
    for round in 0..20 {
        let change = &demoting_changes()[round % 2];
        let (one, two) = join(
            first.client.patch_admin(&second.id, change, PASSWORD),
            second.client.patch_admin(&first.id, change, PASSWORD),
        )
        .await;
        assert_eq!(admins(&stack).await, 1, "round {round}: {one} {two}");
        // The loser came too late: it had lost every right, or the right to this change.
        let (winner, loser) = match (one.status, two.status) {
            (200, 401 | 403 | 409) => (&first, &mut second),
            (401 | 403 | 409, 200) => (&second, &mut first),
            _ => panic!("round {round}: {one} {two}"),
        };
        let back = json!({ "role": "admin", "is_active": true });
        let restored = winner.client.patch_admin(&loser.id, &back, PASSWORD).await;
        restored.expect(200);
        if loser.client.get(ME).await.expect_any(&[200, 401]).status == 401 {
            // Deactivation has ended the session.
            loser.client = loser.sign_in().await.client;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_self_deletions_leave_one_admin() {
    let stack = Stack::start().await;
    let mut people = Vec::new();
    for _ in 0..6 {
        people.push(Person::create_admin(&stack.client).await);
    }
    let bootstrapped = own_id(&stack.client).await;
    let gone = people[0].client.delete_admin(&bootstrapped, PASSWORD).await;
    gone.expect(204);
    let leaves = people
        .iter()
        .map(|person| delete_me(&person.client, &person.password));
    let replies = futures::future::join_all(leaves).await;
    let stayed: Vec<_> = replies.iter().filter(|reply| reply.status != 204).collect();
    assert_eq!((stayed.len(), admins(&stack).await), (1, 1));
    stayed[0].problem(409, "last_admin");
}
