//! Audit trail: one row per event, kept, and without secrets or other forbidden data.

use std::collections::BTreeSet;

use blackbox::client::{LOGIN, ME, REFRESH, USERS, user_path};
use blackbox::lists::items;
use blackbox::{Client, PASSWORD, Person, Reply, new_user, unique};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const AUDIT: &str = "/api/v1/audit";

async fn list(admin: &Client, parameters: &[(&str, &str)]) -> Reply {
    admin
        .send(admin.request(Method::GET, AUDIT).query(parameters))
        .await
}

/// Returns all events about a user, oldest first.
async fn about(admin: &Client, id: &str) -> Vec<Value> {
    let query = [("target_id", id), ("sort", "created_at"), ("limit", "100")];
    items(&list(admin, &query).await.expect(200).json())
}

fn actions(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect()
}

/// Sends a request under a unique request id and returns the id with the response.
async fn traced(client: &Client, request: RequestBuilder) -> (Reply, String) {
    let request_id = unique();
    let request = request.header("x-request-id", &request_id);
    (client.send_patiently(request).await, request_id)
}

#[tokio::test]
async fn each_event_has_one_row_with_actor_and_target() {
    let admin = Client::from_env().await;
    let me = admin.get_json(ME).await["id"].clone();
    let nobody = admin.without_token();
    let mut body = new_user();
    body["password"] = json!(PASSWORD);
    let (reply, request_id) = traced(&admin, admin.request(Method::POST, USERS).json(&body)).await;
    let user = reply.expect(201).json();
    let id = user["id"].as_str().unwrap();
    let mut expected = vec![("user_created", me.clone(), request_id)];

    let login = |password: &str| {
        let body = json!({ "email": body["email"], "password": password });
        nobody.request(Method::POST, LOGIN).json(&body)
    };
    let (reply, request_id) = traced(&nobody, login("not the password")).await;
    reply.expect(401);
    expected.push(("login_failed", Value::Null, request_id));
    let (reply, request_id) = traced(&nobody, login(PASSWORD)).await;
    let session = blackbox::Session::of(&nobody, &reply.expect(200));
    expected.push(("login_succeeded", user["id"].clone(), request_id));

    let item = user_path(id);
    let patch = |mut patch: Value| {
        patch["current_password"] = json!(Client::admin_password());
        admin.request(Method::PATCH, &item).json(&patch)
    };
    for (change, action) in [
        (json!({ "full_name": "Other" }), "name_changed"),
        (json!({ "role": "admin" }), "role_changed"),
        (json!({ "role": "user" }), "role_changed"),
        (json!({ "email": new_user()["email"] }), "email_changed"),
    ] {
        let (reply, request_id) = traced(&admin, patch(change)).await;
        reply.expect(200);
        expected.push((action, me.clone(), request_id));
    }
    // A rejected request, or one that changes nothing, is no event.
    for nothing in [
        json!({}),
        json!({ "role": "user" }),
        json!({ "role": "root" }),
    ] {
        traced(&admin, patch(nothing))
            .await
            .0
            .expect_any(&[200, 422]);
    }
    let change = json!({ "old_password": PASSWORD, "new_password": "copper 18 window lamb" });
    let change = session
        .client
        .request(Method::PUT, "/api/v1/users/me/password")
        .json(&change);
    let (reply, request_id) = traced(&session.client, change).await;
    reply.expect(204);
    expected.push(("password_changed", user["id"].clone(), request_id));
    let out = session.client.request(Method::POST, "/api/v1/auth/logout");
    let (reply, request_id) = traced(&session.client, out).await;
    reply.expect(204);
    expected.push(("session_ended", user["id"].clone(), request_id));

    let token = admin.request(Method::POST, &format!("{item}/reset-token"));
    let (reply, request_id) = traced(&admin, token).await;
    let token = reply.expect(201).json()["reset_token"].clone();
    expected.push(("reset_token_created", me.clone(), request_id));
    let reset = json!({ "token": token, "new_password": "third 55 password" });
    let reset = nobody
        .request(Method::POST, "/api/v1/auth/reset")
        .json(&reset);
    let (reply, request_id) = traced(&nobody, reset).await;
    reply.expect(204);
    expected.push(("password_reset", user["id"].clone(), request_id));
    let end = admin.request(Method::DELETE, &format!("{item}/sessions"));
    let (reply, request_id) = traced(&admin, end).await;
    reply.expect(204);
    expected.push(("sessions_ended", me.clone(), request_id));
    for (active, action) in [(false, "user_deactivated"), (true, "user_activated")] {
        let (reply, request_id) = traced(&admin, patch(json!({ "is_active": active }))).await;
        reply.expect(200);
        expected.push((action, me.clone(), request_id));
    }
    let (reply, request_id) = traced(&admin, admin.request(Method::DELETE, &item)).await;
    reply.expect(204);
    expected.push(("user_deleted", me.clone(), request_id));

    // All rows are kept although the user is deleted.
    let rows = about(&admin, id).await;
    let names: Vec<_> = expected.iter().map(|(action, ..)| *action).collect();
    assert_eq!(actions(&rows), names);
    for (row, (action, actor, request_id)) in rows.iter().zip(&expected) {
        assert_eq!(row["request_id"], *request_id, "{row}");
        assert_eq!(row["target_id"], user["id"], "{row}");
        // All requests came from one address, and the trail does not show it.
        assert_eq!(row["client"], rows[0]["client"], "{row}");
        assert_eq!(row["client"].as_str().map(str::len), Some(22), "{row}");
        // The holder of a reset token, or a guesser, need not be the owner of the account.
        if !matches!(*action, "password_reset" | "login_failed") {
            assert_eq!(row["actor_id"], *actor, "{row}");
        }
    }
}

