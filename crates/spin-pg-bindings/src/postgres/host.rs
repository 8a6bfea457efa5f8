//! Postgres over the host's connection.
//!
//! The instance holds a few connections, opened on demand. A statement has one to itself, so that it can
//! wait for a lock without delaying others; it shares one only when all are busy. A connection is
//! dropped when it is lost or a deadline passes, and returned to the host's pool when its lease expires.
//!
//! Retries: the host prepares every statement and then executes it, and reports "closed" for a connection
//! that was lost during either. The error alone therefore does not show that a write ran. One case is
//! certain: an error that the host returns without waiting, before any round trip. An instance that still
//! holds a connection to a restarted server gets this error. Everything is then sent again on a new
//! connection. After any other loss, only reads are.

mod convert;
mod rows;

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Database, Error, Param, RecentResponses, Row, Superseded};
use crate::Deadline;
use crate::bindings::postgres as host;
use crate::deadline::{Timer, timer, wait};
use crate::pool::{Failure, Lease, Pool, PooledConnection};
use crate::race::with_timer;
use rows::Rows;

/// Connections of one instance. An instance serves at most 16 requests at once, and all instances of a
/// component share the 64 connections of the host's pool.
const CONNECTIONS: usize = 4;

/// A busy host runs more instances than its pool has connections. With this lease, each instance has one
/// in turn; opening it again is one round trip to Postgres. New requests go to any instance, so one that
/// stayed idle for much longer would keep its connection from all that wait. A host so busy that an opening
/// takes 50 ms delays the end of an unused lease as long, too.
const LEASE: Lease = Lease {
    unused: Duration::from_millis(5),
    whole: Duration::from_millis(100),
    contended: Duration::from_millis(50),
};

/// Pause of a request before it checks again for a connection that others of the instance open.
const PAUSE: Duration = Duration::from_millis(1);

/// Duration of a statement that shows that others queue for connections: its response is recorded for them.
const QUEUED: Duration = Duration::from_millis(500);

/// Number and length of the extensions of the wait for a connection while Postgres responds to other
/// instances.
const EXTENSIONS: usize = 8;
const EXTENSION: Duration = Duration::from_millis(500);

/// Longest time that an abandoned statement may still run: the role's `statement_timeout`.
const ABANDONED: Duration = Duration::from_secs(5);

/// Postgres as the host provides it.
pub struct HostPostgres {
    dsn: String,
    deadline: Deadline,
    pool: Arc<Pool<host::Connection>>,
    recent: Option<Arc<RecentResponses>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Write,
}

impl HostPostgres {
    /// Creates a client. `dsn` is a connection string (see [`super::ConnectionConfig::dsn`]). `deadline`
    /// bounds each statement as a whole: opening a connection, running, reading the rows, and the second
    /// attempt.
    pub fn new(dsn: String, deadline: Deadline) -> Self {
        Self {
            dsn,
            deadline,
            pool: Arc::new(Pool::new(CONNECTIONS, Some(LEASE))),
            recent: None,
        }
    }

    /// Returns the client with a longer wait for a connection: up to four seconds beyond the deadline, as
    /// long as Postgres responds to other instances. The deadline of the statement itself begins after it.
    #[must_use]
    pub fn with_recent_responses(self, recent: RecentResponses) -> Self {
        Self {
            recent: Some(Arc::new(recent)),
            ..self
        }
    }

    async fn open(&self) -> Result<host::Connection, Error> {
        host::Connection::open_async(self.dsn.clone())
            .await
            .map_err(convert::error)
    }

    async fn run(&self, kind: Kind, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        let rows = self.run_unless(pending(), kind, sql, params).await?;
        Ok(rows.unwrap_or_default())
    }

