//! Login attempts, counted before they are evaluated, and slots for hashing.

use accounts::{Error, UserId};

use crate::fixture::{Fixture, PASSWORD};

fn is_throttled<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::TooManyAttempts(seconds)) if (1..=30).contains(seconds))
}

/// Expects a throttled result with a delay of any length.
fn is_throttled_for_any_delay<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::TooManyAttempts(1..=900)))
}

/// Tries a wrong password, which is compared.
async fn guess_wrongly(fixture: &Fixture, email: &str) {
    let wrong = fixture.sign_in(email, "wrong").await;
    assert_eq!(wrong.unwrap_err(), Error::WrongPassword, "{email}");
}

/// Ends every delay, and changes nothing else.
async fn end_delays(fixture: &Fixture) {
    let sql = "UPDATE login_attempts SET refused_until = now() - interval '1 s' WHERE refused_until > now()";
    fixture.execute(sql).await;
}

/// Advances the time of the counts.
async fn advance_time(fixture: &Fixture, seconds: u32) {
    let sql = format!(
        "UPDATE login_attempts SET window_started_at = window_started_at - interval '{seconds} s',
            refused_until = CASE refused_until WHEN 'epoch' THEN refused_until
                ELSE refused_until - interval '{seconds} s' END"
    );
    fixture.execute(&sql).await;
}

#[tokio::test]
async fn concurrent_attempts_are_verified_up_to_the_limit() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    for (address, email) in [
        ("192.0.2.1", "ada@b.example"),
        ("192.0.2.2", "nobody@b.example"),
    ] {
        let all = (0..9).map(|_| fixture.sign_in_from(address, email, "wrong"));
        let results = futures::future::join_all(all).await;
        let wrong = |r: &&Result<_, Error>| matches!(r, Err(Error::WrongPassword));
        assert_eq!(results.iter().filter(wrong).count(), 3, "{email}");
        assert_eq!(
            results.iter().filter(|r| is_throttled(r)).count(),
            6,
            "{email}"
        );
    }
    let right = fixture
        .sign_in_from("elsewhere", "ada@b.example", PASSWORD)
        .await;
    assert!(is_throttled(&right), "the right password is delayed too");
    fixture
        .execute("UPDATE login_attempts SET refused_until = now() - interval '1 s'")
        .await;
    let right = fixture
        .sign_in_from("elsewhere", "ada@b.example", PASSWORD)
        .await;
    assert!(right.is_ok());
}

#[tokio::test]
async fn delays_grow_within_a_window_of_15_minutes() {
    let fixture = Fixture::new().await;
    let try_one = async || fixture.sign_in("nobody@b.example", "wrong").await;
    for _ in 0..3 {
        assert_eq!(try_one().await.unwrap_err(), Error::WrongPassword);
    }
    let mut delays = Vec::new();
    for _ in 0..4 {
        let Err(Error::TooManyAttempts(seconds)) = try_one().await else {
            panic!("expected TooManyAttempts")
        };
        delays.push(seconds);
        end_delays(&fixture).await;
        assert_eq!(try_one().await.unwrap_err(), Error::WrongPassword);
    }
    assert_eq!(delays, [30, 60, 120, 240]);
    advance_time(&fixture, 16 * 60).await;
    for _ in 0..3 {
        assert_eq!(try_one().await.unwrap_err(), Error::WrongPassword);
    }
    assert!(is_throttled(&try_one().await));
}

#[tokio::test]
async fn failures_of_earlier_windows_do_not_count() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    for _ in 0..4 {
        guess_wrongly(&fixture, "ada@b.example").await;
        advance_time(&fixture, 231).await;
    }
    // After 924 seconds, which begins a window.
    guess_wrongly(&fixture, "ada@b.example").await;
    advance_time(&fixture, 3).await;
    assert!(fixture.sign_in("ada@b.example", PASSWORD).await.is_ok());
    for _ in 0..30 {
        guess_wrongly(&fixture, "nobody@b.example").await;
        advance_time(&fixture, 14 * 60).await;
    }
}

