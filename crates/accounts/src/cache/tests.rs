//! Tests of the entry script, run by the Redis of `ROSTER_REDIS_URL`.

use redis::aio::MultiplexedConnection;

use super::*;

/// Runs commands on a real Redis.
struct TestRedis(MultiplexedConnection);

impl TestRedis {
    /// `None` without a server.
    async fn connect() -> Option<Self> {
        let url = devservices::provided("ROSTER_REDIS_URL")?;
        let client = redis::Client::open(url).unwrap();
        let connection = client.get_multiplexed_async_connection().await;
        Some(Self(connection.unwrap()))
    }

    async fn run(&mut self, command: &Command) -> redis::Value {
        let command = command.with_text().unwrap_or_else(|| command.clone());
        let mut sent = redis::cmd(command.name);
        for arg in &command.args {
            match arg {
                Arg::Int(number) => sent.arg(number),
                Arg::Bytes(bytes) => sent.arg(bytes),
            };
        }
        sent.query_async(&mut self.0).await.unwrap()
    }

    /// Returns the generation of the data, which is shared with other tests.
    async fn generation(&mut self) -> Generation {
        match self.run(&Generation::begin()).await {
            redis::Value::BulkString(bytes) => Generation::of(&Reply::Bytes(bytes)).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn entry(&mut self, key: String) -> Option<String> {
        let mut get = redis::cmd("GET");
        get.arg(key).query_async(&mut self.0).await.unwrap()
    }
}

/// Writes the entry of a reader (doubt 0) or of a writer.
fn put(user: UserId, stamp: i64, doubt: i64, generation: &Generation) -> Command {
    let put = Put {
        key: user_key(user),
        session: None,
        ttl: 10_000,
        stamp,
        payload: b"state".to_vec(),
        doubt,
        generation,
    };
    put.command()
}

#[tokio::test]
async fn a_flush_discards_states_of_earlier_generations() {
    let Some(mut redis) = TestRedis::connect().await else {
        return;
    };
    let (now, before) = (redis.generation().await, Generation::default());
    let user = UserId::generate();
    redis.run(&put(user, 2, 0, &before)).await;
    assert_eq!(redis.entry(user_key(user)).await, None, "a reader");
    redis.run(&put(user, 2, 0, &now)).await;
    assert_eq!(redis.entry(user_key(user)).await.unwrap(), "2:state");
    redis.run(&put(user, 3, 10_000, &before)).await;
    assert_eq!(redis.entry(user_key(user)).await.unwrap(), "?", "a writer");
}

#[tokio::test]
async fn a_stale_writer_keeps_a_newer_state_after_a_flush() {
    let Some(mut redis) = TestRedis::connect().await else {
        return;
    };
    let (now, before) = (redis.generation().await, Generation::default());
    let user = UserId::generate();
    redis.run(&put(user, 3, 10_000, &now)).await;
    redis.run(&put(user, 2, 10_000, &before)).await;
    assert_eq!(redis.entry(user_key(user)).await.unwrap(), "3:state");
}

#[tokio::test]
async fn a_flush_does_not_revive_a_session() {
    let Some(mut redis) = TestRedis::connect().await else {
        return;
    };
    let (now, before) = (redis.generation().await, Generation::default());
    let (user, session) = (UserId::generate(), SessionId::generate());
    for (generation, entry) in [(&before, None), (&now, Some("alive"))] {
        let put = Put {
            key: user_key(user),
            session: Some((session, "alive".to_owned())),
            ttl: 10_000,
            stamp: 1,
            payload: b"state".to_vec(),
            doubt: 0,
            generation,
        };
        redis.run(&put.command()).await;
        assert_eq!(redis.entry(session_key(session)).await.as_deref(), entry);
    }
}
