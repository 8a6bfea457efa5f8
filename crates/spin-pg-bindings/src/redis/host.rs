//! Redis over the host's connection.
//!
//! The instance holds one connection; commands of several requests follow one another on it. It is
//! dropped when it is lost and when a deadline passes. A command is sent again, on a new
//! connection, only when the host refused it without waiting, so that it did not reach Redis.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Arg, Redis, RedisError, Reply};
use crate::bindings::redis as host;
use crate::clock::{Timer, timer, wait};
use crate::held::{Failure, Held, InUse};
use crate::race::{answered_at_once, before};

/// One is enough: commands of several requests follow one another on it without waiting, and none
/// that the app sends blocks.
const CONNECTIONS: usize = 1;

/// After a timeout or a failed connection, how long calls fail at once: a Redis that is down costs
/// an instance one deadline in this time, not one a request.
const BACK_OFF: Duration = Duration::from_millis(250);

/// Redis as the host provides it.
pub struct HostRedis {
    url: String,
    deadline: Duration,
    held: Held<host::Connection>,
    backing_off_until: Mutex<Option<Instant>>,
}

impl HostRedis {
    /// `url` is `redis[s]://[user:password@]host:port`. `deadline` bounds each command with
    /// everything that it takes.
    pub fn new(url: String, deadline: Duration) -> Self {
        Self {
            url,
            deadline,
            held: Held::new(CONNECTIONS),
            backing_off_until: Mutex::new(None),
        }
    }

    fn is_backing_off(&self) -> bool {
        let until = self
            .backing_off_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn back_off(&self) {
        let mut until = self
            .backing_off_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + BACK_OFF);
    }

    async fn run(
        &self,
        timer: &mut Timer,
        command: &str,
        args: Vec<host::RedisParameter>,
    ) -> Result<Vec<Reply>, RedisError> {
        let connection = self.connection(timer).await?;
        match self.run_on(timer, connection, command, args.clone()).await {
            Err(Failure {
                error: RedisError::Connection(_),
                sent: false,
            }) => {}
            done => return done.map_err(|failure| failure.error),
        }
        let connection = self.connection(timer).await?;
        let done = self.run_on(timer, connection, command, args).await;
        done.map_err(|failure| failure.error)
    }

    async fn connection(
        &self,
        timer: &mut Timer,
    ) -> Result<InUse<'_, host::Connection>, RedisError> {
        let open = async {
            let opened = host::Connection::open(self.url.clone()).await;
            opened.map_err(|error| RedisError::Connection(text(error)))
        };
        let patience = wait(self.deadline / 3);
        let found = self.held.connection(open, patience, timer).await;
        found.ok_or(RedisError::Timeout(self.deadline))?
    }

    async fn run_on(
        &self,
        timer: &mut Timer,
        in_use: InUse<'_, host::Connection>,
        command: &str,
        args: Vec<host::RedisParameter>,
    ) -> Result<Vec<Reply>, Failure<RedisError>> {
        let call = in_use.connection.execute(command.to_owned(), args);
        let Some((answer, at_once)) = before(timer, answered_at_once(call)).await else {
            in_use.lost();
            return Err(Failure {
                error: RedisError::Timeout(self.deadline),
                sent: true,
            });
        };
        answer
            .map(|replies| replies.into_iter().map(Reply::from).collect())
            .map_err(|error| {
                let error = RedisError::from_driver_text(text(error));
                if matches!(error, RedisError::Connection(_)) {
                    in_use.lost();
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
    async fn execute(&self, command: &str, args: Vec<Arg>) -> Result<Vec<Reply>, RedisError> {
        if self.is_backing_off() {
            return Err(RedisError::Connection("it failed a moment ago".to_owned()));
        }
        let args = args.into_iter().map(host::RedisParameter::from).collect();
        let done = self.run(&mut timer(self.deadline), command, args).await;
        if matches!(
            done,
            Err(RedisError::Connection(_) | RedisError::Timeout(_))
        ) {
            self.back_off();
        }
        done
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
        host::Error::InvalidAddress => "the address is invalid".to_owned(),
        host::Error::TooManyConnections => "too many connections".to_owned(),
        host::Error::TypeError => "a value of another type".to_owned(),
        host::Error::Other(text) => text,
    }
}