    /// Runs the statement; `None` if `superseded` completes before there is a connection.
    async fn run_unless(
        &self,
        superseded: impl Future<Output = ()> + Unpin,
        kind: Kind,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<Vec<Row>>, Error> {
        let began = Instant::now();
        let rows = self
            .run_within_deadline(superseded, kind, sql, params)
            .await?;
        if rows.is_some() {
            self.record_response(began);
        }
        Ok(rows)
    }

    async fn run_within_deadline(
        &self,
        superseded: impl Future<Output = ()> + Unpin,
        kind: Kind,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<Vec<Row>>, Error> {
        let params = convert::params(params)?;
        let mut timer = self.timer();
        let Some(connection) = with_timer(superseded, self.connection(&mut timer)).await else {
            return Ok(None);
        };
        let connection = connection?;
        match self
            .run_on(&mut timer, connection, sql, params.clone())
            .await
        {
            Err(Failure { error, sent }) if is_lost(&error) && (kind == Kind::Read || !sent) => {}
            done => return done.map(Some).map_err(|failure| failure.error),
        }
        // The lost connection is back at the host, and none that was opened before it is held any more.
        let connection = self.connection(&mut timer).await?;
        let done = self.run_on(&mut timer, connection, sql, params).await;
        done.map(Some).map_err(|failure| failure.error)
    }

    fn timer(&self) -> Timer<'static> {
        timer(self.deadline, || 0)
    }

    /// Returns a connection. Restarts the timer after a long wait if that was only a queue.
    async fn connection(
        &self,
        timer: &mut Timer<'_>,
    ) -> Result<PooledConnection<'_, host::Connection>, Error> {
        let patience = wait(self.deadline.store / 3);
        let pause = || wait(PAUSE);
        let began = Instant::now();
        let mut fired = false;
        let deadline = Box::pin(async {
            timer.as_mut().await;
            fired = true;
            self.extension().await;
        });
        let found = self
            .pool
            .connection(self.open(), pause, patience, deadline)
            .await;
        self.watch();
        if fired || (began.elapsed() >= QUEUED && self.others_have_responses().await) {
            *timer = self.timer();
        }
        found.ok_or(Error::Timeout(self.deadline.store))?
    }

    /// Waits while Postgres responds to other instances: this one is only queued for a connection.
    async fn extension(&self) {
        for _ in 0..EXTENSIONS {
            if !self.others_have_responses().await {
                return;
            }
            wait(EXTENSION).await;
        }
    }

    async fn others_have_responses(&self) -> bool {
        match &self.recent {
            Some(recent) => recent.exist(Instant::now()).await,
            None => false,
        }
    }

    /// Records the response to a slow statement, for those that wait longer.
    fn record_response(&self, began: Instant) {
        let now = Instant::now();
        if let Some(recent) = &self.recent
            && now.saturating_duration_since(began) >= QUEUED
            && recent.is_due(now)
        {
            let recent = recent.clone();
            wit_bindgen::spawn(async move { recent.record().await });
        }
    }

    /// Releases held connections as their leases expire.
    fn watch(&self) {
        let Some(every) = self.pool.needs_watching() else {
            return;
        };
        let pool = self.pool.clone();
        wit_bindgen::spawn(async move {
            loop {
                wait(every).await;
                if !pool.release() {
                    return;
                }
            }
        });
    }

    async fn run_on(
        &self,
        timer: &mut Timer<'_>,
        in_use: PooledConnection<'_, host::Connection>,
        sql: &str,
        params: Vec<host::ParameterValue>,
    ) -> Result<Vec<Row>, Failure<Error>> {
        let (connection, sql) = (in_use.connection.clone(), sql.to_owned());
        let mut rows = Box::pin(async move {
            let rows = Rows::of(&connection, sql, params).await?;
            let rows = rows.collect().await;
            rows.map_err(|error| Failure { error, sent: true })
        });
        let Some(rows) = with_timer(timer, &mut rows).await else {
            in_use.discard();
            wit_bindgen::spawn(run_out(rows));
            return Err(Failure {
                error: Error::Timeout(self.deadline.store),
                sent: true,
            });
        };
        rows.inspect_err(|failure| {
            if failure.error.ends_connection() {
                in_use.invalidate_all();
            }
        })
    }
}

/// Lets an abandoned statement end before its connection is returned. Until then the statement occupies
/// the connection, and the host's pool would hand it out at once. The task also keeps the instance
/// alive, which may have served its last request.
async fn run_out<T>(statement: impl Future<Output = T>) {
    with_timer(Box::pin(wait(ABANDONED)), statement).await;
}

/// Returns true if a new connection may succeed. A passed deadline leaves no time for one.
fn is_lost(error: &Error) -> bool {
    error.ends_connection() && !matches!(error, Error::Timeout(_))
}

#[async_trait]
impl Database for HostPostgres {
    async fn read(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.run(Kind::Read, sql, params).await
    }

    async fn read_unless(
        &self,
        superseded: Superseded<'_>,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<Vec<Row>>, Error> {
        self.run_unless(superseded, Kind::Read, sql, params).await
    }

    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.run(Kind::Write, sql, params).await
    }
}