#[tokio::test]
async fn a_successful_login_does_not_extend_the_window() {
    let fixture = Fixture::new().await;
    fixture.user("own@b.example", "user").await;
    for n in 0..9 {
        let _ = fixture.sign_in(&format!("u{n}@b.example"), "wrong").await;
    }
    for _ in 0..2 {
        advance_time(&fixture, 8 * 60).await;
        assert!(fixture.sign_in("own@b.example", PASSWORD).await.is_ok());
    }
    for n in 0..10 {
        guess_wrongly(&fixture, &format!("v{n}@b.example")).await;
    }
}

#[tokio::test]
async fn the_delay_per_address_is_at_most_a_minute() {
    let fixture = Fixture::new().await;
    for n in 0..10 {
        let _ = fixture.sign_in(&format!("u{n}@b.example"), "wrong").await;
    }
    let mut delays = Vec::new();
    for n in 0..4 {
        let email = format!("v{n}@b.example");
        let Err(Error::TooManyAttempts(seconds)) = fixture.sign_in(&email, "wrong").await else {
            panic!("expected TooManyAttempts")
        };
        delays.push(seconds);
        end_delays(&fixture).await;
        guess_wrongly(&fixture, &email).await;
    }
    assert_eq!(delays, [30, 60, 60, 60]);
}

/// Makes nine failed attempts at an account from elsewhere, each after its delay.
async fn lock_out(fixture: &Fixture, email: &str) {
    for n in 0..9 {
        let address = format!("198.51.100.{n}");
        let wrong = fixture.sign_in_from(&address, email, "wrong").await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
        if n < 8 {
            end_delays(fixture).await;
        }
    }
}

#[tokio::test]
async fn failed_logins_elsewhere_do_not_block_a_known_network() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let from = async |address| {
        fixture
            .sign_in_from(address, "ada@b.example", PASSWORD)
            .await
    };
    assert!(from("192.0.2.1").await.is_ok());
    lock_out(&fixture, "ada@b.example").await;
    assert!(
        is_throttled_for_any_delay(&from("192.0.2.99").await),
        "an unknown network"
    );
    assert!(from("192.0.2.1").await.is_ok(), "a known network");
    let confirmed = fixture.confirm_from("192.0.2.99", ada.id, PASSWORD);
    assert!(confirmed.await.is_ok(), "a signed-in user");
    // Networks are known for 30 days after their last login.
    let later = "UPDATE known_networks SET last_login_at = now() - interval '31 days'";
    fixture.execute(later).await;
    assert!(is_throttled_for_any_delay(&from("192.0.2.1").await));
}

#[tokio::test]
async fn a_known_network_has_its_own_limit() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let at = async |address, password| {
        fixture
            .sign_in_from(address, "ada@b.example", password)
            .await
    };
    assert!(at("192.0.2.1", PASSWORD).await.is_ok());
    let all = (0..9).map(|_| at("192.0.2.1", "wrong"));
    let results = futures::future::join_all(all).await;
    let wrong = |r: &&Result<_, Error>| matches!(r, Err(Error::WrongPassword));
    assert_eq!(results.iter().filter(wrong).count(), 3);
    assert!(is_throttled(&at("192.0.2.1", PASSWORD).await));
    assert!(at("192.0.2.2", PASSWORD).await.is_ok(), "elsewhere");
}

