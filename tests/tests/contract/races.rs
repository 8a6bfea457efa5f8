//! Concurrent requests: the database decides, no stale data is read, no data leaks between callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use blackbox::client::{USERS, id, user_path};
use blackbox::{Client, Reply, new_user, unique};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

fn split(replies: &[Reply], won: u16) -> (Vec<&Reply>, Vec<&Reply>) {
    replies.iter().partition(|reply| reply.status == won)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_creates_with_one_email_create_one_user() {
    let client = Client::from_env().await;
    let name = unique();
    let bodies: Vec<Value> = (0..50)
        .map(|n| {
            let name = if n % 2 == 0 {
                name.clone()
            } else {
                name.to_uppercase()
            };
            json!({ "email": format!("{name}@example.com"), "full_name": format!("N {n}") })
        })
        .collect();
    let replies = join_all(bodies.iter().map(|body| client.create(body))).await;
    let (won, lost) = split(&replies, 201);
    assert_eq!((won.len(), lost.len()), (1, 49));
    for reply in lost {
        reply.problem(409, "email_taken");
    }
    let page = client.list_json(&[("q", &name)]).await;
    assert_eq!(page["items"], json!([won[0].json()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_patches_with_one_if_match_make_one_change() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let patches: Vec<Value> = (0..50)
        .map(|n| json!({ "full_name": format!("N {n}") }))
        .collect();
    let sends = patches
        .iter()
        .map(|patch| client.patch_if(id(&user), patch, "\"v1\""));
    let replies = join_all(sends).await;
    let (won, lost) = split(&replies, 200);
    assert_eq!((won.len(), lost.len()), (1, 49));
    for reply in lost {
        reply.problem(412, "precondition_failed");
    }
    assert_eq!(won[0].etag(), "\"v2\"");
    assert_eq!(client.user(id(&user)).await.json(), won[0].json());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_unconditional_patches_all_apply() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let patches: Vec<Value> = (0..50)
        .map(|n| json!({ "full_name": format!("N {n}") }))
        .collect();
    let replies = join_all(patches.iter().map(|patch| client.patch(id(&user), patch))).await;
    let mut versions: Vec<i64> = Vec::new();
    for (reply, patch) in replies.into_iter().zip(&patches) {
        let body = reply.expect(200).json();
        assert_eq!(body["full_name"], patch["full_name"]);
        versions.push(body["version"].as_i64().unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=51).collect::<Vec<i64>>());
    assert_eq!(client.user(id(&user)).await.json()["version"], 51);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_patches_cannot_share_one_email() {
    let client = Client::from_env().await;
    let email = json!({ "email": format!("{}@example.com", unique()) });
    let users = join_all((0..10).map(async |_| client.created(&new_user()).await)).await;
    let replies = join_all(users.iter().map(|user| client.patch(id(user), &email))).await;
    let (won, lost) = split(&replies, 200);
    assert_eq!((won.len(), lost.len()), (1, 9));
    for reply in lost {
        reply.problem(409, "email_taken");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_twenty_concurrent_deletes_succeeds() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let replies = join_all((0..20).map(|_| client.delete(id(&user)))).await;
    let (won, lost) = split(&replies, 204);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for reply in lost {
        reply.problem(404, "not_found");
    }
}

/// Readers keep filling the cache while the user is deleted: an entry must not outlive the delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_never_read_after_the_response() {
    let client = Client::from_env().await;
    for _ in 0..10 {
        let user = client.created(&new_user()).await;
        let deleted = Arc::new(AtomicBool::new(false));
        let readers = (0..8).map(|_| {
            let (client, deleted, id) = (client.clone(), deleted.clone(), id(&user).to_owned());
            tokio::spawn(async move {
                loop {
                    let known = deleted.load(Ordering::SeqCst);
                    let reply = client.user(&id).await.expect_any(&[200, 404]);
                    if known {
                        reply.problem(404, "not_found");
                        return;
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        client.user(id(&user)).await.expect(200);
        client.delete(id(&user)).await.expect(204);
        deleted.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        for _ in 0..5 {
            client.user(id(&user)).await.problem(404, "not_found");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_concurrent_writers_read_their_own_writes() {
    let client = Client::from_env().await;
    let writers = (0..16).map(async |writer| {
        let user = client.created(&new_user()).await;
        for round in 0..13 {
            client.user(id(&user)).await.expect(200);
            let name = format!("Writer {writer} round {round}");
            let patch = json!({ "full_name": name });
            let patched = client.patch(id(&user), &patch).await.expect(200);
            let read = client.user(id(&user)).await.expect(200);
            assert_eq!(
                read.json(),
                patched.json(),
                "writer {writer}, round {round}"
            );
            assert_eq!(read.etag(), patched.etag());
        }
    });
    join_all(writers).await;
}

/// A reader that began before the write may cache its result only if nothing newer is cached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_see_an_older_version() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let over = Arc::new(AtomicBool::new(false));
    let readers = (0..8).map(|_| {
        let (client, over, id) = (client.clone(), over.clone(), id(&user).to_owned());
        tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                client.user(&id).await.expect(200);
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for round in 0..100 {
        let patch = json!({ "full_name": format!("Round {round}") });
        let written = client.patch(id(&user), &patch).await.expect(200).json();
        let read = client.user(id(&user)).await.expect(200).json();
        assert_eq!(read, written, "round {round}");
    }
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_responses_are_never_mixed_up() {
    let client = Client::from_env().await;
    let lanes = (0..16).map(async |lane| {
        let user = client.created(&new_user()).await;
        let path = user_path(id(&user));
        for round in 0..20 {
            let canary = format!("canary-{lane}-{round}-{}", unique());
            let (path, expected): (String, Option<&Value>) = match round % 4 {
                0 | 1 => (path.clone(), Some(&user)),
                2 => (format!("{USERS}/{canary}"), None),
                _ => (format!("{USERS}?{canary}=1"), None),
            };
            let request = client
                .request(Method::GET, &path)
                .header("x-request-id", &canary);
            let reply = client.send(request).await;
            assert_eq!(
                reply.header("x-request-id"),
                Some(canary.as_str()),
                "{reply}"
            );
            match expected {
                Some(user) => assert_eq!(&reply.expect(200).json(), user),
                None => {
                    let problem = reply.any_problem();
                    assert_eq!(problem["request_id"], canary);
                    let text = problem.to_string();
                    assert_eq!(
                        text.matches("canary-").count(),
                        text.matches(&canary).count()
                    );
                }
            }
        }
    });
    join_all(lanes).await;
}
