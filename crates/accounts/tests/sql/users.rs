//! The users resource.

use accounts::idempotency::{IdempotencyKey, IdempotentRequest};
use accounts::user::service::list::{ListParameters, ListQuery};
use accounts::{Error, Expected, NewUser, Role, User, UserId, UserPatch, Users};

use crate::fixture::{Fixture, actor};

async fn users() -> Users {
    Fixture::new().await.users
}

fn new_user(email: &str) -> NewUser {
    NewUser::parse(email, "Ada Lovelace", None, None, None).unwrap()
}

fn rename(name: &str) -> UserPatch {
    UserPatch::parse(None, Some(name), None, None).unwrap()
}

fn request(key: &str) -> IdempotentRequest {
    IdempotentRequest {
        caller: "anonymous".into(),
        route: "POST /api/v1/users",
        key: IdempotencyKey::parse(key).unwrap(),
    }
}

async fn page(users: &Users, parameters: ListParameters, size: &str) -> Vec<User> {
    let mut query = ListQuery::parse(&ListParameters {
        limit: Some(size.into()),
        ..parameters
    })
    .unwrap();
    let mut all = Vec::new();
    loop {
        let page = users.list_users(&query).await.unwrap();
        all.extend(page.items);
        match page.next {
            Some(position) => query.after = Some(position),
            None => return all,
        }
    }
}

#[tokio::test]
async fn a_created_user_is_found_with_every_field() {
    let users = users().await;
    let password = Some("correct horse".to_owned());
    let ada = NewUser::parse(
        "Ada@Example.com",
        "Ada",
        password,
        Some("admin"),
        Some(false),
    );
    let created = users
        .create_user(ada.unwrap(), None, actor())
        .await
        .unwrap();
    assert_eq!(created.email.as_str(), "ada@example.com");
    assert_eq!((created.version, created.is_active), (1, false));
    assert_eq!(users.get_user(created.id).await.unwrap(), created);
}

#[tokio::test]
async fn an_email_belongs_to_one_user() {
    let users = users().await;
    users
        .create_user(new_user("a@b.example"), None, actor())
        .await
        .unwrap();
    let twin = users
        .create_user(new_user("A@B.example"), None, actor())
        .await;
    assert_eq!(twin, Err(Error::EmailTaken));
    let other = users
        .create_user(new_user("c@b.example"), None, actor())
        .await
        .unwrap();
    let patch = UserPatch::parse(Some("a@b.example"), None, None, None).unwrap();
    assert_eq!(
        users.update_user(other.id, &patch, None, actor()).await,
        Err(Error::EmailTaken)
    );
}

#[tokio::test]
async fn a_change_requires_the_expected_version() {
    let users = users().await;
    let one = users
        .create_user(new_user("a@b.example"), None, actor())
        .await
        .unwrap();
    let two = users
        .update_user(one.id, &rename("Two"), Some(vec![1]), actor())
        .await
        .unwrap();
    assert_eq!((two.version, two.full_name.as_str()), (2, "Two"));
    assert!(two.updated_at > one.updated_at && two.created_at == one.created_at);

    let stale = users
        .update_user(one.id, &rename("Three"), Some(vec![1]), actor())
        .await;
    assert_eq!(stale, Err(Error::Stale));
    assert_eq!(
        users
            .update_user(one.id, &rename("x"), Some(vec![]), actor())
            .await,
        Err(Error::Stale)
    );
    let either = users
        .update_user(one.id, &rename("Three"), Some(vec![9, 2]), actor())
        .await;
    assert_eq!(either.unwrap().version, 3);
    let nobody = users
        .update_user(UserId::generate(), &rename("x"), None, actor())
        .await;
    assert_eq!(nobody, Err(Error::NotFound));
}

#[tokio::test]
async fn an_empty_patch_returns_the_current_state() {
    let users = users().await;
    let user = users
        .create_user(new_user("a@b.example"), None, actor())
        .await
        .unwrap();
    let empty = UserPatch::default();
    assert_eq!(
        users
            .update_user(user.id, &empty, Some(vec![1]), actor())
            .await,
        Ok(user.clone())
    );
    assert_eq!(
        users
            .update_user(user.id, &empty, Some(vec![7]), actor())
            .await,
        Err(Error::Stale)
    );
}

#[tokio::test]
async fn a_patch_without_changes_keeps_version_and_audit_trail() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let same = UserPatch::parse(
        Some("ADA@b.example"),
        Some(" Ada Lovelace "),
        Some("user"),
        Some(true),
    );
    let patch = async |expected| {
        let patch = same.as_ref().unwrap();
        fixture
            .users
            .update_user(ada.id, patch, expected, actor())
            .await
    };
    assert_eq!(patch(None).await, Ok(ada.clone()));
    assert_eq!(patch(Some(vec![1])).await, Ok(ada.clone()));
    assert_eq!(patch(Some(vec![2])).await, Err(Error::Stale));
    assert_eq!(fixture.actions().await, ["user_created"]);
}

