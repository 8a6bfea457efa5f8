//! The users resource.

use accounts::idempotency::{IdempotencyKey, IdempotentRequest};
use accounts::pagination::PageSize;
use accounts::user::email::Email;
use accounts::user::full_name::FullName;
use accounts::user::service::list::{ListQuery, Sort, SortKey};
use accounts::{Error, Expected, NewUser, Role, User, UserId, UserPatch, Users};

use time::OffsetDateTime;
use time::macros::datetime;

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

async fn create(users: &Users, email: &str) -> Result<User, Error> {
    users.create_user(new_user(email), None, actor()).await
}

/// Creates a user under the idempotency key `key`.
async fn create_with_key(users: &Users, email: &str, key: &str) -> Result<User, Error> {
    let request = Some(request(key));
    users.create_user(new_user(email), request, actor()).await
}

async fn update(
    users: &Users,
    id: UserId,
    patch: &UserPatch,
    expected: impl Into<Expected>,
) -> Result<User, Error> {
    users.update_user(id, patch, expected, actor()).await
}

fn request(key: &str) -> IdempotentRequest {
    IdempotentRequest {
        caller: "anonymous".into(),
        route: "POST /api/v1/users",
        key: IdempotencyKey::parse(key).unwrap(),
    }
}

/// Reads all pages of a list.
async fn pages(users: &Users, mut query: ListQuery, size: i64) -> Vec<User> {
    query.window.size = PageSize::new(size).unwrap();
    let mut all = Vec::new();
    loop {
        let page = users.list_users(&query).await.unwrap();
        all.extend(page.items);
        match page.next {
            Some(position) => query.window.after = Some(position),
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
    create(&users, "a@b.example").await.unwrap();
    let twin = create(&users, "A@B.example").await;
    assert_eq!(twin, Err(Error::EmailTaken));
    let other = create(&users, "c@b.example").await.unwrap();
    let patch = UserPatch::parse(Some("a@b.example"), None, None, None).unwrap();
    assert_eq!(
        update(&users, other.id, &patch, None).await,
        Err(Error::EmailTaken)
    );
}

#[tokio::test]
async fn a_change_requires_the_expected_version() {
    let users = users().await;
    let one = create(&users, "a@b.example").await.unwrap();
    let two = update(&users, one.id, &rename("Two"), Some(vec![1]))
        .await
        .unwrap();
    assert_eq!((two.version, two.full_name.as_str()), (2, "Two"));
    assert!(two.updated_at > one.updated_at && two.created_at == one.created_at);

    let stale = update(&users, one.id, &rename("Three"), Some(vec![1])).await;
    assert_eq!(stale, Err(Error::Stale));
    assert_eq!(
        update(&users, one.id, &rename("x"), Some(vec![])).await,
        Err(Error::Stale)
    );
    let either = update(&users, one.id, &rename("Three"), Some(vec![9, 2])).await;
    assert_eq!(either.unwrap().version, 3);
    let nobody = update(&users, UserId::generate(), &rename("x"), None).await;
    assert_eq!(nobody, Err(Error::NotFound));
}

#[tokio::test]
async fn an_empty_patch_returns_the_current_state() {
    let users = users().await;
    let user = create(&users, "a@b.example").await.unwrap();
    let empty = UserPatch::default();
    assert_eq!(
        update(&users, user.id, &empty, Some(vec![1])).await,
        Ok(user.clone())
    );
    assert_eq!(
        update(&users, user.id, &empty, Some(vec![7])).await,
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
        update(&fixture.users, ada.id, patch, expected).await
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
                update(&users, ada.id, &patch, expected).await
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
    let patch =
        tokio::spawn(async move { update(&users, ada.id, &rename("Countess"), None).await });
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
                false => update(&users, ada.id, &patch, expected).await.map(|_| ()),
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
    let user = create(&users, "a@b.example").await.unwrap();
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
    let user = create(&users, "a@b.example").await.unwrap();
    let renamed = rename("Another");
    for excluded in [Expected::new(None, vec![1]), Expected::absent()] {
        for patch in [&renamed, &UserPatch::default()] {
            let patched = update(&users, user.id, patch, excluded.clone()).await;
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
    let first = create_with_key(&users, "a@b.example", "k").await.unwrap();
    update(&users, first.id, &rename("Changed"), None)
        .await
        .unwrap();
    let again = create_with_key(&users, "a@b.example", "k").await.unwrap();
    assert_eq!(again, first, "the original response is returned");

    let other = create_with_key(&users, "c@b.example", "k").await;
    assert_eq!(other, Err(Error::KeyReused));
    let taken = create_with_key(&users, "a@b.example", "k2").await;
    assert_eq!(taken, Err(Error::EmailTaken), "an error is not stored");
    let kept = create_with_key(&users, "d@b.example", "k2").await;
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
        async move { create_with_key(&users, "a@b.example", "k").await }
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
    let create = async || create_with_key(users, "a@b.example", "k").await;
    let user = create().await.unwrap();
    users.delete_user(user.id, None, actor()).await.unwrap();
    assert_eq!(create().await, Err(Error::Gone));
    let kept = "SELECT true AS kept FROM idempotency_keys
        WHERE response IS NOT NULL OR user_id IS NOT NULL";
    let kept = fixture.database.read(kept, vec![]).await.unwrap();
    assert!(kept.is_empty());
}

#[tokio::test]
async fn pages_cover_a_list_once_in_every_order() {
    let users = users().await;
    for n in 0..23 {
        let (email, name) = (format!("u{n:02}@b.example"), format!("Same {}", n % 3));
        let user = NewUser::parse(&email, &name, None, None, None).unwrap();
        users.create_user(user, None, actor()).await.unwrap();
    }
    for (key, descending) in [
        (SortKey::CreatedAt, false),
        (SortKey::CreatedAt, true),
        (SortKey::UpdatedAt, false),
        (SortKey::Email, true),
        (SortKey::FullName, false),
        (SortKey::FullName, true),
    ] {
        let sort = Sort { key, descending };
        let query = ListQuery {
            sort,
            ..ListQuery::default()
        };
        let listed = pages(&users, query.clone(), 5).await;
        assert_eq!(listed, pages(&users, query, 100).await, "{sort:?}");
        let mut ids: Vec<_> = listed.iter().map(|user| user.id.0).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 23, "{sort:?}");
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
    let emails = async |change: fn(&mut ListQuery)| {
        let mut query = ListQuery::default();
        change(&mut query);
        let listed = pages(&users, query, 10).await;
        listed
            .iter()
            .map(|user| user.email.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let (ann, a_b) = (["ann@b.example"], ["a_b@b.example"]);
    let by_name = emails(|q| q.prefix = FullName::parse("ANN").ok()).await;
    assert_eq!(by_name.len(), 2, "email or name");
    let underscore = emails(|q| q.prefix = FullName::parse("a_").ok()).await;
    assert_eq!(underscore, a_b, "no wildcard");
    assert_eq!(emails(|q| q.role = Some(Role::Admin)).await, ann);
    assert_eq!(emails(|q| q.is_active = Some(false)).await, a_b);
    let by_email = emails(|q| q.email = Email::parse("ANN@b.example").ok()).await;
    assert_eq!(by_email, ann);
    const FUTURE: OffsetDateTime = datetime!(2100-01-01 00:00 UTC);
    let after = emails(|q| q.created_after = Some(FUTURE)).await;
    assert_eq!(after.len(), 0);
    let before = emails(|q| q.created_before = Some(FUTURE)).await;
    assert_eq!(before.len(), 2);

    let mut counted = ListQuery::default();
    counted.window.size = PageSize::new(1).unwrap();
    counted.window.include_total = true;
    let page = users.list_users(&counted).await.unwrap();
    assert_eq!(
        (page.total, page.items.len(), page.next.is_some()),
        (Some(2), 1, true)
    );
}
