//! Guesses: counted before they are evaluated, and slots for hashing.

use accounts::{Error, UserId};

use crate::world::{PASSWORD, World, actor, client, guess};

fn throttled<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::TooManyAttempts(seconds)) if (1..=30).contains(seconds))
}

#[tokio::test]
async fn guesses_at_once_are_evaluated_up_to_the_limit() {
    let world = World::new().await;
    world.user("ada@b.example", "user").await;
    for (address, email) in [
        ("192.0.2.1", "ada@b.example"),
        ("192.0.2.2", "nobody@b.example"),
    ] {
        let all = (0..9).map(|_| world.sign_in_from(address, email, "wrong"));
        let results = futures::future::join_all(all).await;
        let wrong = |r: &&Result<_, Error>| matches!(r, Err(Error::WrongPassword));
        assert_eq!(results.iter().filter(wrong).count(), 3, "{email}");
        assert_eq!(
            results.iter().filter(|r| throttled(r)).count(),
            6,
            "{email}"
        );
    }
    let right = world
        .sign_in_from("elsewhere", "ada@b.example", PASSWORD)
        .await;
    assert!(throttled(&right), "the right password waits like any other");
    world
        .execute("UPDATE login_attempts SET refused_until = now() - interval '1 s'")
        .await;
    let right = world
        .sign_in_from("elsewhere", "ada@b.example", PASSWORD)
        .await;
    assert!(right.is_ok());
}

#[tokio::test]
async fn delays_grow_and_are_forgotten_after_quiet_minutes() {
    let world = World::new().await;
    let try_one = async || world.sign_in("nobody@b.example", "wrong").await;
    for _ in 0..3 {
        assert_eq!(try_one().await.unwrap_err(), Error::WrongPassword);
    }
    let mut delays = Vec::new();
    for _ in 0..4 {
        let Err(Error::TooManyAttempts(seconds)) = try_one().await else {
            panic!("not throttled")
        };
        delays.push(seconds);
        world
            .execute("UPDATE login_attempts SET refused_until = now() - interval '1 s'")
            .await;
        assert_eq!(try_one().await.unwrap_err(), Error::WrongPassword);
    }
    assert_eq!(delays, [30, 60, 120, 240]);
    world
        .execute("UPDATE login_attempts SET refused_until = 'epoch', last_at = now() - interval '16 min'")
        .await;
    for _ in 0..3 {
        assert_eq!(try_one().await.unwrap_err(), Error::WrongPassword);
    }
    assert!(throttled(&try_one().await));
}

#[tokio::test]
async fn an_address_is_limited_over_all_accounts() {
    let world = World::new().await;
    world.user("ada@b.example", "user").await;
    for n in 0..10 {
        let email = format!("u{n}@b.example");
        let wrong = world.sign_in(&email, "wrong").await;
        assert_eq!(wrong.unwrap_err(), Error::WrongPassword, "{n}");
    }
    assert!(throttled(&world.sign_in("ada@b.example", PASSWORD).await));
    let elsewhere = world
        .sign_in_from("elsewhere", "ada@b.example", PASSWORD)
        .await;
    assert!(
        elsewhere.is_ok(),
        "what the address was refused is not the account's"
    );
}

#[tokio::test]
async fn signing_in_does_not_clear_the_address() {
    let world = World::new().await;
    world.user("own@b.example", "user").await;
    for n in 0..9 {
        let _ = world.sign_in(&format!("u{n}@b.example"), "wrong").await;
        assert!(world.sign_in("own@b.example", PASSWORD).await.is_ok());
    }
    let last = world.sign_in("u9@b.example", "wrong").await;
    assert_eq!(last.unwrap_err(), Error::WrongPassword);
    assert!(throttled(&world.sign_in("own@b.example", PASSWORD).await));
}

#[tokio::test]
async fn a_slot_of_a_dead_holder_ends_by_itself() {
    let world = World::new().await;
    world.user("ada@b.example", "user").await;
    let taken = "INSERT INTO hash_leases VALUES ('test', 1, gen_random_uuid(), now() + interval '1 hour'), \
                 ('test', 2, gen_random_uuid(), now() + interval '1 hour')";
    world.execute(taken).await;
    let (nobody, x, address) = (UserId::generate(), guess("x"), client("192.0.2.9"));
    let busy = world
        .passwords
        .confirm(nobody, &x, "password", &address, actor());
    assert_eq!(busy.await.unwrap_err(), Error::Busy);
    world
        .execute("UPDATE hash_leases SET expires_at = now()")
        .await;
    for _ in 0..4 {
        // More often than the limit: what was sent away did not count, and right ones do not.
        assert!(world.sign_in("ada@b.example", PASSWORD).await.is_ok());
    }
}