#[tokio::test]
async fn a_delayed_change_audits_only_its_own_effects() {
    for (expected, outcome) in [
        (None, Ok(3)),
        (Some(vec![1]), Err(Error::Stale)),
        (Some(vec![2]), Ok(3)),
    ] {
        let fixture = Fixture::new().await;
        let ada = fixture.user("ada@b.example", "user").await;
        let other = fixture.connect().await;
        other
            .batch("BEGIN; UPDATE users SET role = 'admin', version = version + 1")
            .await
            .unwrap();
        let patch = tokio::spawn({
            let (users, expected) = (fixture.users.clone(), expected.clone());
            async move {
                let patch = rename("Countess");
                users.update_user(ada.id, &patch, expected, actor()).await
            }
        });
        fixture.until_one_waits().await;
        other.batch("COMMIT").await.unwrap();
        let patched = patch.await.unwrap();
        assert_eq!(
            patched.as_ref().map(|user| user.version),
            outcome.as_ref().map(|version| *version),
            "{expected:?}"
        );
        let mut trail = vec!["user_created"];
        if let Ok(user) = patched {
            assert_eq!(user.role, Role::Admin, "the role change is kept");
            trail.push("name_changed");
        }
        assert_eq!(fixture.actions().await, trail, "{expected:?}");
    }
}

#[tokio::test]
async fn a_delayed_identical_change_has_no_effect() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let other = fixture.connect().await;
    other
        .batch("BEGIN; UPDATE users SET full_name = 'Countess', version = version + 1")
        .await
        .unwrap();
    let users = fixture.users.clone();
    let patch = tokio::spawn(async move {
        users
            .update_user(ada.id, &rename("Countess"), None, actor())
            .await
    });
    fixture.until_one_waits().await;
    other.batch("COMMIT").await.unwrap();
    assert_eq!(patch.await.unwrap().unwrap().version, 2);
    assert_eq!(fixture.actions().await, ["user_created"]);
}

#[tokio::test]
async fn a_delayed_change_of_a_deleted_user_is_not_found() {
    for delete in [false, true] {
        let fixture = Fixture::new().await;
        let ada = fixture.user("ada@b.example", "user").await;
        let other = fixture.connect().await;
        other.batch("BEGIN; DELETE FROM users").await.unwrap();
        let users = fixture.users.clone();
        let change = tokio::spawn(async move {
            let (expected, patch) = (Some(vec![1]), rename("Countess"));
            match delete {
                true => users.delete_user(ada.id, expected, actor()).await,
                false => users
                    .update_user(ada.id, &patch, expected, actor())
                    .await
                    .map(|_| ()),
            }
        });
        fixture.until_one_waits().await;
        other.batch("COMMIT").await.unwrap();
        assert_eq!(change.await.unwrap(), Err(Error::NotFound));
        assert_eq!(fixture.actions().await, ["user_created"]);
    }
}

#[tokio::test]
async fn deletion_is_conditional_and_final() {
    let users = users().await;
    let user = users
        .create_user(new_user("a@b.example"), None, actor())
        .await
        .unwrap();
    assert_eq!(
        users.delete_user(user.id, Some(vec![2]), actor()).await,
        Err(Error::Stale)
    );
    assert_eq!(
        users.delete_user(user.id, Some(vec![1]), actor()).await,
        Ok(())
    );
    assert_eq!(
        users.delete_user(user.id, None, actor()).await,
        Err(Error::NotFound)
    );
    assert_eq!(users.get_user(user.id).await, Err(Error::NotFound));
}

#[tokio::test]
async fn a_change_of_an_excluded_version_is_rejected_as_excluded() {
    let users = users().await;
    let user = users
        .create_user(new_user("a@b.example"), None, actor())
        .await
        .unwrap();
    let renamed = rename("Another");
    for excluded in [Expected::new(None, vec![1]), Expected::absent()] {
        for patch in [&renamed, &UserPatch::default()] {
            let patched = users
                .update_user(user.id, patch, excluded.clone(), actor())
                .await;
            assert_eq!(patched, Err(Error::Excluded), "{excluded:?}");
        }
        let deleted = users.delete_user(user.id, excluded, actor()).await;
        assert_eq!(deleted, Err(Error::Excluded));
    }
    assert_eq!(users.get_user(user.id).await, Ok(user));
}

