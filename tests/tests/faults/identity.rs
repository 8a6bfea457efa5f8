//! Authentication and authorization during an outage of Redis or Postgres, and afterwards.

use std::time::Duration;

use blackbox::client::{ME, USERS, user_path};
use blackbox::stack::{ADMIN_PASSWORD, Stack, eventually};
use blackbox::{PASSWORD, Person};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::task::block_in_place;

/// Checks that changes made during an outage of Redis hold after it.
async fn check_changes_survive_outage(
    stack: &mut Stack,
    out: impl Fn(&mut Stack),
    back: impl Fn(&mut Stack),
) {
    let admin = stack.client.clone();
    let renamed = Person::create(&admin).await;
    let demoted = Person::create_admin(&admin).await;
    let deactivated = Person::create(&admin).await;
    let deleted = Person::create(&admin).await;
    let logged_out = Person::create(&admin).await;
    let ended = Person::create(&admin).await;
    let everybody = [
        &renamed,
        &demoted,
        &deactivated,
        &deleted,
        &logged_out,
        &ended,
    ];
    for person in everybody {
        // Reads twice: the second response comes from Redis.
        for _ in 0..2 {
            person.client.get(ME).await.expect(200);
        }
    }
    demoted.client.get(USERS).await.expect(200);
    out(stack);
    let new_name = json!({ "full_name": "Changed meanwhile" });
    let after = admin.patch(&renamed.id, &new_name).await.expect(200).json();
    admin
        .patch_admin(&demoted.id, &json!({ "role": "user" }), ADMIN_PASSWORD)
        .await
        .expect(200);
    admin
        .patch(&deactivated.id, &json!({ "is_active": false }))
        .await
        .expect(200);
    admin.delete(&deleted.id).await.expect(204);
    let logout = logged_out
        .client
        .request(Method::POST, "/api/v1/auth/logout");
    admin.send(logout).await.expect(204);
    let sessions = format!("{}/sessions", user_path(&ended.id));
    admin
        .send(admin.request(Method::DELETE, &sessions))
        .await
        .expect(204);
    let look = async || {
        for _ in 0..10 {
            assert_eq!(renamed.client.get(ME).await.expect(200).json(), after);
            assert_eq!(admin.user(&renamed.id).await.expect(200).json(), after);
            demoted.client.get(USERS).await.problem(403, "forbidden");
            for gone in [&deactivated, &deleted, &logged_out, &ended] {
                gone.client.get(ME).await.problem(401, "unauthenticated");
            }
            admin.user(&deleted.id).await.problem(404, "not_found");
        }
    };
    look().await;
    back(stack);
    look().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    look().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_redis_outage_persist() {
    let mut stack = Stack::start().await;
    check_changes_survive_outage(&mut stack, Stack::stop_redis, Stack::start_redis).await;
}

/// A frozen Redis keeps its old state: the app must update it before it responds, or soon after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_redis_freeze_apply_soon_after_it_thaws() {
    let mut stack = Stack::start().await;
    let admin = stack.client.clone();
    let (off, demoted) = (
        Person::create(&admin).await,
        Person::create_admin(&admin).await,
    );
    for person in [&off, &demoted] {
        for _ in 0..2 {
            person.client.get(ME).await.expect(200);
        }
    }
    stack.pause_redis();
    admin
        .patch(&off.id, &json!({ "is_active": false }))
        .await
        .expect(200);
    admin
        .patch_admin(&demoted.id, &json!({ "role": "user" }), ADMIN_PASSWORD)
        .await
        .expect(200);
    off.client.get(ME).await.problem(401, "unauthenticated");
    demoted.client.get(USERS).await.problem(403, "forbidden");
    stack.resume_redis();
    // One correct response may still come from Postgres, while another instance reads the old entry.
    eventually(Duration::from_secs(2), "the changes to hold", async || {
        for _ in 0..20 {
            let off = off.client.get(ME).await.expect_any(&[200, 401]).status;
            let demoted = demoted.client.get(USERS).await;
            if (off, demoted.expect_any(&[200, 403]).status) != (401, 403) {
                return false;
            }
        }
        true
    })
    .await;
}

/// The killed host has already sent the changes to the frozen Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_redis_freeze_survive_a_host_kill() {
    let mut stack = Stack::start().await;
    let (mut killed, other) = stack.second_host(&[]).expect("a second host");
    let ada = Person::create(&stack.client).await;
    let other = stack.client.at(other.base());
    for client in [&ada.client, &ada.client, &other] {
        client.get(&user_path(&ada.id)).await.expect(200);
    }
    stack.pause_redis();
    for name in ["Ada Byron", "Ada Lovelace"] {
        let change = json!({ "full_name": name });
        other.patch(&ada.id, &change).await.expect(200);
    }
    block_in_place(|| killed.kill()).expect("a killed host");
    stack.resume_redis();
    eventually(Duration::from_secs(2), "the change to hold", async || {
        ada.client.get(ME).await.expect(200).json()["full_name"] == "Ada Lovelace"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_refresh_and_password_change_work_without_redis() {
    let mut stack = Stack::start().await;
    stack.stop_redis();
    let ada = Person::create(&stack.client).await;
    let nobody = stack.anonymous();
    nobody
        .login(&ada.email, "not the password")
        .await
        .problem(401, "invalid_credentials");
    let refreshed = nobody.refresh(&ada.refresh_token).await.expect(200);
    let session = blackbox::Session::of(&nobody, &refreshed);
    let change = json!({ "old_password": PASSWORD, "new_password": "copper 18 window lamb" });
    let change = session
        .client
        .request(Method::PUT, "/api/v1/users/me/password")
        .json(&change);
    session.client.send_patiently(change).await.expect(204);
    session.client.get(ME).await.expect(200);
    nobody
        .login(&ada.email, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    nobody
        .login(&ada.email, "copper 18 window lamb")
        .await
        .expect(200);
    // Slots are leased in Postgres meanwhile, and excess logins are rejected.
    let flood = (0..24).map(async |n| {
        let body = json!({ "email": format!("nobody{n}@example.com"), "password": PASSWORD });
        let request = nobody
            .request(Method::POST, "/api/v1/auth/login")
            .json(&body);
        let reply = nobody.send(request).await.expect_any(&[401, 503]);
        reply.any_problem();
        reply.status
    });
    let statuses = join_all(flood).await;
    assert!(statuses.contains(&401), "{statuses:?}");
    stack.start_redis();
    nobody
        .login(&ada.email, "copper 18 window lamb")
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_refresh_and_logout_get_503_without_postgres() {
    let mut stack = Stack::start().await;
    let ada = Person::create(&stack.client).await;
    ada.client.get(ME).await.expect(200);
    stack.stop_postgres();
    let nobody = stack.anonymous();
    let login = nobody.login(&ada.email, PASSWORD).await;
    let refresh = nobody.refresh(&ada.refresh_token).await;
    let logout = ada
        .client
        .send(ada.client.request(Method::POST, "/api/v1/auth/logout"))
        .await;
    for reply in [&login, &refresh, &logout] {
        reply.problem(503, "unavailable");
        reply.retry_after(1, 10);
    }
    stack.start_postgres();
    eventually(Duration::from_secs(5), "recovery", async || {
        ada.client.get(ME).await.expect_any(&[200, 503]).status == 200
    })
    .await;
    // The refresh that got 503 either spent its token or did not: both are valid.
    let again = nobody.refresh(&ada.refresh_token).await;
    again.expect_any(&[200, 401]);
    nobody.login(&ada.email, PASSWORD).await.expect(200);
}
