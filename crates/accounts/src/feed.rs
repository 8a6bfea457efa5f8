//! Change feed: the audit trail in an order that a reader can follow without missing an event.

mod store;

use std::sync::Arc;
use std::time::Duration;

use spin_pg_bindings::postgres::Database;

use crate::audit::{Action, Event};
use crate::pagination::PageSize;
use crate::{Deferred, Error, User};

/// Pause between two looks at the end of the feed.
const POLL: Duration = Duration::from_millis(250);

/// Most positions that one response passes over: a filter may match few of them.
const WINDOW: i64 = 10_000;

/// Query of the change feed.
#[derive(Debug, Clone)]
pub struct FeedQuery {
    /// Position after which the page begins; `None` for an empty page at the present end.
    pub after: Option<i64>,
    pub size: PageSize,
    /// Only events with one of these actions; empty for all.
    pub actions: Vec<Action>,
    /// Adds the present state of the user that an event is about.
    pub include_user: bool,
    /// Longest wait for an event.
    pub wait: Duration,
}

/// One event and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    pub position: i64,
    pub event: Event,
    /// Present state of the event's target, at least as new as the event; `None` if it was not requested, has been
    /// deleted, or is no user.
    pub user: Option<User>,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    pub items: Vec<FeedEvent>,
    /// Position after which the next page begins.
    pub next: i64,
    /// True if the feed had no event at first.
    pub waited: bool,
}

impl FeedPage {
    fn empty(next: i64) -> Self {
        Self {
            items: Vec::new(),
            next,
            waited: false,
        }
    }
}

/// Positions of the feed, as the database function `feed_state` returns them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FeedState {
    /// Highest position that has been deleted.
    deleted: i64,
    /// Highest position of all.
    last: i64,
    /// Highest position up to which every event is visible.
    complete: i64,
}

/// Reads the change feed. Cheap to clone.
#[derive(Clone)]
pub struct Feed {
    database: Arc<dyn Database>,
    deferred: Arc<dyn Deferred>,
}

impl Feed {
    /// `deferred` provides the pauses of a wait.
    pub fn new(database: Arc<dyn Database>, deferred: Arc<dyn Deferred>) -> Self {
        Self { database, deferred }
    }

    /// Returns the next page. If it is empty, waits until an event appears or the time is over.
    ///
    /// # Errors
    /// [`Error::FeedRestart`] if events after the position have been deleted, or the database has not reached it.
    pub async fn read(&self, query: &FeedQuery) -> Result<FeedPage, Error> {
        let Some(mut after) = query.after else {
            let state = store::state(&*self.database).await?;
            return Ok(FeedPage::empty(state.complete));
        };
        let (mut left, mut waited) = (query.wait, false);
        loop {
            let (mut page, is_end) = self.page(query, after).await?;
            page.waited = waited;
            if !page.items.is_empty() || !is_end || left.is_zero() {
                return Ok(page);
            }
            let pause = POLL.min(left);
            self.deferred.sleep(pause).await;
            (after, left, waited) = (page.next, left - pause, true);
        }
    }

    /// Returns the page after a position, and whether it reaches the end. Two statements, because the second one must
    /// begin after the first one has ended: its snapshot then has every event up to the complete position.
    async fn page(&self, query: &FeedQuery, after: i64) -> Result<(FeedPage, bool), Error> {
        let state = store::state(&*self.database).await?;
        if after < state.deleted || after > state.last {
            return Err(Error::FeedRestart);
        }
        let end = state.complete.min(after.saturating_add(WINDOW));
        if end <= after {
            return Ok((FeedPage::empty(after), true));
        }
        let items = store::events(&*self.database, query, after, end).await?;
        let is_full = i64::try_from(items.len()).is_ok_and(|count| count == query.size.get());
        let last = items.last().filter(|_| is_full);
        let next = last.map_or(end, |last| last.position);
        let page = FeedPage {
            items,
            ..FeedPage::empty(next)
        };
        Ok((page, next == state.complete))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use futures::executor::block_on;
    use spin_pg_bindings::postgres::{self, Param, Row, Value};

    use super::*;

    /// A feed whose complete position grows by one per look, and whose events are all filtered out.
    #[derive(Default)]
    struct Growing(Mutex<i64>);

    #[async_trait]
    impl Database for Growing {
        async fn read(&self, sql: &str, _: Vec<Param>) -> Result<Vec<Row>, postgres::Error> {
            if !sql.contains("feed_state") {
                return Ok(Vec::new());
            }
            let mut complete = self.0.lock().unwrap();
            *complete += 1;
            let columns = ["deleted", "last", "complete"].map(str::to_owned);
            let values = [5, 100, *complete].map(Value::Int64).to_vec();
            Ok(vec![Row::new(columns.into(), values)])
        }

        async fn write(&self, sql: &str, _: Vec<Param>) -> Result<Vec<Row>, postgres::Error> {
            panic!("{sql}");
        }
    }

    #[derive(Default)]
    struct Pauses(Mutex<Vec<Duration>>);

    #[async_trait]
    impl Deferred for Pauses {
        fn spawn(&self, _: Pin<Box<dyn Future<Output = ()> + Send>>) {}
        async fn sleep(&self, duration: Duration) {
            self.0.lock().unwrap().push(duration);
        }
    }

    fn read(complete: i64, after: Option<i64>, wait: u64) -> (Result<FeedPage, Error>, Duration) {
        let pauses = Arc::new(Pauses::default());
        let database = Arc::new(Growing(Mutex::new(complete - 1)));
        let query = FeedQuery {
            after,
            size: PageSize::MAX,
            actions: Vec::new(),
            include_user: false,
            wait: Duration::from_millis(wait),
        };
        let page = block_on(Feed::new(database, pauses.clone()).read(&query));
        let paused = pauses.0.lock().unwrap().iter().sum();
        (page, paused)
    }

    #[test]
    fn a_wait_passes_over_filtered_events_and_ends() {
        let (page, paused) = read(20, Some(20), 600);
        let page = page.unwrap();
        assert_eq!((page.next, page.waited), (23, true));
        assert_eq!(paused, Duration::from_millis(600));
    }

    #[test]
    fn without_a_wait_or_a_position_the_feed_is_read_once() {
        let (page, paused) = read(20, Some(18), 0);
        assert_eq!(
            (page.unwrap(), paused),
            (FeedPage::empty(20), Duration::ZERO)
        );
        let (page, paused) = read(20, None, 600);
        assert_eq!(
            (page.unwrap(), paused),
            (FeedPage::empty(20), Duration::ZERO)
        );
    }

    #[test]
    fn deleted_and_future_positions_require_a_restart() {
        for after in [0, 4, 101] {
            assert_eq!(
                read(20, Some(after), 0).0,
                Err(Error::FeedRestart),
                "{after}"
            );
        }
        assert_eq!(read(20, Some(5), 0).0.unwrap().next, 20);
        assert_eq!(read(20, Some(100), 0).0.unwrap().next, 100);
    }
}