#[tokio::test]
async fn a_request_with_several_changes_has_several_rows() {
    let admin = Client::from_env().await;
    let user = admin.created(&new_user()).await;
    let id = user["id"].as_str().unwrap();
    let patch = json!({ "full_name": "N", "role": "admin", "is_active": false,
        "email": new_user()["email"] });
    let (reply, request_id) = traced(
        &admin,
        admin.request(Method::PATCH, &user_path(id)).json(&patch),
    )
    .await;
    reply.expect(200);
    let rows = about(&admin, id).await;
    let of_it: Vec<_> = rows
        .iter()
        .filter(|row| row["request_id"] == request_id)
        .cloned()
        .collect();
    let names: BTreeSet<_> = actions(&of_it).into_iter().collect();
    let all = [
        "email_changed",
        "name_changed",
        "role_changed",
        "user_deactivated",
    ];
    assert_eq!(names, BTreeSet::from(all));
    assert_eq!(of_it.len(), 4);
}

#[tokio::test]
async fn a_failed_login_with_an_unknown_email_has_no_target() {
    let admin = Client::from_env().await;
    let nobody = admin.without_token();
    let email = format!("{}@example.com", unique());
    let guess = json!({ "email": email, "password": PASSWORD });
    let (reply, request_id) =
        traced(&nobody, nobody.request(Method::POST, LOGIN).json(&guess)).await;
    reply.expect(401);
    let failed = list(&admin, &[("action", "login_failed"), ("limit", "100")]).await;
    let rows = items(&failed.expect(200).json());
    let row = rows
        .iter()
        .find(|row| row["request_id"] == request_id)
        .expect("a row");
    assert!(
        row["target_id"].is_null() && row["actor_id"].is_null(),
        "{row}"
    );
}

