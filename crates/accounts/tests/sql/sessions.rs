//! Signing in, refreshing, and signing out.

use std::collections::BTreeSet;

use accounts::session::OpaqueToken;
use accounts::{Actor, Error, SessionPolicy, UserPatch};

use crate::fixture::{Fixture, PASSWORD, actor};

async fn assert_rejected(fixture: &Fixture, token: &OpaqueToken) {
    let refreshed = fixture.refresh(token).await;
    assert_eq!(refreshed.unwrap_err(), Error::BadRefreshToken);
}

#[tokio::test]
async fn the_right_password_creates_a_session() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let signed_in = fixture.sign_in("ADA@b.example", PASSWORD).await.unwrap();
    assert!(fixture.is_alive(&signed_in).await);
    for (email, password) in [("ada@b.example", "wrong"), ("nobody@b.example", PASSWORD)] {
        let refused = fixture.sign_in(email, password).await;
        assert_eq!(refused.unwrap_err(), Error::WrongPassword);
    }
    let actions = fixture.actions().await;
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
async fn a_replayed_refresh_token_ends_its_session() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let first = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let second = fixture.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(second.session, first.session);
    assert!(fixture.is_alive(&second).await);

    // The response may have been lost: the same token returns the same successor.
    let again = fixture.refresh(&first.refresh_token).await;
    assert_eq!(
        again.unwrap().refresh_token.reveal(),
        second.refresh_token.reveal()
    );

    fixture
        .execute("UPDATE refresh_tokens SET spent_at = spent_at - interval '11 s'")
        .await;
    assert_rejected(&fixture, &first.refresh_token).await;
    assert!(!fixture.is_alive(&second).await);
    assert_rejected(&fixture, &second.refresh_token).await;
    let actions = fixture.actions().await;
    assert!(actions.ends_with(&["refresh_replayed".into(), "refresh_failed".into()]));
}

#[tokio::test]
async fn twenty_concurrent_refreshes_return_one_successor() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let first = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let all = (0..20).map(|_| fixture.refresh(&first.refresh_token));
    let results = futures::future::join_all(all).await;
    let tokens: BTreeSet<_> = results
        .into_iter()
        .map(|result| result.unwrap().refresh_token.reveal().to_owned())
        .collect();
    assert_eq!(tokens.len(), 1);
    assert!(fixture.is_alive(&first).await);
}

#[tokio::test]
async fn without_grace_one_of_twenty_refreshes_succeeds() {
    let policy = SessionPolicy {
        refresh_grace_seconds: 0,
        ..SessionPolicy::default()
    };
    let fixture = Fixture::with_policy(None, policy).await;
    fixture.user("ada@b.example", "user").await;
    let first = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let all = (0..20).map(|_| fixture.refresh(&first.refresh_token));
    let results = futures::future::join_all(all).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(!fixture.is_alive(&first).await);
}

#[tokio::test]
async fn reuse_after_use_of_the_successor_is_a_replay() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let first = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let mut last = first.refresh_token.clone();
    for _ in 0..5 {
        let next = fixture.refresh(&last).await.unwrap();
        last = next.refresh_token;
    }
    let rows = "SELECT true AS row FROM refresh_tokens";
    assert_eq!(fixture.database.read(rows, vec![]).await.unwrap().len(), 2);
    // The row is gone, but the session still recognizes the token.
    assert_rejected(&fixture, &first.refresh_token).await;
    assert!(!fixture.is_alive(&first).await);
    assert_eq!(fixture.actions().await.last().unwrap(), "refresh_replayed");
}

#[tokio::test]
async fn unknown_refresh_tokens_are_audited_once_per_minute() {
    let fixture = Fixture::new().await;
    for _ in 0..5 {
        let unknown = OpaqueToken::generate().unwrap();
        assert_rejected(&fixture, &unknown).await;
    }
    assert_eq!(fixture.actions().await, ["refresh_failed"]);
}

