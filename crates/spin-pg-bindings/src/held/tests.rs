//! Connections are numbers here, and nothing takes time unless a test says so.

use std::future::{pending, ready};

use super::*;

/// The connection for a call; `new` is what would be opened for it.
async fn take(held: &Held<u32>, new: u32) -> InUse<'_, u32> {
    let found = held.connection(ready(Ok::<_, ()>(new)), pending(), pending());
    found.await.unwrap().unwrap()
}

/// Holds connections 1, 2, ... up to `count`, all idle, the last one used last.
async fn idle(most: usize, count: u32) -> Held<u32> {
    let held = Held::new(most);
    let mut in_use = Vec::new();
    for new in 1..=count {
        in_use.push(take(&held, new).await);
    }
    drop(in_use);
    held
}

fn number(in_use: &InUse<'_, u32>) -> u32 {
    *in_use.connection
}

#[tokio::test]
async fn a_call_has_the_idle_connection_that_was_used_last() {
    let held = idle(4, 3).await;
    let last = take(&held, 9).await;
    let before = take(&held, 9).await;
    assert_eq!((number(&last), number(&before)), (3, 2));
    drop(last);
    drop(before);
    assert_eq!(number(&take(&held, 9).await), 2);
}

#[tokio::test]
async fn beyond_the_most_the_least_busy_connection_is_shared() {
    let held = Held::new(2);
    let first = take(&held, 1).await;
    let second = take(&held, 2).await;
    assert_eq!((number(&first), number(&second)), (1, 2));
    let shared = [take(&held, 9).await, take(&held, 9).await];
    let mut numbers = shared.each_ref().map(number);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    drop(first);
    assert_eq!(number(&take(&held, 9).await), 1);
}

#[tokio::test]
async fn a_connection_that_answers_nothing_is_shared_last() {
    let held = Held::new(2);
    let _stalled = take(&held, 1).await;
    let _busy = [take(&held, 2).await, take(&held, 9).await];
    held.state()
        .slots
        .iter_mut()
        .filter(|slot| *slot.connection == 1)
        .for_each(|slot| (slot.moved, slot.calls) = (slot.moved - STALLED * 2, 1));
    let shared = [take(&held, 9).await, take(&held, 9).await];
    assert_eq!(shared.each_ref().map(number), [2, 2]);
}

#[tokio::test]
async fn calls_that_find_none_to_share_open_more_than_are_held() {
    let held = Held::new(1);
    let (first, second) = (held.take(), held.take());
    let (Taken::Opening(first), Taken::Opening(second)) = (first, second) else {
        panic!("there is no connection");
    };
    let (first, second) = (first.done(1), second.done(2));
    assert_eq!((number(&first), number(&second)), (1, 2));
    assert_eq!(Arc::strong_count(&first.connection), 2);
    assert_eq!(Arc::strong_count(&second.connection), 1);
}

#[tokio::test]
async fn one_that_is_being_opened_takes_room() {
    let held = idle(2, 1).await;
    let _busy = take(&held, 9).await;
    let opening = held.take();
    assert!(matches!(opening, Taken::Opening(_)));
    assert_eq!(number(&take(&held, 9).await), 1);
    drop(opening);
    assert_eq!(number(&take(&held, 2).await), 2);
}

#[tokio::test]
async fn one_lost_connection_ends_all_that_were_opened_before() {
    let held = idle(4, 3).await;
    let (first, second) = (take(&held, 9).await, take(&held, 9).await);
    let Taken::InUse(third) = held.take() else {
        panic!("a connection is idle");
    };
    let opened_before = held.take();
    first.lost();
    drop(third);
    let fresh = take(&held, 4).await;
    assert_eq!(number(&fresh), 4);
    drop(fresh);
    // What is found out later about older ones is no news.
    second.lost();
    let Taken::Opening(opened_before) = opened_before else {
        panic!("all are busy");
    };
    drop(opened_before.done(5));
    assert_eq!(number(&take(&held, 9).await), 4);
}

#[tokio::test]
async fn a_connection_that_is_withdrawn_goes_alone() {
    let held = idle(2, 2).await;
    let slow = take(&held, 9).await;
    let shared = [
        take(&held, 9).await,
        take(&held, 9).await,
        take(&held, 9).await,
    ];
    assert_eq!(number(&slow), 2);
    assert_eq!(shared.each_ref().map(number), [1, 1, 2]);
    slow.withdraw();
    drop(shared);
    let (other, fresh) = (take(&held, 9).await, take(&held, 3).await);
    assert_eq!((number(&other), number(&fresh)), (1, 3));
    assert_eq!(Arc::strong_count(&slow.connection), 1);
}

#[tokio::test]
async fn an_abandoned_call_gives_its_connection_back() {
    let held = idle(1, 1).await;
    let call = async {
        let _in_use = take(&held, 9).await;
        pending::<()>().await;
    };
    assert_eq!(before(Box::pin(tokio::task::yield_now()), call).await, None);
    assert!(held.state().slots.iter().all(|slot| slot.calls == 0));

    let held = Held::<u32>::new(1);
    let opening = held.connection(pending::<Result<u32, ()>>(), pending(), pending());
    assert!(before(ready(()), opening).await.is_none());
    assert_eq!(held.state().opening, 0);
}

#[tokio::test]
async fn what_cannot_be_opened_is_done_without_where_there_is_one_to_share() {
    let held = Held::new(4);
    let refused = || ready(Err::<u32, _>("refused"));
    let found = held.connection(refused(), pending(), pending()).await;
    assert!(matches!(found, Some(Err("refused"))));
    let never = pending::<Result<u32, ()>>;
    assert!(
        held.connection(never(), pending(), ready(()))
            .await
            .is_none()
    );
    assert!(
        held.connection(never(), ready(()), ready(()))
            .await
            .is_none()
    );

    let first = take(&held, 1).await;
    let shared = held.connection(refused(), pending(), pending()).await;
    assert_eq!(number(&shared.unwrap().unwrap()), number(&first));
    let shared = held.connection(never(), ready(()), pending()).await;
    assert_eq!(number(&shared.unwrap().unwrap()), number(&first));
    assert_eq!(held.state().opening, 0);
}

#[tokio::test]
async fn what_a_burst_opened_is_let_go_of_when_it_is_unused() {
    let held = idle(4, 4).await;
    assert!(held.needs_watching());
    assert!(!held.needs_watching(), "one watches");
    assert!(held.release(Duration::from_secs(60)), "used just now");
    assert_eq!(held.state().slots.len(), 4);
    assert!(!held.release(Duration::ZERO), "one is enough");
    assert_eq!(number(&take(&held, 9).await), 4);
    assert!(!held.needs_watching());
}

#[tokio::test]
async fn what_is_in_use_is_not_let_go_of() {
    let held = idle(4, 4).await;
    let busy = [take(&held, 9).await, take(&held, 9).await];
    assert!(held.release(Duration::ZERO));
    assert_eq!(held.state().slots.len(), 2);
    drop(busy);
    assert!(!held.release(Duration::ZERO));
    assert_eq!(held.state().slots.len(), 1);
}
