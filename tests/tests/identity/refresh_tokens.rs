//! Refresh tokens: each is valid once, and a second use ends the session.

use std::collections::BTreeSet;

use blackbox::client::{ME, REFRESH};
use blackbox::database::{change_one, shared_database};
use blackbox::lists::items;
use blackbox::person::{claims, session_id};
use blackbox::{Client, Person, Session, unique};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

async fn ada() -> (Client, Person) {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    (admin, ada)
}

#[tokio::test]
async fn a_refresh_returns_a_new_pair_in_the_same_session() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    let reply = nobody.refresh(&ada.refresh_token).await.expect(200);
    reply.assert_header("cache-control", "no-store");
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 4, "{reply}");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    let next = Session::of(&nobody, &reply);
    assert_ne!(next.refresh_token, ada.refresh_token);
    assert_eq!(next.id(), ada.session_id());
    assert_eq!(claims(next.client.token())["sub"], ada.id);
    for client in [&next.client, &ada.client] {
        client.get(ME).await.expect(200);
    }
    let mut last = next;
    for _ in 0..3 {
        last = Session::refreshed(&nobody, &last.refresh_token).await;
    }
    last.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_replay_ends_the_session_and_is_audited() {
    let (admin, ada) = ada().await;
    let nobody = Client::anonymous();
    let other = ada.sign_in().await;
    let next = Session::refreshed(&nobody, &ada.refresh_token).await;
    next.client.get(ME).await.expect(200);
    // The response may have been lost, so within the grace period the same token returns the same
    // successor.
    let again = Session::refreshed(&nobody, &ada.refresh_token).await;
    assert_eq!(again.refresh_token, next.refresh_token);
    assert_eq!(again.id(), next.id());
    let database = shared_database().await;
    let sql = "UPDATE refresh_tokens SET spent_at = spent_at - interval '11 seconds' \
         WHERE session_id = $1::text::uuid AND spent_at IS NOT NULL";
    change_one(&database, sql, &[&next.id()]).await;
    let request_id = unique();
    let replay = nobody
        .request(Method::POST, REFRESH)
        .header("x-request-id", &request_id)
        .json(&json!({ "refresh_token": ada.refresh_token }));
    nobody
        .send(replay)
        .await
        .problem(401, "invalid_refresh_token");
    for client in [&next.client, &ada.client] {
        client.get(ME).await.problem(401, "unauthenticated");
    }
    nobody.refresh_fails(&next.refresh_token).await;
    // A thief holds one session; the others continue.
    other.client.get(ME).await.expect(200);
    Session::refreshed(&nobody, &other.refresh_token).await;

    let path = format!("/api/v1/audit?action=refresh_replayed&target_id={}", ada.id);
    let rows = items(&admin.get_json(&path).await);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["request_id"], request_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_concurrent_refreshes_return_one_successor() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    for round in 0..3 {
        let session = ada.sign_in().await;
        let sends = (0..20).map(|_| nobody.refresh(&session.refresh_token));
        let replies = join_all(sends).await;
        let successors: BTreeSet<_> = replies
            .into_iter()
            .map(|reply| Session::of(&nobody, &reply.expect(200)).refresh_token)
            .collect();
        assert_eq!(successors.len(), 1, "round {round}");
        let database = shared_database().await;
        let sql = "SELECT count(*) FROM refresh_tokens \
             WHERE session_id = $1::text::uuid AND spent_at IS NULL";
        let unspent: i64 = database
            .query_one(sql, &[&session.id()])
            .await
            .unwrap()
            .get(0);
        assert_eq!(unspent, 1, "successors");
    }
}

#[tokio::test]
async fn reuse_after_use_of_the_successor_ends_the_session() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    let mut last = Session::refreshed(&nobody, &ada.refresh_token).await;
    for _ in 0..3 {
        last = Session::refreshed(&nobody, &last.refresh_token).await;
    }
    nobody.refresh_fails(&ada.refresh_token).await;
    last.client.get(ME).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn access_and_refresh_tokens_are_not_interchangeable() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    let wrong = nobody.with_token(&ada.refresh_token).get(ME).await;
    wrong.problem(401, "unauthenticated");
    let wrong = nobody.refresh(ada.client.token()).await;
    wrong.expect_any(&[401, 422]).any_problem();
    // Neither attempt had an effect.
    ada.client.get(ME).await.expect(200);
    Session::refreshed(&nobody, &ada.refresh_token).await;
}

