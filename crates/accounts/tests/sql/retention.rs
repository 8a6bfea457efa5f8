//! Deletion of expired rows.

use crate::world::{PASSWORD, World};

async fn sweep(world: &World, days: u32) -> i64 {
    let mut total = 0;
    loop {
        let sql = format!("SELECT sweep({days}, 2) AS deleted");
        let rows = world.database.write(&sql, vec![]).await.unwrap();
        match rows[0].get("deleted").unwrap() {
            0 => return total,
            deleted => total += deleted,
        }
    }
}

async fn count(world: &World, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let rows = world.database.read(&sql, vec![]).await.unwrap();
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
    let world = World::new().await;
    for n in 0..5 {
        let email = format!("u{n}@b.example");
        let user = world.user(&email, "user").await;
        assert!(world.sign_in(&email, PASSWORD).await.is_ok());
        let token = world
            .passwords
            .create_reset_token(user.id, None, crate::world::actor());
        token.await.unwrap();
        let key = format!(
            "INSERT INTO idempotency_keys (caller, route, key, fingerprint, user_id, response, expires_at)
             VALUES ('c', 'r', '{n}', '', '{}', '{{}}', now() + interval '1 hour')",
            user.id
        );
        world.execute(&key).await;
    }
    let before: Vec<_> = counts(&world).await;
    assert!(before.iter().all(|n| *n > 0), "{before:?}");
    assert_eq!(sweep(&world, 30).await, 0);
    assert_eq!(counts(&world).await, before);
    for sql in [
        "UPDATE sessions SET idle_expires_at = now() - interval '1 s'",
        "UPDATE reset_tokens SET expires_at = now() - interval '1 s'",
        "UPDATE known_networks SET last_login_at = now() - interval '31 days'",
        "UPDATE login_attempts SET window_started_at = now() - interval '2 days'",
        "UPDATE idempotency_keys SET expires_at = now()",
        "UPDATE audit SET at = at - interval '31 days'",
    ] {
        world.execute(sql).await;
    }
    sweep(&world, 0).await;
    let mut kept = vec![0; TABLES.len()];
    kept[6] = before[6];
    assert_eq!(counts(&world).await, kept, "0 days keep the audit trail");
    assert_eq!(sweep(&world, 30).await, before[6]);
    assert_eq!(count(&world, "users").await, 5);
}

async fn counts(world: &World) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(count(world, table).await);
    }
    counts
}
