//! Connections are numbers here, and nothing takes time unless a test states it.

use std::cell::RefCell;
use std::future::{pending, ready};

use super::*;

/// Takes the connection for a call; `new` would be opened for it.
async fn take(pool: &Pool<u32>, new: u32) -> PooledConnection<'_, u32> {
    let opened = ready(Ok::<_, ()>(new));
    let found = pool.connection(opened, pending::<()>, pending(), pending());
    found.await.unwrap().unwrap()
}

/// Holds connections 1, 2, ... up to `count`, all idle, the last one used last.
async fn idle(most: usize, count: u32) -> Pool<u32> {
    leased(most, count, None).await
}

async fn leased(most: usize, count: u32, lease: Option<Lease>) -> Pool<u32> {
    let pool = Pool::new(most, lease);
    let mut in_use = Vec::new();
    for new in 1..=count {
        in_use.push(take(&pool, new).await);
    }
    drop(in_use);
    pool
}

fn number(in_use: &PooledConnection<'_, u32>) -> u32 {
    *in_use.connection
}

#[tokio::test]
async fn a_call_gets_the_most_recently_used_idle_connection() {
    let pool = idle(4, 3).await;
    let last = take(&pool, 9).await;
    let before = take(&pool, 9).await;
    assert_eq!((number(&last), number(&before)), (3, 2));
    drop(last);
    drop(before);
    assert_eq!(number(&take(&pool, 9).await), 2);
}

#[tokio::test]
async fn a_full_pool_shares_the_least_busy_connection() {
    let pool = Pool::new(2, None);
    let first = take(&pool, 1).await;
    let second = take(&pool, 2).await;
    assert_eq!((number(&first), number(&second)), (1, 2));
    let shared = [take(&pool, 9).await, take(&pool, 9).await];
    let mut numbers = shared.each_ref().map(number);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    drop(first);
    assert_eq!(number(&take(&pool, 9).await), 1);
}

#[tokio::test]
async fn a_stalled_connection_is_shared_last() {
    let pool = Pool::new(2, None);
    let _stalled = take(&pool, 1).await;
    let _busy = [take(&pool, 2).await, take(&pool, 9).await];
    pool.state()
        .slots
        .iter_mut()
        .filter(|slot| *slot.connection == 1)
        .for_each(|slot| {
            (slot.moved, slot.calls) = (slot.moved.map(|moved| moved - STALLED * 2), 1)
        });
    let shared = [take(&pool, 9).await, take(&pool, 9).await];
    assert_eq!(shared.each_ref().map(number), [2, 2]);
}

#[tokio::test]
async fn calls_retry_while_the_pool_is_opening_connections() {
    let pool = Pool::new(1, None);
    let Checkout::Opening(first) = pool.take() else {
        panic!("expected to open a connection");
    };
    assert!(matches!(pool.take(), Checkout::Wait));
    // The first call gets its connection while the second one pauses.
    let first = RefCell::new(Some(first));
    let pause = || {
        drop(first.take().map(|first| first.done(1)));
        ready(())
    };
    let never = pending::<Result<u32, ()>>();
    let found = pool.connection(never, pause, pending(), pending()).await;
    assert_eq!(number(&found.unwrap().unwrap()), 1);
}

#[tokio::test]
async fn a_call_opens_a_connection_after_an_abandoned_attempt() {
    let pool = Pool::<u32>::new(1, None);
    let first = RefCell::new(Some(pool.take()));
    let pause = || {
        drop(first.take());
        ready(())
    };
    let opened = ready(Ok::<_, ()>(2));
    let found = pool.connection(opened, pause, pending(), pending()).await;
    assert_eq!(number(&found.unwrap().unwrap()), 2);
}

#[tokio::test]
async fn an_opening_connection_counts_towards_the_limit() {
    let pool = idle(2, 1).await;
    let _busy = take(&pool, 9).await;
    let opening = pool.take();
    assert!(matches!(opening, Checkout::Opening(_)));
    assert_eq!(number(&take(&pool, 9).await), 1);
    drop(opening);
    assert_eq!(number(&take(&pool, 2).await), 2);
}

#[tokio::test]
async fn a_lost_connection_invalidates_all_earlier_ones() {
    let pool = idle(4, 3).await;
    let (first, second) = (take(&pool, 9).await, take(&pool, 9).await);
    let Checkout::Connection(third) = pool.take() else {
        panic!("expected an idle connection");
    };
    let opened_before = pool.take();
    first.invalidate_all();
    drop(third);
    let fresh = take(&pool, 4).await;
    assert_eq!(number(&fresh), 4);
    drop(fresh);
    // A later loss of an older connection has no effect.
    second.invalidate_all();
    let Checkout::Opening(opened_before) = opened_before else {
        panic!("expected to open a connection");
    };
    drop(opened_before.done(5));
    assert_eq!(number(&take(&pool, 9).await), 4);
}

