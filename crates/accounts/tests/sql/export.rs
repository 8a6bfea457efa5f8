//! Export of users, and of a user's own data.

use accounts::pagination::PageSize;
use accounts::password::PasswordHash;
use accounts::user::attributes::Attributes;
use accounts::user::email::Email;
use accounts::user::exported::ExportedUser;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::user::imported::{ImportedUser, LineOutcome};
use accounts::user::service::export::ExportQuery;
use accounts::{Actor, Role, UserId, UserPatch};
use uuid::Uuid;

use crate::fixture::{Fixture, PASSWORD, actor};

/// Exports all users in pages of two.
async fn export(fixture: &Fixture, password_hashes: bool) -> Vec<ExportedUser> {
    let mut query = ExportQuery {
        size: PageSize::of_export(2).unwrap(),
        password_hashes,
        after: Uuid::nil(),
    };
    let mut all = Vec::new();
    loop {
        let page = fixture.users.export_users(&query, actor()).await.unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        match page.next {
            Some(next) => query.after = next.id,
            None => return all,
        }
    }
}

/// Returns the user as a line of an import.
fn line(exported: ExportedUser) -> ImportedUser {
    let user = exported.user;
    let hash = exported.password_hash;
    ImportedUser {
        id: Some(user.id),
        email: user.email,
        full_name: user.full_name,
        role: user.role,
        is_active: user.is_active,
        external_id: user.external_id,
        created_at: Some(user.created_at),
        password_hash: hash.map(|hash| PasswordHash::import(hash.as_str().to_owned()).unwrap()),
        attributes: user.attributes,
    }
}

async fn import(fixture: &Fixture, lines: Vec<ImportedUser>) -> Vec<LineOutcome> {
    let lines = (1..).zip(lines.into_iter().map(Ok)).collect();
    let outcomes = fixture.users.import_users(lines, actor()).await.unwrap();
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn imported(email: &str, external_id: &str) -> ImportedUser {
    ImportedUser {
        id: None,
        email: Email::parse(email).unwrap(),
        full_name: FullName::parse("Ada Lovelace").unwrap(),
        role: Role::Admin,
        is_active: false,
        external_id: Some(ExternalId::parse(external_id).unwrap()),
        created_at: None,
        password_hash: None,
        attributes: Attributes::default(),
    }
}

#[tokio::test]
async fn an_export_has_every_user_once_in_the_order_of_ids() {
    let fixture = Fixture::new().await;
    for n in 0..4 {
        fixture.user(&format!("u{n}@b.example"), "user").await;
    }
    import(&fixture, vec![imported("ada@b.example", "4711")]).await;
    let actions = fixture.actions().await;
    let users = export(&fixture, false).await;
    assert_eq!(users.len(), 5);
    assert!(users.is_sorted_by(|one, other| one.user.id.0 < other.user.id.0));
    assert!(users.iter().all(|user| user.password_hash.is_none()));
    let ada = &users[4].user;
    assert_eq!(ada.email.as_str(), "ada@b.example");
    assert_eq!(
        ada.external_id.as_ref().map(ExternalId::as_str),
        Some("4711")
    );
    assert_eq!((ada.role, ada.is_active), (Role::Admin, false));
    assert_eq!(fixture.actions().await, actions, "nothing is recorded");
}

#[tokio::test]
async fn each_page_with_password_hashes_is_recorded() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let without = imported("grace@b.example", "1");
    import(&fixture, vec![without, imported("joan@b.example", "2")]).await;
    let users = export(&fixture, true).await;
    let hashes: Vec<_> = users.iter().map(|user| &user.password_hash).collect();
    assert!(
        hashes[0]
            .as_ref()
            .unwrap()
            .as_str()
            .starts_with("$argon2id$")
    );
    assert!(hashes[1].is_none() && hashes[2].is_none());
    let actions = fixture.actions().await;
    let recorded = actions
        .iter()
        .filter(|it| *it == "password_hashes_exported");
    assert_eq!(recorded.count(), 2, "one per page: {actions:?}");
}

#[tokio::test]
async fn exported_users_keep_their_ids_and_passwords_in_another_database() {
    let (from, to) = (Fixture::new().await, Fixture::new().await);
    let ada = from.user("ada@b.example", "admin").await;
    import(&from, vec![imported("grace@b.example", "1")]).await;
    let lines = async || export(&from, true).await.into_iter().map(line).collect();
    let created = import(&to, lines().await).await;
    assert_eq!(created[0], LineOutcome::Created(ada.id));
    let unchanged = import(&to, lines().await).await;
    assert_eq!(unchanged[0], LineOutcome::Unchanged(ada.id));
    assert!(matches!(unchanged[1], LineOutcome::Unchanged(_)));
    let moved = to.users.get_user(ada.id).await.unwrap();
    assert_eq!((moved.role, moved.created_at), (ada.role, ada.created_at));
    let signed_in = to.sign_in("ada@b.example", PASSWORD).await.unwrap();
    assert_eq!(signed_in.user.id, ada.id);
}

#[tokio::test]
async fn an_id_of_another_user_is_rejected() {
    let fixture = Fixture::new().await;
    let (ada, grace) = (
        fixture.user("ada@b.example", "user").await,
        fixture.user("grace@b.example", "user").await,
    );
    let with_id = |email: &str, id: UserId| ImportedUser {
        id: Some(id),
        external_id: None,
        ..imported(email, "1")
    };
    for (line, field) in [
        (with_id("new@b.example", ada.id), "id"),
        (with_id("ada@b.example", grace.id), "id"),
        (with_id("ada@b.example", UserId::generate()), "email"),
    ] {
        let outcomes = import(&fixture, vec![line]).await;
        let LineOutcome::Rejected(errors) = &outcomes[0] else {
            panic!("{outcomes:?}")
        };
        assert_eq!(errors[0].field, field);
    }
    let id = UserId::generate();
    let twice = vec![with_id("one@b.example", id), with_id("two@b.example", id)];
    let outcomes = import(&fixture, twice).await;
    assert_eq!(outcomes[0], LineOutcome::Created(id));
    assert!(matches!(outcomes[1], LineOutcome::Rejected(_)));
}

#[tokio::test]
async fn own_data_names_no_other_user() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let grace = fixture.user("grace@b.example", "admin").await;
    let signed_in = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    fixture.sign_in("grace@b.example", PASSWORD).await.unwrap();
    let admin = Actor::user(grace.id, "r1").from_client("c1");
    let rename = UserPatch::parse(None, Some("Ada Byron"), None, None).unwrap();
    let users = &fixture.users;
    users
        .update_user(ada.id, &rename, None, &admin)
        .await
        .unwrap();

    let data = users.own_data(ada.id).await.unwrap();
    let sessions: Vec<_> = data.sessions.iter().map(|session| session.id).collect();
    assert_eq!(sessions, [signed_in.session]);
    let actions: Vec<_> = data
        .events
        .iter()
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(actions, ["name_changed", "login_succeeded", "user_created"]);
    assert_eq!(data.events_total, 3);
    let renamed = &data.events[0];
    assert_eq!((renamed.actor_id, &renamed.client), (None, &None));
    assert_eq!(renamed.target_id, Some(ada.id.0));

    let data = users.own_data(grace.id).await.unwrap();
    let renamed = &data.events[0];
    assert_eq!(
        (renamed.action.as_str(), renamed.target_id),
        ("name_changed", None)
    );
    assert_eq!(renamed.client.as_deref(), Some("c1"));
}
