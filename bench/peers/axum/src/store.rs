//! Postgres: one prepared statement per use case.

use std::time::Duration;

use anyhow::Result;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};
use uuid::Uuid;

use crate::cursor::Position;
use crate::login::{Attempt, AttemptLimits, Verified};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::user::User;

/// Reads a statement that all peers share.
macro_rules! statement {
    ($name:literal) => {
        include_str!(concat!("../../statements/", $name, ".sql"))
    };
}

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Actor of a change, for the audit trail.
#[derive(Clone)]
pub struct Actor {
    pub request_id: String,
    /// Fingerprint of the client's network.
    pub client: String,
}

/// State of a session.
pub enum SessionState {
    Alive(User),
    Ended,
    /// A session of another user, which may be alive.
    Anothers,
}

/// Outcome of an update.
pub enum Updated {
    To(User),
    Stale,
    Missing,
}

/// A session that was opened, and the sessions that it replaced.
pub struct Opened {
    pub user: User,
    pub ended: Vec<Uuid>,
}

/// Outcome of counting a login attempt.
pub enum Counted {
    Attempt(Attempt),
    /// Seconds until the next attempt.
    Wait(u64),
    /// A bucket had no row; the next attempt to count succeeds.
    Again,
}

/// Statements over a pool of connections.
pub struct Store(Pool);

impl Store {
    pub fn new(settings: &Settings) -> Result<Self> {
        let mut config = Config::new();
        config
            .host(&settings.db_host)
            .port(settings.db_port)
            .dbname(&settings.db_name)
            .user(&settings.db_user)
            .password(&settings.db_password)
            .connect_timeout(PATIENCE);
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(settings.db_connections)
            .wait_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1);
        Ok(Self(pool.build()?))
    }

    async fn rows(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Problem> {
        let client = self.0.get().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    async fn row_opt(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Problem> {
        Ok(self.rows(sql, params).await?.pop())
    }

    async fn row(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Problem> {
        let row = self.row_opt(sql, params).await?;
        row.ok_or_else(|| Problem::internal("a statement gave no row"))
    }

    pub async fn ping(&self) -> Result<(), Problem> {
        self.rows("SELECT 1", &[]).await.map(|_| ())
    }

    pub async fn find_caller(&self, user: Uuid, session: Uuid) -> Result<SessionState, Problem> {
        let row = self
            .row(statement!("find_caller"), &[&user, &session])
            .await?;
        let is_anothers: bool = row.try_get("is_anothers")?;
        Ok(match User::from_row_if_any(&row)? {
            Some(user) => SessionState::Alive(user),
            None if is_anothers => SessionState::Anothers,
            None => SessionState::Ended,
        })
    }

    pub async fn find_user(&self, id: Uuid) -> Result<Option<User>, Problem> {
        let row = self.row_opt(statement!("find_user"), &[&id]).await?;
        Ok(row.as_ref().map(User::from_row).transpose()?)
    }

    /// Returns up to `count` users after `after`, newest first.
    pub async fn list(&self, count: i64, after: Option<Position>) -> Result<Vec<User>, Problem> {
        let rows = match after {
            None => self.rows(statement!("first_page"), &[&count]).await?,
            Some(Position { created_at, id }) => {
                self.rows(statement!("next_page"), &[&count, &created_at, &id])
                    .await?
            }
        };
        let users = rows.iter().map(User::from_row);
        Ok(users.collect::<Result<_, _>>()?)
    }

    pub async fn create(
        &self,
        email: &str,
        full_name: &str,
        hash: Option<&str>,
        by: Uuid,
        actor: &Actor,
    ) -> Result<User, Problem> {
        let id = Uuid::now_v7();
        let row = self
            .row(
                statement!("create_user"),
                &[
                    &id,
                    &email,
                    &full_name,
                    &hash,
                    &by,
                    &actor.request_id,
                    &actor.client,
                ],
            )
            .await?;
        Ok(User::from_row(&row)?)
    }

    /// Renames a user whose version is one of `expected`, if that is given.
    pub async fn update(
        &self,
        id: Uuid,
        full_name: Option<&str>,
        expected: Option<&[i64]>,
        by: Uuid,
        actor: &Actor,
    ) -> Result<Updated, Problem> {
        let row = self
            .row(
                statement!("update_user"),
                &[
                    &id,
                    &full_name,
                    &expected,
                    &by,
                    &actor.request_id,
                    &actor.client,
                ],
            )
            .await?;
        let found: bool = row.try_get("found")?;
        Ok(match User::from_row_if_any(&row)? {
            Some(user) => Updated::To(user),
            None if found => Updated::Stale,
            None => Updated::Missing,
        })
    }

    /// Counts a login attempt for `email` before the password is compared.
    pub async fn count_guess(
        &self,
        email: &str,
        network: &[u8],
        unknown_key: &[u8],
        limits: &AttemptLimits,
        actor: &Actor,
    ) -> Result<Counted, Problem> {
        let row = self
            .row(
                statement!("count_guess"),
                &[
                    &email,
                    &network,
                    &unknown_key,
                    &limits.per_account,
                    &limits.per_network,
                    &limits.first_delay_seconds,
                    &actor.request_id,
                    &actor.client,
                ],
            )
            .await?;
        if row.try_get("counted")? {
            return Ok(Counted::Attempt(Attempt {
                user: row.try_get("id")?,
                hash: row.try_get("password_hash")?,
                account_key: row.try_get("account_key")?,
                network_failures: row.try_get("network_failures")?,
            }));
        }
        if row.try_get("missing")? {
            return Ok(Counted::Again);
        }
        let wait: Option<i64> = row.try_get("wait")?;
        let seconds = wait.and_then(|wait| u64::try_from(wait).ok());
        Ok(Counted::Wait(seconds.unwrap_or(0).max(1)))
    }

    pub async fn audit_failure(&self, user: Option<Uuid>, actor: &Actor) -> Result<(), Problem> {
        let params: [&(dyn ToSql + Sync); 3] = [&user, &actor.request_id, &actor.client];
        self.rows(statement!("audit_failure"), &params).await?;
        Ok(())
    }

    /// Opens a session, unless the password or the user has changed since the comparison.
    pub async fn open_session(
        &self,
        verified: &Verified,
        network: &[u8],
        actor: &Actor,
    ) -> Result<Option<Opened>, Problem> {
        let row = self
            .row_opt(
                statement!("open_session"),
                &[
                    &verified.user,
                    &verified.hash,
                    &verified.session,
                    &verified.token.hash(),
                    &verified.token.family(),
                    &actor.request_id,
                    &actor.client,
                    &network,
                    &verified.network_failures,
                    &verified.account_key,
                ],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let ended: Option<Vec<Uuid>> = row.try_get("ended")?;
        Ok(Some(Opened {
            user: User::from_row(&row)?,
            ended: ended.unwrap_or_default(),
        }))
    }
}