#[tokio::test]
async fn a_discarded_connection_does_not_affect_the_others() {
    let pool = idle(2, 2).await;
    let slow = take(&pool, 9).await;
    let shared = [
        take(&pool, 9).await,
        take(&pool, 9).await,
        take(&pool, 9).await,
    ];
    assert_eq!(number(&slow), 2);
    assert_eq!(shared.each_ref().map(number), [1, 1, 2]);
    slow.discard();
    drop(shared);
    let (other, fresh) = (take(&pool, 9).await, take(&pool, 3).await);
    assert_eq!((number(&other), number(&fresh)), (1, 3));
    assert_eq!(Arc::strong_count(&slow.connection), 1);
}

#[tokio::test]
async fn an_abandoned_call_releases_its_connection() {
    let pool = idle(1, 1).await;
    let call = async {
        let _in_use = take(&pool, 9).await;
        pending::<()>().await;
    };
    assert_eq!(
        with_timer(Box::pin(tokio::task::yield_now()), call).await,
        None
    );
    assert!(pool.state().slots.iter().all(|slot| slot.calls == 0));

    let pool = Pool::<u32>::new(1, None);
    let opening = pool.connection(
        pending::<Result<u32, ()>>(),
        pending::<()>,
        pending(),
        pending(),
    );
    assert!(with_timer(ready(()), opening).await.is_none());
    assert_eq!(pool.state().opening, 0);
}

#[tokio::test]
async fn a_failed_open_falls_back_to_a_shared_connection() {
    let pool = Pool::new(4, None);
    let refused = || ready(Err::<u32, _>("refused"));
    let found = pool
        .connection(refused(), pending::<()>, pending(), pending())
        .await;
    assert!(matches!(found, Some(Err("refused"))));
    let never = pending::<Result<u32, ()>>;
    assert!(
        pool.connection(never(), pending::<()>, pending(), ready(()))
            .await
            .is_none()
    );
    assert!(
        pool.connection(never(), pending::<()>, ready(()), ready(()))
            .await
            .is_none()
    );

    let first = take(&pool, 1).await;
    let shared = pool
        .connection(refused(), pending::<()>, pending(), pending())
        .await;
    assert_eq!(number(&shared.unwrap().unwrap()), number(&first));
    let shared = pool
        .connection(never(), pending::<()>, ready(()), pending())
        .await;
    assert_eq!(number(&shared.unwrap().unwrap()), number(&first));
    assert_eq!(pool.state().opening, 0);
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn unused_connections_are_released() {
    let lease = |unused| Lease {
        unused,
        whole: LONG,
        contended: LONG,
    };
    let pool = leased(4, 4, Some(lease(LONG))).await;
    assert_eq!(pool.needs_watching(), Some(LONG));
    assert_eq!(pool.needs_watching(), None, "another call already watches");
    assert!(pool.release(), "the connections were used recently");
    assert_eq!(pool.state().slots.len(), 4);

    let pool = leased(4, 4, Some(lease(Duration::ZERO))).await;
    let busy = [take(&pool, 9).await, take(&pool, 9).await];
    assert!(pool.release());
    assert_eq!(pool.state().slots.len(), 2);
    drop(busy);
    assert!(!pool.release());
    assert!(pool.state().slots.is_empty());
    assert_eq!(pool.needs_watching(), None, "the pool is empty");
}

#[tokio::test]
async fn old_connections_are_released_between_calls() {
    let lease = Lease {
        unused: LONG,
        whole: Duration::ZERO,
        contended: LONG,
    };
    let pool = leased(1, 0, Some(lease)).await;
    let (first, second) = (take(&pool, 1).await, take(&pool, 9).await);
    assert_eq!([number(&first), number(&second)], [1, 1]);
    drop(first);
    assert_eq!(
        pool.state().slots.len(),
        1,
        "a call still uses the connection"
    );
    drop(second);
    assert!(pool.state().slots.is_empty());
    assert_eq!(number(&take(&pool, 2).await), 2);
}

#[tokio::test]
async fn a_contended_connection_is_released_after_its_calls() {
    let lease = Lease {
        unused: LONG,
        whole: LONG,
        contended: Duration::ZERO,
    };
    let pool = leased(1, 0, Some(lease)).await;
    let calls = [take(&pool, 1).await, take(&pool, 9).await];
    assert_eq!(calls.each_ref().map(number), [1, 1]);
    drop(calls);
    assert!(pool.state().slots.is_empty());
}

#[tokio::test]
async fn a_connection_without_a_lease_is_not_released() {
    let pool = idle(1, 1).await;
    assert_eq!(pool.needs_watching(), None);
    assert!(!pool.release());
    assert_eq!(number(&take(&pool, 9).await), 1);
}
