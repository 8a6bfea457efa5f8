//! The change feed under concurrent transactions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use accounts::Error;
use accounts::audit::Action;
use accounts::feed::{FeedPage, FeedQuery};
use accounts::pagination::PageSize;
use spin_pg_bindings::postgres::Database;

use crate::fixture::{Fixture, actor};

fn after(position: i64) -> FeedQuery {
    FeedQuery {
        after: Some(position),
        size: PageSize::MAX_OF_EXPORT,
        actions: Vec::new(),
        include_user: false,
        wait: Duration::ZERO,
    }
}

async fn read(fixture: &Fixture, position: i64) -> FeedPage {
    fixture.feed.read(&after(position)).await.unwrap()
}

/// Returns the request ids of the page's events.
fn request_ids(page: &FeedPage) -> Vec<&str> {
    let events = page.items.iter().map(|item| &item.event);
    events.map(|event| event.request_id.as_str()).collect()
}

fn insert(request_id: &str) -> String {
    format!("INSERT INTO audit (action, request_id) VALUES ('login_failed', '{request_id}')")
}

#[tokio::test]
async fn an_event_of_an_open_transaction_holds_back_later_ones() {
    let fixture = Fixture::new().await;
    let (first, second) = (fixture.connect().await, fixture.connect().await);
    for connection in [&first, &second] {
        connection.write("BEGIN", vec![]).await.unwrap();
    }
    first.write(&insert("a"), vec![]).await.unwrap();
    second.write(&insert("b"), vec![]).await.unwrap();
    fixture.execute(&insert("c")).await;
    second.write("COMMIT", vec![]).await.unwrap();
    let page = read(&fixture, 0).await;
    assert_eq!((request_ids(&page), page.next), (vec![], 0));

    first.write("COMMIT", vec![]).await.unwrap();
    let page = read(&fixture, 0).await;
    assert_eq!(request_ids(&page), ["a", "b", "c"]);
    assert_eq!(page.next, page.items[2].position);
    assert_eq!(read(&fixture, page.next).await.items, []);
}

#[tokio::test]
async fn a_rolled_back_event_holds_back_nothing() {
    let fixture = Fixture::new().await;
    let open = fixture.connect().await;
    open.write("BEGIN", vec![]).await.unwrap();
    open.write(&insert("a"), vec![]).await.unwrap();
    fixture.execute(&insert("b")).await;
    assert_eq!(read(&fixture, 0).await.items, []);
    open.write("ROLLBACK", vec![]).await.unwrap();
    assert_eq!(request_ids(&read(&fixture, 0).await), ["b"]);
}

#[tokio::test]
async fn a_transaction_that_inserts_no_event_holds_back_nothing() {
    let fixture = Fixture::new().await;
    let open = fixture.connect().await;
    open.write("BEGIN", vec![]).await.unwrap();
    let change = "UPDATE feed_start SET position = position";
    open.write(change, vec![]).await.unwrap();
    fixture.execute(&insert("a")).await;
    assert_eq!(request_ids(&read(&fixture, 0).await), ["a"]);
}

