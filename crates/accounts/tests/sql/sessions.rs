//! Signing in, refreshing, and signing out.

use accounts::{Actor, Error, UserPatch};

use crate::world::{PASSWORD, World, actor};

#[tokio::test]
async fn whoever_knows_the_password_gets_a_session() {
    let world = World::new().await;
    world.user("ada@b.example", "user").await;
    let signed_in = world.sign_in("ADA@b.example", PASSWORD).await.unwrap();
    assert!(world.is_alive(&signed_in).await);
    for (email, password) in [("ada@b.example", "wrong"), ("nobody@b.example", PASSWORD)] {
        let refused = world.sign_in(email, password).await;
        assert_eq!(refused.unwrap_err(), Error::WrongPassword);
    }
    let actions = world.actions().await;
    assert_eq!(
        actions,
        [
            "user_created",
            "login_succeeded",
            "login_failed",
            "login_failed"
        ]
    );
}

#[tokio::test]
async fn a_refresh_token_is_spent_once_and_a_replay_ends_its_session() {
    let world = World::new().await;
    world.user("ada@b.example", "user").await;
    let first = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let second = world
        .sessions
        .refresh(&first.refresh_token, actor())
        .await
        .unwrap();
    assert_eq!(second.session, first.session);
    assert!(world.is_alive(&second).await);

    let replay = world.sessions.refresh(&first.refresh_token, actor()).await;
    assert_eq!(replay.unwrap_err(), Error::BadRefreshToken);
    assert!(!world.is_alive(&second).await);
    let successor = world.sessions.refresh(&second.refresh_token, actor()).await;
    assert_eq!(successor.unwrap_err(), Error::BadRefreshToken);
    assert_eq!(world.actions().await.last().unwrap(), "refresh_replayed");
}

#[tokio::test]
async fn of_twenty_refreshes_at_once_one_succeeds() {
    let world = World::new().await;
    world.user("ada@b.example", "user").await;
    let first = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let all = (0..20).map(|_| world.sessions.refresh(&first.refresh_token, actor()));
    let results = futures::future::join_all(all).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn sessions_expire_and_a_deactivated_user_has_none() {
    let world = World::new().await;
    let ada = world.user("ada@b.example", "user").await;
    let one = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    world
        .execute("UPDATE sessions SET idle_expires_at = now() - interval '1 s'")
        .await;
    assert!(!world.is_alive(&one).await);
    let expired = world.sessions.refresh(&one.refresh_token, actor()).await;
    assert_eq!(expired.unwrap_err(), Error::BadRefreshToken);

    let two = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    for (active, alive) in [(false, false), (true, false)] {
        let patch = UserPatch::parse(None, None, None, Some(active)).unwrap();
        let changed = world.users.update_user(ada.id, &patch, None, actor());
        changed.await.unwrap();
        assert_eq!(world.is_alive(&two).await, alive, "active: {active}");
        let refreshed = world.sessions.refresh(&two.refresh_token, actor()).await;
        assert_eq!(refreshed.unwrap_err(), Error::BadRefreshToken);
    }
    assert!(world.sign_in("ada@b.example", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn one_session_or_all_of_them_end() {
    let world = World::new().await;
    let ada = world.user("ada@b.example", "user").await;
    let bob = world.user("bob@b.example", "user").await;
    let one = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let two = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    assert_eq!(world.sessions.list(ada.id).await.unwrap().len(), 2);

    let not_theirs = world.sessions.end(bob.id, one.session, actor()).await;
    assert_eq!(not_theirs, Err(Error::NotFound));
    world
        .sessions
        .end(ada.id, one.session, actor())
        .await
        .unwrap();
    assert!(!world.is_alive(&one).await && world.is_alive(&two).await);

    let three = world.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let by_admin = Actor::user(bob.id, "r");
    world.sessions.end_all(ada.id, &by_admin).await.unwrap();
    assert!(!world.is_alive(&two).await && !world.is_alive(&three).await);
    assert!(world.sessions.list(ada.id).await.unwrap().is_empty());
    let refreshed = world.sessions.refresh(&three.refresh_token, actor()).await;
    assert_eq!(refreshed.unwrap_err(), Error::BadRefreshToken);
}

#[tokio::test]
async fn the_first_admin_is_made_once() {
    let world = World::with(Some(("root@b.example", PASSWORD))).await;
    let wrong = world.sign_in("root@b.example", "not it at all").await;
    assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
    let root = world
        .sign_in("root@b.example", PASSWORD)
        .await
        .unwrap()
        .user;
    assert_eq!(root.role.as_str(), "admin");
    world.user("next@b.example", "admin").await;
    let gone = world.users.delete_user(root.id, None, actor()).await;
    assert_eq!(gone, Ok(()));
    let again = world.sign_in("root@b.example", PASSWORD).await;
    assert_eq!(again.unwrap_err(), Error::WrongPassword);
    let created = world.actions().await;
    let times = created
        .iter()
        .filter(|a| *a == "admin_bootstrapped")
        .count();
    assert_eq!(times, 1);
}

#[tokio::test]
async fn the_first_admins_password_is_guessed_no_faster_than_another() {
    let world = World::with(Some(("root@b.example", PASSWORD))).await;
    for _ in 0..3 {
        let wrong = world.sign_in("root@b.example", "not it at all").await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
    }
    let right = world.sign_in("root@b.example", PASSWORD).await;
    assert!(matches!(right, Err(Error::TooManyAttempts(_))));
    // Nothing happened that could tell by its time that it was right.
    let actions = world.actions().await;
    assert!(!actions.contains(&"admin_bootstrapped".to_owned()));
}
