//! Postgres over the host's connection.
//!
//! The instance holds one connection, opened at first use, on which its requests' statements
//! follow one another. It is dropped when it is lost and when a deadline passes.
//!
//! When is a statement sent a second time? The host prepares every statement and then executes it,
//! and says "closed" for a connection that was lost during either, so the error alone does not
//! tell whether a write happened. One case is certain: an error that the host returns without
//! waiting, before any round trip. That is what a restarted server looks like to an instance that
//! still holds a connection to it. There everything is sent again, on a new connection; after any
//! other loss only reads are.

mod convert;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Database, Error, Param, Row};
use crate::bindings::postgres as host;
use crate::held::Held;
use crate::race::{Timer, before, timer};
pub use stream::RowStream;

/// How long an abandoned statement may still run: the role's `statement_timeout`.
const ABANDONED: Duration = Duration::from_secs(5);

/// Postgres as the host provides it.
pub struct HostPostgres {
    dsn: String,
    deadline: Duration,
    held: Held<host::Connection>,
}

/// A failed statement.
struct Failure {
    error: Error,
    /// Whether the statement may have reached the server.
    sent: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Write,
}

impl HostPostgres {
    /// `dsn` is a connection string (see [`super::ConnectionConfig::dsn`]). `deadline` bounds each
    /// statement with everything that it takes: opening a connection, running, reading the rows,
    /// and the second attempt.
    pub fn new(dsn: String, deadline: Duration) -> Self {
        Self {
            dsn,
            deadline,
            held: Held::new(),
        }
    }

    /// Runs a statement that changes nothing and returns its rows one by one, for results that
    /// are too large to collect. It has a connection of its own, so that a slow reader holds up
    /// nobody else; the deadline bounds the wait for the first row and between two rows.
    ///
    /// # Errors
    /// Those of [`Database::read`].
    pub async fn stream(&self, sql: &str, params: Vec<Param>) -> Result<RowStream, Error> {
        let params = convert::params(params)?;
        let mut timer = timer(self.deadline);
        let opened = before(&mut timer, async {
            let connection = Arc::new(self.open().await?);
            stream::start(connection, sql, params)
                .await
                .map_err(|failure| failure.error)
        });
        let rows = opened.await.ok_or(Error::Timeout(self.deadline))??;
        Ok(rows.with_deadline(self.deadline))
    }

    async fn open(&self) -> Result<host::Connection, Error> {
        host::Connection::open_async(self.dsn.clone())
            .await
            .map_err(convert::error)
    }

    async fn run(&self, kind: Kind, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        let params = convert::params(params)?;
        let mut timer = timer(self.deadline);
        let connection = self.connection(&mut timer).await?;
        match self
            .run_on(&mut timer, &connection, sql, params.clone())
            .await
        {
            Err(Failure { error, sent }) if is_lost(&error) && (kind == Kind::Read || !sent) => {}
            done => return done.map_err(|failure| failure.error),
        }
        // The lost one goes back to the host before another is asked for.
        drop(connection);
        let connection = self.connection(&mut timer).await?;
        let done = self.run_on(&mut timer, &connection, sql, params).await;
        done.map_err(|failure| failure.error)
    }

    /// The held connection, or a new one.
    async fn connection(&self, timer: &mut Timer) -> Result<Arc<host::Connection>, Error> {
        if let Some(connection) = self.held.get() {
            return Ok(connection);
        }
        let opened = before(timer, self.open()).await;
        let connection = Arc::new(opened.ok_or(Error::Timeout(self.deadline))??);
        self.held.keep(&connection);
        Ok(connection)
    }

    async fn run_on(
        &self,
        timer: &mut Timer,
        connection: &Arc<host::Connection>,
        sql: &str,
        params: Vec<host::ParameterValue>,
    ) -> Result<Vec<Row>, Failure> {
        let rows = async {
            let rows = stream::start(connection.clone(), sql, params).await?;
            rows.collect()
                .await
                .map_err(|error| Failure { error, sent: true })
        };
        match before(timer, rows).await {
            None => {
                self.held.park(connection, ABANDONED);
                Err(Failure {
                    error: Error::Timeout(self.deadline),
                    sent: true,
                })
            }
            Some(Err(failure)) => {
                if failure.error.ends_connection() {
                    self.held.discard(connection);
                }
                Err(failure)
            }
            Some(rows) => rows,
        }
    }
}

/// Whether a new connection may do better. A deadline that passed leaves no time for one.
fn is_lost(error: &Error) -> bool {
    error.ends_connection() && !matches!(error, Error::Timeout(_))
}

#[async_trait]
impl Database for HostPostgres {
    async fn read(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.run(Kind::Read, sql, params).await
    }

    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.run(Kind::Write, sql, params).await
    }
}