#[tokio::test]
async fn an_idempotency_key_creates_one_user_and_replays_it() {
    let users = users().await;
    let first = users
        .create_user(new_user("a@b.example"), Some(request("k")), actor())
        .await
        .unwrap();
    users
        .update_user(first.id, &rename("Changed"), None, actor())
        .await
        .unwrap();
    let again = users
        .create_user(new_user("a@b.example"), Some(request("k")), actor())
        .await
        .unwrap();
    assert_eq!(again, first, "the original response is returned");

    let other = users
        .create_user(new_user("c@b.example"), Some(request("k")), actor())
        .await;
    assert_eq!(other, Err(Error::KeyReused));
    let taken = users
        .create_user(new_user("a@b.example"), Some(request("k2")), actor())
        .await;
    assert_eq!(taken, Err(Error::EmailTaken), "an error is not stored");
    let kept = users
        .create_user(new_user("d@b.example"), Some(request("k2")), actor())
        .await;
    assert!(kept.is_ok());
}

#[tokio::test]
async fn a_concurrently_claimed_key_creates_no_user() {
    let fixture = Fixture::new().await;
    let other = fixture.connect().await;
    other
        .batch(
            "BEGIN; INSERT INTO idempotency_keys (caller, route, key, fingerprint, expires_at)
             VALUES ('anonymous', 'POST /api/v1/users', 'k', 'other', now() + interval '1 day')",
        )
        .await
        .unwrap();
    let create = tokio::spawn({
        let users = fixture.users.clone();
        async move {
            users
                .create_user(new_user("a@b.example"), Some(request("k")), actor())
                .await
        }
    });
    fixture.until_one_waits().await;
    other.batch("COMMIT").await.unwrap();
    assert_eq!(create.await.unwrap(), Err(Error::KeyReused));
    assert!(fixture.actions().await.is_empty(), "no user was created");
}

#[tokio::test]
async fn an_idempotency_key_keeps_no_data_of_a_deleted_user() {
    let fixture = Fixture::new().await;
    let users = &fixture.users;
    let create = async || {
        users
            .create_user(new_user("a@b.example"), Some(request("k")), actor())
            .await
    };
    let user = create().await.unwrap();
    users.delete_user(user.id, None, actor()).await.unwrap();
    assert_eq!(create().await, Err(Error::Gone));
    let kept = "SELECT true AS kept FROM idempotency_keys
        WHERE response IS NOT NULL OR user_id IS NOT NULL";
    assert!(
        fixture
            .database
            .read(kept, vec![])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn pages_cover_a_list_once_in_every_order() {
    let users = users().await;
    for n in 0..23 {
        let (email, name) = (format!("u{n:02}@b.example"), format!("Same {}", n % 3));
        let user = NewUser::parse(&email, &name, None, None, None).unwrap();
        users.create_user(user, None, actor()).await.unwrap();
    }
    for sort in [
        "created_at",
        "-created_at",
        "updated_at",
        "-email",
        "full_name",
        "-full_name",
    ] {
        let parameters = ListParameters {
            sort: Some(sort.into()),
            ..Default::default()
        };
        let listed = page(&users, parameters.clone(), "5").await;
        assert_eq!(listed, page(&users, parameters, "100").await, "{sort}");
        let mut ids: Vec<_> = listed.iter().map(|user| user.id.0).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 23, "{sort}");
    }
}

#[tokio::test]
async fn filters_narrow_the_list_and_the_total() {
    let users = users().await;
    let made = [
        ("ann@b.example", "Zed", "admin", true),
        ("a_b@b.example", "Anna", "user", false),
    ];
    for (email, name, role, active) in made {
        let user = NewUser::parse(email, name, None, Some(role), Some(active)).unwrap();
        users.create_user(user, None, actor()).await.unwrap();
    }
    let emails = async |change: fn(&mut ListParameters)| {
        let mut parameters = ListParameters::default();
        change(&mut parameters);
        let listed = page(&users, parameters, "10").await;
        listed
            .iter()
            .map(|user| user.email.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        emails(|p| p.q = Some("ANN".into())).await.len(),
        2,
        "email or name"
    );
    assert_eq!(
        emails(|p| p.q = Some("a_".into())).await,
        ["a_b@b.example"],
        "no wildcard"
    );
    assert_eq!(
        emails(|p| p.role = Some("admin".into())).await,
        ["ann@b.example"]
    );
    assert_eq!(
        emails(|p| p.is_active = Some("false".into())).await,
        ["a_b@b.example"]
    );
    assert_eq!(
        emails(|p| p.email = Some("ANN@b.example".into())).await,
        ["ann@b.example"]
    );
    assert_eq!(
        emails(|p| p.created_after = Some("2100-01-01T00:00:00Z".into()))
            .await
            .len(),
        0
    );
    assert_eq!(
        emails(|p| p.created_before = Some("2100-01-01T00:00:00Z".into()))
            .await
            .len(),
        2
    );

    let counted = ListParameters {
        limit: Some("1".into()),
        include_total: Some("true".into()),
        ..Default::default()
    };
    let page = users
        .list_users(&ListQuery::parse(&counted).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (page.total, page.items.len(), page.next.is_some()),
        (Some(2), 1, true)
    );
}
