//! Deletion of expired rows.

use crate::fixture::{Fixture, PASSWORD};

async fn sweep(fixture: &Fixture, days: u32) -> i64 {
    let mut total = 0;
    loop {
        let sql = format!("SELECT sweep({days}, 2) AS deleted");
        let rows = fixture.database.write(&sql, vec![]).await.unwrap();
        match rows[0].get("deleted").unwrap() {
            0 => return total,
            deleted => total += deleted,
        }
    }
}

async fn count(fixture: &Fixture, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let rows = fixture.database.read(&sql, vec![]).await.unwrap();
    rows[0].get("n").unwrap()
}

const TABLES: [&str; 7] = [
    "sessions",
    "refresh_tokens",
    "reset_tokens",
    "known_networks",
    "login_attempts",
    "idempotency_keys",
    "audit",
];

#[tokio::test]
async fn only_expired_rows_are_deleted() {
    let fixture = Fixture::new().await;
    for n in 0..5 {
        let email = format!("u{n}@b.example");
        let user = fixture.user(&email, "user").await;
        assert!(fixture.sign_in(&email, PASSWORD).await.is_ok());
        let token = fixture
            .passwords
            .create_reset_token(user.id, None, crate::fixture::actor());
        token.await.unwrap();
        let key = format!(
            "INSERT INTO idempotency_keys (caller, route, key, fingerprint, user_id, response, expires_at)
             VALUES ('c', 'r', '{n}', '', '{}', '{{}}', now() + interval '1 hour')",
            user.id
        );
        fixture.execute(&key).await;
    }
    let before: Vec<_> = counts(&fixture).await;
    assert!(before.iter().all(|n| *n > 0), "{before:?}");
    assert_eq!(sweep(&fixture, 30).await, 0);
    assert_eq!(counts(&fixture).await, before);
    for sql in [
        "UPDATE sessions SET idle_expires_at = now() - interval '1 s'",
        "UPDATE reset_tokens SET expires_at = now() - interval '1 s'",
        "UPDATE known_networks SET last_login_at = now() - interval '31 days'",
        "UPDATE login_attempts SET window_started_at = now() - interval '2 days'",
        "UPDATE idempotency_keys SET expires_at = now()",
        "UPDATE audit SET at = at - interval '31 days'",
    ] {
        fixture.execute(sql).await;
    }
    sweep(&fixture, 0).await;
    let mut kept = vec![0; TABLES.len()];
    kept[6] = before[6];
    assert_eq!(counts(&fixture).await, kept, "0 days keep the audit trail");
    assert_eq!(sweep(&fixture, 30).await, before[6]);
    assert_eq!(count(&fixture, "users").await, 5);
}

async fn counts(fixture: &Fixture) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(count(fixture, table).await);
    }
    counts
}
