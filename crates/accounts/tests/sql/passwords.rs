//! Changing and resetting passwords, and the last admin.

use accounts::password::Password;
use accounts::{Actor, ClientAddress, Error, UserId, UserPatch};

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};

use crate::fixture::{Fixture, PASSWORD, actor, client, submitted};

const NEW: &str = "another good phrase";

fn new_password() -> Password {
    Password::parse(NEW.to_owned()).unwrap()
}

fn test_client() -> ClientAddress {
    client("192.0.2.1")
}

#[tokio::test]
async fn a_change_requires_the_old_password_and_ends_other_sessions() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let kept = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let other = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let change = async |old: &str| {
        let old = submitted(old);
        let (address, new) = (test_client(), new_password());
        let session = kept.session;
        fixture
            .passwords
            .change(&ada, session, &old, &new, &address, actor())
            .await
    };
    assert!(matches!(change("wrong").await, Err(Error::Invalid(_))));
    assert!(fixture.is_alive(&other).await);
    assert_eq!(change(PASSWORD).await, Ok(()));
    assert!(fixture.is_alive(&kept).await && !fixture.is_alive(&other).await);
    assert!(fixture.refresh(&kept.refresh_token).await.is_ok());
    let old = fixture.sign_in("ada@b.example", PASSWORD).await;
    assert_eq!(old.unwrap_err(), Error::WrongPassword);
    assert!(fixture.sign_in("ada@b.example", NEW).await.is_ok());
}

#[tokio::test]
async fn a_reset_token_works_once_and_ends_all_sessions() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let before = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let void = fixture.create_reset_token(ada.id).await.unwrap();
    let token = fixture.create_reset_token(ada.id).await.unwrap();
    let reset = async |token: &str| fixture.reset_password(token, &new_password()).await;
    assert!(
        reset(void.token.reveal()).await.is_err(),
        "the newer token invalidates it"
    );
    assert!(reset("made up").await.is_err());
    assert_eq!(reset(token.token.reveal()).await, Ok(()));
    assert!(reset(token.token.reveal()).await.is_err(), "once");
    assert!(!fixture.is_alive(&before).await);
    assert!(fixture.sign_in("ada@b.example", NEW).await.is_ok());

    let late = fixture.create_reset_token(ada.id).await.unwrap();
    fixture
        .execute("UPDATE reset_tokens SET expires_at = now()")
        .await;
    assert!(reset(late.token.reveal()).await.is_err(), "expired");
    let nobody = fixture.create_reset_token(UserId::generate());
    assert_eq!(nobody.await.unwrap_err(), Error::NotFound);
}

#[tokio::test]
async fn a_hash_of_an_older_cost_is_replaced_at_login() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let params = Params::new(12_288, 3, 1, None).unwrap();
    let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(PASSWORD.as_bytes())
        .unwrap();
    fixture
        .execute(&format!("UPDATE users SET password_hash = '{old}'"))
        .await;
    assert!(fixture.sign_in("ada@b.example", PASSWORD).await.is_ok());
    let today = "SELECT true AS today FROM users WHERE password_hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
    assert_eq!(fixture.database.read(today, vec![]).await.unwrap().len(), 1);
    assert_eq!(fixture.users.get_user(ada.id).await.unwrap().version, 1);
}

#[tokio::test]
async fn the_last_active_admin_cannot_be_removed() {
    let fixture = Fixture::new().await;
    let root = fixture.user("root@b.example", "admin").await;
    let patch = |role, active| UserPatch::parse(None, None, role, active).unwrap();
    for change in [patch(Some("user"), None), patch(None, Some(false))] {
        let refused = fixture.update_user(root.id, &change);
        assert_eq!(refused.await, Err(Error::LastAdmin));
    }
    let refused = fixture.users.delete_user(root.id, None, actor()).await;
    assert_eq!(refused, Err(Error::LastAdmin));
    let renamed = UserPatch::parse(None, Some("Root"), Some("admin"), Some(true)).unwrap();
    let renamed = fixture.update_user(root.id, &renamed);
    assert!(renamed.await.is_ok());
    assert_eq!(fixture.actions().await, ["user_created", "name_changed"]);
}

#[tokio::test]
async fn concurrent_mutual_demotions_leave_one_admin() {
    let fixture = Fixture::new().await;
    for round in 0..20 {
        let one = fixture.user(&format!("a{round}@b.example"), "admin").await;
        let two = fixture.user(&format!("b{round}@b.example"), "admin").await;
        fixture
            .execute(&format!(
                "UPDATE users SET role = 'user' WHERE role = 'admin' AND id NOT IN ('{}', '{}')",
                one.id, two.id
            ))
            .await;
        let patch = UserPatch::parse(None, None, Some("user"), None).unwrap();
        let (left, right) = tokio::join!(
            fixture.update_user(one.id, &patch),
            fixture.update_user(two.id, &patch),
        );
        let refused = [left.is_err(), right.is_err()];
        assert_eq!(
            refused.iter().filter(|refused| **refused).count(),
            1,
            "{round}"
        );
    }
}

