//! Concurrent login attempts: each waits for the previous one and uses its committed state.

use accounts::Error;

use crate::fixture::Fixture;

const EMAIL: &str = "ada@b.example";

/// Returns the error of a failed login that waited for `change`, and the failures after it.
async fn fail_login_after(change: &str) -> (Error, Vec<i32>) {
    let fixture = Fixture::new().await;
    fixture.user(EMAIL, "user").await;
    for _ in 0..2 {
        let wrong = fixture.sign_in(EMAIL, "wrong").await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword);
    }
    let other = fixture.connect().await;
    let change = format!("BEGIN; UPDATE login_attempts SET {change}");
    other.batch(&change).await.unwrap();
    let login = tokio::spawn({
        let fixture = fixture.clone();
        async move { fixture.sign_in(EMAIL, "wrong").await }
    });
    fixture.until_one_waits().await;
    other.batch("COMMIT").await.unwrap();
    let refused = login.await.unwrap().unwrap_err();
    let rows = fixture
        .database
        .read("SELECT failures FROM login_attempts", vec![]);
    let rows = rows.await.unwrap();
    let failures = rows.iter().map(|row| row.get("failures").unwrap());
    (refused, failures.collect())
}

#[tokio::test]
async fn a_concurrent_delay_rejects_the_attempt_without_counting_it() {
    let (refused, failures) =
        fail_login_after("failures = 3, refused_until = now() + interval '30 s'").await;
    assert!(
        matches!(refused, Error::TooManyAttempts(1..=30)),
        "{refused}"
    );
    assert_eq!(failures, [3, 3]);
}

#[tokio::test]
async fn concurrent_failures_are_counted() {
    let (refused, failures) = fail_login_after("failures = failures + 4").await;
    assert_eq!((refused, failures), (Error::WrongPassword, vec![7, 7]));
}

#[tokio::test]
async fn a_concurrent_successful_login_resets_the_count() {
    let (refused, failures) = fail_login_after("failures = 0").await;
    assert_eq!((refused, failures), (Error::WrongPassword, vec![1, 1]));
}