#[tokio::test]
async fn exceeding_the_session_limit_ends_the_oldest() {
    let policy = SessionPolicy {
        max_sessions: 2,
        ..SessionPolicy::default()
    };
    let fixture = Fixture::with_policy(None, policy).await;
    let ada = fixture.user("ada@b.example", "user").await;
    fixture.user("bob@b.example", "user").await;
    let bob = fixture.sign_in("bob@b.example", PASSWORD).await.unwrap();
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(fixture.sign_in("ada@b.example", PASSWORD).await.unwrap());
    }
    assert_eq!(fixture.session_count(ada.id).await, 2);
    let mut alive = Vec::new();
    for session in &sessions {
        alive.push(fixture.is_alive(session).await);
    }
    assert_eq!(alive, [false, false, true, true]);
    assert!(fixture.is_alive(&bob).await);
    let ended = fixture.actions().await;
    assert_eq!(ended.iter().filter(|a| *a == "session_ended").count(), 2);
}

#[tokio::test]
async fn expired_sessions_and_deactivated_users_are_rejected() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let one = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    fixture
        .execute("UPDATE sessions SET idle_expires_at = now() - interval '1 s'")
        .await;
    assert!(!fixture.is_alive(&one).await);
    assert_rejected(&fixture, &one.refresh_token).await;

    let two = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    for (active, alive) in [(false, false), (true, false)] {
        let patch = UserPatch::parse(None, None, None, Some(active)).unwrap();
        fixture.update_user(ada.id, &patch).await.unwrap();
        assert_eq!(fixture.is_alive(&two).await, alive, "active: {active}");
        assert_rejected(&fixture, &two.refresh_token).await;
    }
    assert!(fixture.sign_in("ada@b.example", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn sessions_are_ended_individually_or_all_at_once() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let bob = fixture.user("bob@b.example", "user").await;
    let one = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let two = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    assert_eq!(fixture.session_count(ada.id).await, 2);

    let not_theirs = fixture.sessions.end(bob.id, one.session, actor()).await;
    assert_eq!(not_theirs, Err(Error::NotFound));
    fixture
        .sessions
        .end(ada.id, one.session, actor())
        .await
        .unwrap();
    assert!(!fixture.is_alive(&one).await && fixture.is_alive(&two).await);

    let three = fixture.sign_in("ada@b.example", PASSWORD).await.unwrap();
    let by_admin = Actor::user(bob.id, "r");
    fixture.sessions.end_all(ada.id, &by_admin).await.unwrap();
    assert!(!fixture.is_alive(&two).await && !fixture.is_alive(&three).await);
    assert_eq!(fixture.session_count(ada.id).await, 0);
    assert_rejected(&fixture, &three.refresh_token).await;
}

#[tokio::test]
async fn the_first_admin_is_created_once() {
    let fixture = Fixture::with(Some(("root@b.example", PASSWORD))).await;
    let wrong = fixture.sign_in("root@b.example", "not it at all").await;
    assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
    let root = fixture
        .sign_in("root@b.example", PASSWORD)
        .await
        .unwrap()
        .user;
    assert_eq!(root.role.as_str(), "admin");
    fixture.user("next@b.example", "admin").await;
    let gone = fixture.users.delete_user(root.id, None, actor()).await;
    assert_eq!(gone, Ok(()));
    let again = fixture.sign_in("root@b.example", PASSWORD).await;
    assert_eq!(again.unwrap_err(), Error::WrongPassword);
    let created = fixture.actions().await;
    let times = created
        .iter()
        .filter(|a| *a == "admin_bootstrapped")
        .count();
    assert_eq!(times, 1);
}

#[tokio::test]
async fn attempts_on_the_first_admin_are_limited() {
    let fixture = Fixture::with(Some(("root@b.example", PASSWORD))).await;
    for _ in 0..3 {
        let wrong = fixture.sign_in("root@b.example", "not it at all").await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
    }
    let right = fixture.sign_in("root@b.example", PASSWORD).await;
    assert!(matches!(right, Err(Error::TooManyAttempts(_))));
    // No admin was created: the time for that would have revealed the right password.
    let actions = fixture.actions().await;
    assert!(!actions.contains(&"admin_bootstrapped".to_owned()));
}
