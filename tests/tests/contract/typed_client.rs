//! Rust client against the app: every response field that programs rely on is typed.

use blackbox::{Client as Untyped, PASSWORD, Person, unique};
use futures::{StreamExt, TryStreamExt};
use roster_client::types::{Role, User};
use roster_client::{Client, ErrorExt, codes, etag};
use uuid::Uuid;

fn client_of(untyped: &Untyped) -> Client {
    Client::signed_in(untyped.base(), untyped.token()).unwrap()
}

#[tokio::test]
async fn the_client_creates_updates_and_deletes_users() {
    let admin = client_of(&Untyped::from_env().await);
    let name = unique();
    let email = format!("{name}@example.com");
    let create = admin
        .create_user()
        .body_map(|body| body.email(&email).full_name(&name).role(Role::Admin));
    let created = create.clone().send().await.unwrap();
    assert_eq!(created.status(), 201);
    let user: User = created.clone();
    assert_eq!(etag(&created), Some("\"v1\""));
    assert_eq!(
        created.headers()["location"],
        format!("/api/v1/users/{}", user.id)
    );
    assert_eq!((&user.email, &user.full_name), (&email, &name));
    assert_eq!(
        (user.role, user.is_active, user.version),
        (Role::Admin, true, 1)
    );
    assert_eq!(user.created_at, user.updated_at);

    let error = create.send().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 409);
    assert_eq!(error.code(), Some(codes::EMAIL_TAKEN));
    let problem = error.problem().unwrap();
    assert_eq!(problem.errors[0].pointer, "#/email");
    assert_eq!(error.request_id(), Some(problem.request_id.as_str()));
    assert_eq!(problem.instance, "/api/v1/users");

    let read = admin.get_user().id(user.id).send().await.unwrap();
    assert_eq!(*read, user);
    let tag = etag(&read).unwrap().to_owned();
    let again = admin.get_user().id(user.id).if_none_match(&tag);
    assert!(again.send().await.unwrap_err().is_not_modified());

    let change = admin.update_user().id(user.id).if_match(&tag);
    let change = change.body_map(|body| {
        body.role(Role::User)
            .is_active(false)
            .current_password(Untyped::admin_password())
    });
    let changed = change.clone().send().await.unwrap().into_inner();
    assert!(changed.updated_at > user.updated_at);
    let expected = User {
        role: Role::User,
        is_active: false,
        version: 2,
        updated_at: changed.updated_at,
        ..user.clone()
    };
    assert_eq!(changed, expected);
    let error = change.send().await.unwrap_err();
    assert_eq!(error.code(), Some(codes::PRECONDITION_FAILED));

    let deleted = admin.delete_user().id(user.id).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let error = admin.get_user().id(user.id).send().await.unwrap_err();
    assert_eq!(error.status().unwrap(), 404);
    assert_eq!(error.code(), Some(codes::NOT_FOUND));
}

#[tokio::test]
async fn lists_stream_all_pages() {
    let untyped = Untyped::from_env().await;
    let admin = client_of(&untyped);
    let prefix = unique();
    for n in 0..5 {
        let create = admin.create_user();
        let email = format!("{prefix}.{n}@example.com");
        let create = create.body_map(|body| body.email(email).full_name("Crowd"));
        create.send().await.unwrap();
    }
    let list = admin.list_users().q(&prefix).sort("-email").limit(2);
    let page = list.clone().include_total(true).send().await.unwrap();
    assert_eq!((page.items.len(), page.total), (2, Some(5)));
    assert!(page.next.is_some());
    let users: Vec<User> = list.stream().try_collect().await.unwrap();
    let emails: Vec<_> = users.iter().map(|user| user.email.clone()).collect();
    let expected: Vec<_> = (0..5)
        .rev()
        .map(|n| format!("{prefix}.{n}@example.com"))
        .collect();
    assert_eq!(emails, expected);

    let id = users[0].id;
    let events = admin.list_audit().target_id(id).limit(1).stream();
    let events: Vec<_> = events.try_collect().await.unwrap();
    let created = events.last().unwrap();
    assert_eq!(
        (created.action.as_str(), created.target_id),
        ("user_created", Some(id))
    );
    assert!(created.actor_id.is_some());

    let refused = admin.list_users().limit(-1).stream().next().await.unwrap();
    assert_eq!(refused.unwrap_err().code(), Some(codes::INVALID));
}

#[tokio::test]
async fn the_client_signs_in_refreshes_and_signs_out() {
    let ada = Person::create(&Untyped::from_env().await).await;
    let base = ada.client.base();
    let nobody = Client::new(base).unwrap();
    let error = nobody.get_me().send().await.unwrap_err();
    assert_eq!(error.code(), Some(codes::UNAUTHENTICATED));

    let fresh = nobody
        .refresh()
        .body_map(|body| body.refresh_token(&ada.refresh_token));
    let tokens = fresh.clone().send().await.unwrap().into_inner();
    assert_eq!(
        (tokens.token_type.as_str(), tokens.expires_in),
        ("Bearer", 900)
    );
    let client = Client::signed_in(base, &tokens.access_token).unwrap();
    let me = client.get_me().send().await.unwrap();
    assert_eq!(
        (me.id, &me.email),
        (ada.id.parse::<Uuid>().unwrap(), &ada.email)
    );

    let sessions = client.list_sessions().send().await.unwrap();
    let [session] = sessions.items.as_slice() else {
        panic!("{sessions:?}");
    };
    assert_eq!(session.id.to_string(), ada.session_id());
    assert!(session.current && session.created_at <= session.last_used_at);
    assert!(session.expires_at > session.last_used_at);

    let change = client.update_me();
    let change = change.body_map(|body| body.full_name("Augusta Ada King".to_owned()));
    assert_eq!(change.send().await.unwrap().full_name, "Augusta Ada King");
    client.logout().send().await.unwrap();
    let error = client.get_me().send().await.unwrap_err();
    assert_eq!(error.code(), Some(codes::UNAUTHENTICATED));
    let error = fresh.send().await.unwrap_err();
    assert_eq!(error.code(), Some(codes::INVALID_REFRESH_TOKEN));
}

#[tokio::test]
async fn the_client_supports_media_types_other_than_json() {
    let ada = Person::create(&Untyped::from_env().await).await;
    let nobody = Client::new(ada.client.base()).unwrap();
    let text = nobody.metrics().send().await.unwrap().into_inner_stream();
    let text: Vec<u8> = text
        .map_ok(|bytes| bytes.to_vec())
        .try_concat()
        .await
        .unwrap();
    assert!(String::from_utf8(text).unwrap().contains("# TYPE "));
    let health = nobody.ready().send().await.unwrap();
    assert_eq!(
        (health.status.as_str(), health.service.as_str()),
        ("ready", "roster")
    );
    assert_eq!(health.checks.as_ref().unwrap().postgres, "up");
    assert!(nobody.live().send().await.unwrap().checks.is_none());

    // Password form; without a free hash slot it returns busy.
    let form = nobody.token_form().body_map(|body| {
        body.grant_type("password")
            .username(&ada.email)
            .password(PASSWORD)
    });
    match form.send().await {
        Ok(tokens) => assert!(!tokens.access_token.is_empty()),
        Err(error) => {
            assert_eq!(error.code(), Some(codes::BUSY));
            assert!(error.retry_after().is_some());
        }
    }
}
