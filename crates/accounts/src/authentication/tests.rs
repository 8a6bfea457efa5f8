//! Requests that are queued for a connection to Postgres.

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;
use serde_json::json;
use spin_pg_bindings::postgres::{self, Param, Row, Superseded};
use spin_pg_bindings::redis::{Redis, RedisError};

use super::*;
use crate::cache::{Deferred, user_entry};
use crate::keys::RootKey;

/// A database without a free connection.
struct Queue;

#[async_trait]
impl Database for Queue {
    async fn read(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, postgres::Error> {
        std::future::pending().await
    }

    async fn read_unless(
        &self,
        superseded: Superseded<'_>,
        _: &str,
        _: Vec<Param>,
    ) -> Result<Option<Vec<Row>>, postgres::Error> {
        superseded.await;
        Ok(None)
    }

    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, postgres::Error> {
        self.read(sql, params).await
    }
}

/// A Redis whose entries another request writes after the first lookup.
struct FilledLater {
    session: Vec<u8>,
    user: Vec<u8>,
}

#[async_trait]
impl Redis for FilledLater {
    async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        // The first lookup reads four entries.
        Ok(match command.args.len() {
            2 => vec![
                Reply::Bytes(self.session.clone()),
                Reply::Bytes(self.user.clone()),
            ],
            _ => vec![
                Reply::Nil,
                Reply::Nil,
                Reply::Nil,
                Reply::Bytes(b"1".to_vec()),
            ],
        })
    }
}

struct NoDeferred;

#[async_trait]
impl Deferred for NoDeferred {
    fn spawn(&self, _: Pin<Box<dyn Future<Output = ()> + Send>>) {}
    async fn sleep(&self, _: Duration) {}
}

/// Returns the caller that a queued request is given after another one wrote this entry of the session.
async fn caller_after(entry: impl Fn(&User) -> String) -> (User, Option<User>) {
    let user = json!({
        "id": UserId::generate(), "email": "a@example.com", "full_name": "A", "role": "user",
        "is_active": true, "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z", "version": 1,
    });
    let user: User = serde_json::from_value(user).unwrap();
    let root = RootKey::new(b"a key of these tests");
    let redis = FilledLater {
        session: entry(&user).into_bytes(),
        user: user_entry(&root, &user).unwrap(),
    };
    let ttl = Duration::from_secs(60);
    let cache = Cache::new(Arc::new(redis), ttl, Arc::new(NoDeferred), &root);
    let authenticator = Authenticator::new(Arc::new(Queue), cache, None);
    let request = AuthRequest {
        credential: Some(Credential::Session(user.id, SessionId::generate())),
        ..AuthRequest::default()
    };
    let authenticated = authenticator.authenticate(&request).await.unwrap();
    let caller = authenticated.caller.map(|caller| match caller {
        Principal::User(user) => user,
        Principal::Service(account) => panic!("{account:?}"),
    });
    (user, caller)
}

#[tokio::test]
async fn a_queued_request_takes_what_another_one_cached() {
    let alive = |user: &User| format!("{}:{}", user.id, user.session_epoch);
    let (user, caller) = caller_after(alive).await;
    assert_eq!(caller.map(|caller| caller.id), Some(user.id));
}

#[tokio::test]
async fn a_queued_request_is_rejected_once_its_session_has_ended() {
    let (_, caller) = caller_after(|_| cache::ENDED.to_owned()).await;
    assert!(caller.is_none());
}