#[tokio::test]
async fn rows_contain_only_ids_and_times() {
    let admin = Client::from_env().await;
    let ada =
        Person::create_with(&admin, json!({ "full_name": format!("Ada {}", unique()) })).await;
    let nobody = admin.without_token();
    let refresh = json!({ "refresh_token": ada.refresh_token });
    let next = nobody.post(REFRESH, &refresh).await.expect(200).json();
    let next = json!({ "refresh_token": next["refresh_token"] });
    nobody.post(REFRESH, &next).await.expect(200);
    nobody.post(REFRESH, &refresh).await.expect(401);
    nobody.login(&ada.email, "a secret guess").await.expect(401);
    let name = admin.user(&ada.id).await.json()["full_name"].clone();
    admin.delete(&ada.id).await.expect(204);
    let rows = about(&admin, &ada.id).await;
    assert_eq!(
        actions(&rows),
        [
            "user_created",
            "login_succeeded",
            "refresh_replayed",
            "login_failed",
            "user_deleted"
        ]
    );
    let fields = BTreeSet::from([
        "action",
        "actor_id",
        "client",
        "created_at",
        "id",
        "request_id",
        "target_id",
    ]);
    for row in &rows {
        let names: BTreeSet<_> = row
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(names, fields, "{row}");
        let at = OffsetDateTime::parse(row["created_at"].as_str().unwrap(), &Rfc3339).unwrap();
        assert!(
            (OffsetDateTime::now_utc() - at).whole_seconds().abs() < 600,
            "{row}"
        );
        uuid::Uuid::parse_str(row["id"].as_str().unwrap()).unwrap();
    }
    let text = json!(rows).to_string();
    let secrets = [
        ada.email.as_str(),
        name.as_str().unwrap(),
        PASSWORD,
        "a secret guess",
        &ada.refresh_token,
        ada.client.token(),
        "127.0.0.1",
        "argon2",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn the_list_has_the_rules_of_the_list_of_users() {
    let admin = Client::from_env().await;
    let user = admin.created(&new_user()).await;
    let id = user["id"].as_str().unwrap();
    for n in 0..6 {
        admin
            .patch(id, &json!({ "full_name": format!("N {n}") }))
            .await
            .expect(200);
    }
    let newest = items(&list(&admin, &[("target_id", id)]).await.expect(200).json());
    let mut oldest = about(&admin, id).await;
    assert_eq!(oldest.len(), 7);
    oldest.reverse();
    assert_eq!(newest, oldest, "the newest first unless asked otherwise");

    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let mut query = vec![("target_id", id), ("limit", "3"), ("include_total", "true")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let reply = list(&admin, &query).await.expect(200);
        let page = reply.json();
        assert_eq!(page["total"], 7, "{reply}");
        found.extend(items(&page));
        cursor = page["next"].as_str().map(str::to_owned);
        assert_eq!(reply.header("link").is_some(), cursor.is_some(), "{reply}");
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, newest);
    let named = [("target_id", id), ("action", "name_changed")];
    assert_eq!(items(&list(&admin, &named).await.json()).len(), 6);
    let me = admin.get(ME).await.json()["id"].clone();
    let mine = [("target_id", id), ("actor_id", me.as_str().unwrap())];
    assert_eq!(items(&list(&admin, &mine).await.json()).len(), 7);
    let middle = newest[3]["created_at"].as_str().unwrap();
    for (name, count) in [("created_after", 3), ("created_before", 3)] {
        let cut = list(&admin, &[("target_id", id), (name, middle)]).await;
        assert_eq!(items(&cut.expect(200).json()).len(), count, "{name}");
    }

    let page = list(&admin, &[("target_id", id), ("limit", "1")])
        .await
        .json();
    let cursor = page["next"].as_str().unwrap();
    let elsewhere = list(&admin, &[("limit", "1"), ("cursor", cursor)]).await;
    elsewhere.invalid("cursor");
    let users = admin.list(&[("cursor", cursor)]).await;
    users.invalid("cursor");
    for (name, value) in [
        ("limit", "0"),
        ("limit", "-1"),
        ("sort", "action"),
        ("sort", "email"),
        ("action", "anything"),
        ("actor_id", "me"),
        ("target_id", "' OR 1=1 --"),
        ("created_after", "yesterday"),
        ("include_total", "maybe"),
        ("cursor", "AAAA"),
        ("email", "a@example.com"),
        ("q", "a"),
    ] {
        list(&admin, &[(name, value)]).await.invalid(name);
    }
}

#[tokio::test]
async fn the_trail_is_read_only_over_http() {
    let admin = Client::from_env().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let reply = admin.call(method.clone(), AUDIT).await;
        reply.problem(405, "method_not_allowed");
        // No path exists below it; the host itself responds.
        let beneath = admin.request(method, &format!("{AUDIT}/1"));
        assert_eq!(admin.try_send(beneath).await.unwrap().status, 404);
    }
}