#[tokio::test]
async fn positions_beyond_31_bits_are_compared_correctly() {
    let fixture = Fixture::new().await;
    for base in [(1_i64 << 31) - 1, (1 << 32) - 1, (1 << 40) + 5] {
        let set = format!("SELECT setval('audit_position', {base})");
        fixture.execute(&set).await;
        let open = fixture.connect().await;
        open.write("BEGIN", vec![]).await.unwrap();
        open.write(&insert("a"), vec![]).await.unwrap();
        fixture.execute(&insert("b")).await;
        assert_eq!(read(&fixture, base).await.next, base);
        open.write("COMMIT", vec![]).await.unwrap();
        let page = read(&fixture, base).await;
        assert_eq!((request_ids(&page), page.next), (vec!["a", "b"], base + 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_many_writers_misses_nothing() {
    const WRITERS: usize = 16;
    const EACH: usize = 100;
    let fixture = Fixture::new().await;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let connection = fixture.connect().await;
        writers.push(tokio::spawn(async move {
            for n in 0..EACH {
                // One statement of one event, of several, or a transaction of two statements, of which some fail.
                let id = format!("{writer}-{n}");
                let sql = match n % 4 {
                    0 => insert(&id),
                    1 => format!(
                        "INSERT INTO audit (action, request_id)
                         SELECT 'login_failed', '{id}' FROM generate_series(1, 3)"
                    ),
                    2 => format!("BEGIN; {}; {}; COMMIT", insert(&id), insert(&id)),
                    _ => format!("BEGIN; {}; ROLLBACK", insert(&id)),
                };
                connection.batch(&sql).await.unwrap();
            }
        }));
    }
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (fixture, done) = (fixture.clone(), done.clone());
        async move {
            let (mut position, mut seen, mut reads) = (0, Vec::new(), 0);
            loop {
                let was_done = done.load(Ordering::SeqCst);
                let page = read(&fixture, position).await;
                seen.extend(page.items.iter().map(|item| item.position));
                position = page.next;
                reads += 1;
                if was_done && page.items.is_empty() {
                    return (seen, reads);
                }
            }
        }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let (seen, reads) = reader.await.unwrap();
    assert!(seen.is_sorted_by(|one, other| one < other));
    let sql = "SELECT position FROM audit";
    let rows = fixture.database.read(sql, vec![]).await.unwrap();
    let all: BTreeSet<i64> = rows
        .iter()
        .map(|row| row.get("position").unwrap())
        .collect();
    assert_eq!(seen, all.into_iter().collect::<Vec<_>>(), "{reads} reads");
    assert_eq!(seen.len(), WRITERS * EACH / 4 * 6);
}

#[tokio::test]
async fn an_event_has_the_present_state_of_its_user() {
    let fixture = Fixture::new().await;
    let ada = fixture.user("ada@b.example", "user").await;
    let bob = fixture.user("bob@b.example", "user").await;
    fixture
        .users
        .delete_user(bob.id, None, actor())
        .await
        .unwrap();
    let query = FeedQuery {
        include_user: true,
        actions: vec![Action::UserCreated],
        ..after(0)
    };
    let page = fixture.feed.read(&query).await.unwrap();
    let users: Vec<_> = page.items.iter().map(|item| item.user.clone()).collect();
    assert_eq!(users, [Some(ada), None]);
    assert!(
        page.items
            .iter()
            .all(|item| item.event.action == "user_created")
    );
    let page = read(&fixture, 0).await;
    assert!(page.items.iter().all(|item| item.user.is_none()));
    assert_eq!(page.items.len(), 3);
}

#[tokio::test]
async fn pages_are_cut_by_size_and_pass_over_filtered_events() {
    let fixture = Fixture::new().await;
    for n in 0..5 {
        fixture.execute(&insert(&n.to_string())).await;
    }
    fixture.user("ada@b.example", "user").await;
    let mut query = FeedQuery {
        size: PageSize::of_export(2).unwrap(),
        ..after(0)
    };
    let page = fixture.feed.read(&query).await.unwrap();
    assert_eq!((request_ids(&page), page.next), (vec!["0", "1"], 2));
    query.actions = vec![Action::UserCreated];
    let page = fixture.feed.read(&query).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, 6));
    query.after = None;
    let page = fixture.feed.read(&query).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, 6));
}

#[tokio::test]
async fn a_reader_behind_the_retention_or_ahead_of_the_database_has_to_restart() {
    let fixture = Fixture::new().await;
    for n in 0..3 {
        fixture.execute(&insert(&n.to_string())).await;
    }
    let old = "UPDATE audit SET at = at - interval '31 days' WHERE position <= 2";
    fixture.execute(old).await;
    assert_eq!(read(&fixture, 0).await.items.len(), 3);
    fixture.execute("SELECT sweep(30, 10)").await;
    for position in [0, 1, 4] {
        let page = fixture.feed.read(&after(position)).await;
        assert_eq!(page, Err(Error::FeedRestart), "{position}");
    }
    assert_eq!(request_ids(&read(&fixture, 2).await), ["2"]);
    assert_eq!(read(&fixture, 3).await.next, 3);
    // By hand, too.
    fixture.execute("DELETE FROM audit").await;
    let page = fixture.feed.read(&after(2)).await;
    assert_eq!(page, Err(Error::FeedRestart));
    assert_eq!(read(&fixture, 3).await.items, []);
}

#[tokio::test]
async fn a_restored_backup_continues_after_its_last_position() {
    let fixture = Fixture::new().await;
    fixture.execute(&insert("a")).await;
    // pg_dump contains the rows with their positions, and the sequence.
    let position = "SELECT position FROM audit";
    let rows = fixture.database.read(position, vec![]).await.unwrap();
    let last: i64 = rows[0].get("position").unwrap();
    let restored = Fixture::new().await;
    let copy = format!(
        "WITH copied AS (INSERT INTO audit (action, request_id, position) VALUES ('login_failed', 'a', {last}))
         SELECT setval('audit_position', {last})"
    );
    restored.execute(&copy).await;
    restored.execute(&insert("b")).await;
    assert_eq!(request_ids(&read(&restored, 0).await), ["a", "b"]);
    assert_eq!(request_ids(&read(&restored, last).await), ["b"]);
}

#[tokio::test]
async fn readers_copy_again_after_the_documented_restore() {
    let fixture = Fixture::new().await;
    fixture.execute(&insert("a")).await;
    let last = read(&fixture, 0).await.next;
    let page = include_str!("../../../../docs/operations.md");
    let mut blocks = page.split("```sql\n").skip(1);
    let block = blocks.find(|block| block.contains("feed_start")).unwrap();
    let (sql, _) = block.split_once("```").unwrap();
    fixture.connect().await.batch(sql).await.unwrap();
    for position in [0, last, last + 1_000] {
        let page = fixture.feed.read(&after(position)).await;
        assert_eq!(page, Err(Error::FeedRestart), "{position}");
    }
    let end = FeedQuery {
        after: None,
        ..after(0)
    };
    let end = fixture.feed.read(&end).await.unwrap().next;
    fixture.execute(&insert("b")).await;
    assert_eq!(request_ids(&read(&fixture, end).await), ["b"]);
}