#[tokio::test]
async fn unknown_tokens_get_the_same_response() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    let ask = async |token: &str| {
        let request = nobody
            .request(Method::POST, REFRESH)
            .header("x-request-id", "same")
            .json(&json!({ "refresh_token": token }));
        nobody.send(request).await
    };
    let told = ask(&"A".repeat(43)).await;
    told.problem(401, "invalid_refresh_token");
    let token = &ada.refresh_token;
    let mut bent = token.clone();
    let first = if bent.starts_with('A') { "B" } else { "A" };
    bent.replace_range(..1, first);
    for bad in [
        bent,
        token[..42].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!(" {token}"),
        token.to_uppercase() + "-",
        String::new(),
        "' OR 1=1 --".to_owned(),
        "\u{0}".to_owned(),
        "x".repeat(10_000),
    ] {
        assert_eq!(ask(&bad).await.visible(), told.visible(), "{bad}");
    }
    for body in [
        json!({}),
        json!({ "refresh_token": null }),
        json!({ "refresh_token": 5 }),
        json!({ "refresh_token": [token] }),
        json!({ "refresh_token": token, "user_id": ada.id }),
    ] {
        nobody.post(REFRESH, &body).await.problem(422, "invalid");
    }
    Session::refreshed(&nobody, token).await;
}

#[tokio::test]
async fn sessions_end_at_idle_and_absolute_expiry() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    let database = shared_database().await;
    for column in ["idle_expires_at", "expires_at"] {
        let session = ada.sign_in().await;
        let sql = format!(
            "UPDATE sessions SET {column} = now() - interval '1 second' WHERE id = $1::text::uuid"
        );
        change_one(&database, &sql, &[&session.id()]).await;
        nobody.refresh_fails(&session.refresh_token).await;
        if column == "idle_expires_at" {
            let listed = ada.client.get_json("/api/v1/auth/sessions").await;
            let listed: BTreeSet<_> = items(&listed).iter().map(|s| s["id"].to_string()).collect();
            assert!(
                !listed.contains(&format!("\"{}\"", session.id())),
                "{listed:?}"
            );
        }
    }
    ada.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_session_expires_after_7_idle_days_or_30_days() {
    let (_, ada) = ada().await;
    let nobody = Client::anonymous();
    let database = shared_database().await;
    let days = async || {
        let sql = "SELECT extract(epoch FROM idle_expires_at - now())::float8 / 86400, \
             extract(epoch FROM expires_at - now())::float8 / 86400 \
             FROM sessions WHERE id = $1::text::uuid";
        let row = database.query_one(sql, &[&ada.session_id()]).await.unwrap();
        (row.get::<_, f64>(0), row.get::<_, f64>(1))
    };
    let near = |days: f64, expected: f64| (days - expected).abs() < 0.01;
    let (idle, whole) = days().await;
    assert!(near(idle, 7.0) && near(whole, 30.0), "{idle} {whole}");

    let moved = "UPDATE sessions SET idle_expires_at = now() + interval '1 day', \
         expires_at = now() + interval '20 days' WHERE id = $1::text::uuid";
    change_one(&database, moved, &[&ada.session_id()]).await;
    let next = Session::refreshed(&nobody, &ada.refresh_token).await;
    let (idle, whole) = days().await;
    assert!(near(idle, 7.0) && near(whole, 20.0), "{idle} {whole}");

    let moved = "UPDATE sessions SET expires_at = now() + interval '2 days' \
         WHERE id = $1::text::uuid";
    change_one(&database, moved, &[&session_id(&next.client)]).await;
    Session::refreshed(&nobody, &next.refresh_token).await;
    let (idle, whole) = days().await;
    assert!(near(idle, 2.0) && near(whole, 2.0), "{idle} {whole}");
}

#[tokio::test]
async fn refresh_tokens_of_inactive_or_deleted_users_are_rejected() {
    let admin = Client::from_env().await;
    let nobody = Client::anonymous();
    let [off, gone] = Person::create_two(&admin).await;
    let patch = |active: bool| json!({ "is_active": active });
    admin.patch(&off.id, &patch(false)).await.expect(200);
    admin.delete(&gone.id).await.expect(204);
    for person in [&off, &gone] {
        nobody.refresh_fails(&person.refresh_token).await;
        person.client.get(ME).await.problem(401, "unauthenticated");
    }
    // Reactivation does not restore the sessions.
    admin.patch(&off.id, &patch(true)).await.expect(200);
    off.client.get(ME).await.problem(401, "unauthenticated");
    nobody.refresh_fails(&off.refresh_token).await;
    off.sign_in().await.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn refresh_tokens_are_stored_as_hashes() {
    let (_, ada) = ada().await;
    let database = shared_database().await;
    let sql = "SELECT hash = sha256($2::text::bytea), length(hash) FROM refresh_tokens \
         WHERE session_id = $1::text::uuid";
    let rows = database
        .query(sql, &[&ada.session_id(), &ada.refresh_token])
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, i32>(1), 32);
}