#[tokio::test]
async fn a_new_reset_token_invalidates_the_previous_one() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let made = (0..2).map(|_| fixture.create_reset_token(ada.id));
    let made: Vec<_> = futures::future::join_all(made).await;
    let tokens: Vec<_> = made.into_iter().map(|made| made.unwrap().token).collect();
    let (first, second) = (new_password(), new_password());
    let resets = tokio::join!(
        fixture.reset_password(tokens[0].reveal(), &first),
        fixture.reset_password(tokens[1].reveal(), &second),
    );
    let done = [resets.0.is_ok(), resets.1.is_ok()];
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "{resets:?}");
}

#[tokio::test]
async fn a_new_email_invalidates_the_reset_token() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let token = fixture.create_reset_token(ada.id).await.unwrap().token;
    let patch = |email, name| UserPatch::parse(email, name, None, None).unwrap();
    let renamed = patch(Some("ada@b.example"), Some("Ada King"));
    fixture.update_user(ada.id, &renamed).await.unwrap();
    let rows = "SELECT true AS row FROM reset_tokens";
    assert_eq!(fixture.database.read(rows, vec![]).await.unwrap().len(), 1);
    let moved = patch(Some("king@b.example"), None);
    fixture.update_user(ada.id, &moved).await.unwrap();
    let reset = fixture
        .reset_password(token.reveal(), &new_password())
        .await;
    assert!(matches!(reset, Err(Error::Invalid(_))));
    assert_eq!(fixture.actions().await.last().unwrap(), "reset_failed");
}

#[tokio::test]
async fn a_confirmation_is_invalid_after_a_password_change() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let confirmed = fixture.confirm_from("192.0.2.1", ada.id, PASSWORD).await;
    let confirmed = confirmed.unwrap();
    let token = fixture.create_reset_token(ada.id).await.unwrap().token;
    let reset = fixture
        .reset_password(token.reveal(), &new_password())
        .await;
    assert_eq!(reset, Ok(()));
    let users = &fixture.users;
    let patch = UserPatch::parse(Some("eve@b.example"), None, None, None).unwrap();
    let refused = users.update_confirmed(ada.id, &patch, None, Some(&confirmed), actor());
    assert!(matches!(refused.await, Err(Error::Invalid(_))));
    let refused = users.delete_confirmed(ada.id, None, Some(&confirmed), actor());
    assert!(matches!(refused.await, Err(Error::Invalid(_))));
    assert_eq!(users.get_user(ada.id).await.unwrap().email, ada.email);
}

#[tokio::test]
async fn a_password_with_the_own_name_is_rejected() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let token = fixture.create_reset_token(ada.id).await.unwrap().token;
    let name = Password::parse("1815 Lovelace".to_owned()).unwrap();
    let refused = fixture.reset_password(token.reveal(), &name).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let reset = fixture
        .reset_password(token.reveal(), &new_password())
        .await;
    assert_eq!(reset, Ok(()), "the token is still valid");
}

#[tokio::test]
async fn changing_another_admin_requires_the_actors_password() {
    let fixture = Fixture::new().await;
    let eve = fixture.user("eve@b.example", "admin").await;
    let ada = fixture.user("ada@b.example", "admin").await;
    let by_eve = Actor::user(eve.id, "r1");
    let confirm = async || {
        let confirmed = fixture.confirm_from("192.0.2.1", eve.id, PASSWORD);
        confirmed.await.unwrap()
    };
    let refused = |error: Error| match error {
        Error::Invalid(errors) => errors[0].field == "current_password",
        _ => false,
    };
    let changes = [
        UserPatch::parse(Some("new@b.example"), None, None, None).unwrap(),
        UserPatch::parse(None, Some("Ada"), Some("user"), None).unwrap(),
    ];
    let before = confirm().await;
    // The confirmed password is no longer Eve's at the time of the statement.
    fixture
        .execute(&format!(
            "UPDATE users SET password_hash = password_hash || 'x' WHERE id = '{}'",
            eve.id
        ))
        .await;
    for confirmed in [None, Some(&before)] {
        for change in &changes {
            let changed = fixture
                .users
                .update_confirmed(ada.id, change, None, confirmed, &by_eve);
            assert!(refused(changed.await.unwrap_err()));
        }
        let token = fixture
            .passwords
            .create_reset_token(ada.id, confirmed, &by_eve);
        assert!(refused(token.await.unwrap_err()));
        let deleted = fixture
            .users
            .delete_confirmed(ada.id, None, confirmed, &by_eve);
        assert!(refused(deleted.await.unwrap_err()));
    }
    let restore = format!(
        "UPDATE users SET password_hash = left(password_hash, -1) WHERE id = '{}'",
        eve.id
    );
    fixture.execute(&restore).await;
    assert_eq!(fixture.users.get_user(ada.id).await.unwrap(), ada);
    let confirmed = confirm().await;
    for change in &changes {
        let changed =
            fixture
                .users
                .update_confirmed(ada.id, change, None, Some(&confirmed), &by_eve);
        changed.await.unwrap();
    }
    // She is an ordinary user now.
    let token = fixture.passwords.create_reset_token(ada.id, None, &by_eve);
    token.await.unwrap();
}