#[tokio::test]
async fn password_confirmations_are_counted_separately() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let confirm = async |password: &str| {
        let confirmed = fixture.confirm_from("192.0.2.1", ada.id, password);
        confirmed.await.map(|_| ())
    };
    for _ in 0..3 {
        assert!(matches!(confirm("wrong").await, Err(Error::Invalid(_))));
    }
    assert!(is_throttled(&confirm(PASSWORD).await));
    assert!(fixture.sign_in("ada@b.example", PASSWORD).await.is_ok());
    assert!(
        is_throttled(&confirm(PASSWORD).await),
        "a login does not count as a confirmation"
    );
    end_delays(&fixture).await;
    assert_eq!(confirm(PASSWORD).await, Ok(()));
    assert!(matches!(confirm("wrong").await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn throttled_attempts_are_uncounted_and_audited_once_per_minute() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    // All at once: the first ones find no rows to lock.
    let all = (0..20).map(|_| fixture.sign_in("ada@b.example", "wrong"));
    futures::future::join_all(all).await;
    for _ in 0..20 {
        assert!(is_throttled(
            &fixture.sign_in("ada@b.example", "wrong").await
        ));
    }
    for n in 0..7 {
        guess_wrongly(&fixture, &format!("u{n}@b.example")).await;
    }
    // The address has reached its ten; its rejected attempts are not counted for the account.
    for _ in 0..20 {
        let refused = fixture.sign_in("new@b.example", "wrong").await;
        assert!(is_throttled(&refused));
    }
    for n in 0..3 {
        let wrong = fixture
            .sign_in_from("192.0.2.2", "new@b.example", "wrong")
            .await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword, "{n}");
    }
    let actions = fixture.actions().await;
    let throttled = actions.iter().filter(|action| *action == "login_throttled");
    // Those of Ada and those without an account.
    assert!((2..=4).contains(&throttled.count()), "{actions:?}");
}

#[tokio::test]
async fn an_address_is_limited_over_all_accounts() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    for n in 0..10 {
        let email = format!("u{n}@b.example");
        guess_wrongly(&fixture, &email).await;
    }
    assert!(is_throttled(
        &fixture.sign_in("ada@b.example", PASSWORD).await
    ));
    let elsewhere = fixture
        .sign_in_from("elsewhere", "ada@b.example", PASSWORD)
        .await;
    assert!(
        elsewhere.is_ok(),
        "failures of the address do not count for the account"
    );
}

#[tokio::test]
async fn a_successful_login_does_not_reset_the_address() {
    let fixture = Fixture::new().await;
    fixture.user("own@b.example", "user").await;
    for n in 0..9 {
        let _ = fixture.sign_in(&format!("u{n}@b.example"), "wrong").await;
        assert!(fixture.sign_in("own@b.example", PASSWORD).await.is_ok());
    }
    let last = fixture.sign_in("u9@b.example", "wrong").await;
    assert_eq!(last.unwrap_err(), Error::WrongPassword);
    assert!(is_throttled(
        &fixture.sign_in("own@b.example", PASSWORD).await
    ));
}

#[tokio::test]
async fn the_hash_slot_of_a_crashed_holder_expires() {
    let fixture = Fixture::new().await;
    fixture.user("ada@b.example", "user").await;
    let taken = "INSERT INTO hash_leases VALUES ('test', 1, gen_random_uuid(), now() + interval '1 hour'), \
                 ('test', 2, gen_random_uuid(), now() + interval '1 hour')";
    fixture.execute(taken).await;
    let busy = fixture.confirm_from("192.0.2.9", UserId::generate(), "x");
    assert_eq!(busy.await.unwrap_err(), Error::Busy);
    fixture
        .execute("UPDATE hash_leases SET expires_at = now()")
        .await;
    for _ in 0..4 {
        // More often than the limit: rejected and successful attempts did not count.
        assert!(fixture.sign_in("ada@b.example", PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn a_confirmation_of_a_deactivated_or_deleted_user_is_no_wrong_password() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    for change in ["UPDATE users SET is_active = false", "DELETE FROM users"] {
        fixture.execute(change).await;
        let confirmed = fixture.confirm_from("192.0.2.1", ada.id, PASSWORD);
        let refused = confirmed.await.map(|_| ());
        assert_eq!(refused, Err(Error::SignedOut), "{change}");
    }
}
