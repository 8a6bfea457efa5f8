//! Redis over the host's connection.
//!
//! The instance holds one connection and pipelines the commands of several requests on it. It is
//! dropped when it is lost or has been silent for long. A command is retried on a new connection only if
//! the host rejected it without waiting, so that it did not reach Redis.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::outage::OutageDetector;
use super::{Arg, Command, Redis, RedisError, Reply};
use crate::Deadline;
use crate::bindings::redis as host;
use crate::deadline::{Timer, timer, wait};
use crate::pool::{Failure, Pool, PooledConnection};
use crate::race::{await_with_immediate_flag, with_timer};

/// One connection is enough: commands of several requests are pipelined on it, and the app sends none
/// that blocks.
const CONNECTIONS: usize = 1;

/// Pause of a request before it checks again for the connection that another request opens.
const PAUSE: Duration = Duration::from_millis(1);

/// Redis as the host provides it.
pub struct HostRedis {
    url: String,
    deadline: Deadline,
    pool: Pool<host::Connection>,
    replies: AtomicUsize,
    detector: Mutex<OutageDetector>,
}

impl HostRedis {
    /// Creates a client. `url` is `redis[s]://[user:password@]host:port`. `deadline` bounds each command
    /// as a whole.
    pub fn new(url: String, deadline: Deadline) -> Self {
        Self {
            url,
            deadline,
            pool: Pool::new(CONNECTIONS, None),
            replies: AtomicUsize::new(0),
            detector: Mutex::new(OutageDetector::new()),
        }
    }

    fn detector(&self) -> MutexGuard<'_, OutageDetector> {
        self.detector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the outcome of a call for later calls.
    fn record_outcome<T>(&self, outcome: &Result<T, RedisError>) {
        let (mut detector, now) = (self.detector(), Instant::now());
        match outcome {
            Err(RedisError::Connection(_)) => detector.disconnected(now),
            Err(RedisError::Timeout(_)) => detector.timed_out(now),
            Ok(_) | Err(RedisError::NoScript(_) | RedisError::Other(_)) => {
                self.replies.fetch_add(1, Ordering::Relaxed);
                detector.replied();
            }
        }
    }

    /// Runs the command; if Redis lacks its script, runs it again with the text.
    async fn run(
        &self,
        timer: &mut Timer<'_>,
        command: &Command,
    ) -> Result<Vec<Reply>, RedisError> {
        match self.run_once(timer, command).await {
            Err(RedisError::NoScript(text)) => match command.with_text() {
                Some(command) => self.run_once(timer, &command).await,
                None => Err(RedisError::NoScript(text)),
            },
            done => done,
        }
    }

    async fn run_once(
        &self,
        timer: &mut Timer<'_>,
        command: &Command,
    ) -> Result<Vec<Reply>, RedisError> {
        let connection = self.connection(timer).await?;
        match self.run_on(timer, connection, command).await {
            Err(Failure {
                error: RedisError::Connection(_),
                sent: false,
            }) => {}
            done => return done.map_err(|failure| failure.error),
        }
        let connection = self.connection(timer).await?;
        let done = self.run_on(timer, connection, command).await;
        done.map_err(|failure| failure.error)
    }

    async fn connection(
        &self,
        timer: &mut Timer<'_>,
    ) -> Result<PooledConnection<'_, host::Connection>, RedisError> {
        let open = async {
            let opened = host::Connection::open(self.url.clone()).await;
            opened.map_err(|error| RedisError::Connection(text(error)))
        };
        let patience = wait(self.deadline.store / 3);
        let pause = || wait(PAUSE);
        let found = self.pool.connection(open, pause, patience, timer).await;
        found.ok_or(RedisError::Timeout(self.deadline.store))?
    }

    async fn run_on(
        &self,
        timer: &mut Timer<'_>,
        in_use: PooledConnection<'_, host::Connection>,
        command: &Command,
    ) -> Result<Vec<Reply>, Failure<RedisError>> {
        let args = command.args.iter().cloned().map(host::RedisParameter::from);
        let call = in_use
            .connection
            .execute(command.name.to_owned(), args.collect());
        let Some((result, at_once)) = with_timer(timer, await_with_immediate_flag(call)).await
        else {
            if self.detector().is_dead(Instant::now()) {
                in_use.invalidate_all();
            }
            return Err(Failure {
                error: RedisError::Timeout(self.deadline.store),
                sent: true,
            });
        };
        result
            .map(|replies| replies.into_iter().map(Reply::from).collect())
            .map_err(|error| {
                let error = RedisError::from_driver_text(text(error));
                if matches!(error, RedisError::Connection(_)) {
                    in_use.invalidate_all();
                }
                Failure {
                    error,
                    sent: !at_once,
                }
            })
    }
}

#[async_trait]
impl Redis for HostRedis {
    async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        if !command.is_insistent() && self.detector().is_backing_off(Instant::now()) {
            return Err(RedisError::Connection(
                "recent calls failed; retries are delayed".to_owned(),
            ));
        }
        let replies = || self.replies.load(Ordering::Relaxed);
        let outcome = self.run(&mut timer(self.deadline, replies), command).await;
        self.record_outcome(&outcome);
        outcome
    }
}

impl From<Arg> for host::RedisParameter {
    fn from(arg: Arg) -> Self {
        match arg {
            Arg::Int(value) => Self::Int64(value),
            Arg::Bytes(value) => Self::Binary(value),
        }
    }
}

impl From<host::RedisResult> for Reply {
    fn from(result: host::RedisResult) -> Self {
        match result {
            host::RedisResult::Nil => Self::Nil,
            host::RedisResult::Status(text) => Self::Status(text),
            host::RedisResult::Int64(value) => Self::Int(value),
            host::RedisResult::Binary(bytes) => Self::Bytes(bytes),
        }
    }
}

fn text(error: host::Error) -> String {
    match error {
        host::Error::InvalidAddress => "invalid address".to_owned(),
        host::Error::TooManyConnections => "too many connections".to_owned(),
        host::Error::TypeError => "a value has an unexpected type".to_owned(),
        host::Error::Other(text) => text,
    }
}
