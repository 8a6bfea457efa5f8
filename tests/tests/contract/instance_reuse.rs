//! One instance serves many concurrent callers without mixing them up.

use blackbox::client::{ME, SESSIONS, USERS, id, user_path};
use blackbox::lists::items;
use blackbox::{Client, Person, new_user, unique};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

const LANES: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_concurrent_callers_keep_their_identity() {
    let admin = Client::from_env().await;
    let mut people = Vec::new();
    for lane in 0..LANES {
        people.push(match lane % 4 {
            0 => Person::create_admin(&admin).await,
            _ => Person::create(&admin).await,
        });
    }
    let lanes = people.iter().enumerate().map(async |(lane, person)| {
        let is_admin = lane % 4 == 0;
        let neighbour = &people[(lane + 1) % LANES];
        for round in 0..25 {
            let canary = format!("canary-{lane}-{round}-{}", unique());
            let ask = async |path: &str| {
                let request = person.client.request(Method::GET, path);
                let reply = person
                    .client
                    .send(request.header("x-request-id", &canary))
                    .await;
                assert_eq!(
                    reply.header("x-request-id"),
                    Some(canary.as_str()),
                    "{reply}"
                );
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                assert!(
                    !text.contains("canary-") || text.contains(&canary),
                    "{reply}"
                );
                reply
            };
            match round % 5 {
                0 => assert_eq!(ask(ME).await.expect(200).json()["id"], person.id),
                1 => {
                    let sessions = items(&ask(SESSIONS).await.expect(200).json());
                    assert_eq!(sessions.len(), 1);
                    assert_eq!(sessions[0]["id"], person.session_id());
                }
                2 => {
                    let theirs = ask(&user_path(&neighbour.id)).await;
                    match is_admin {
                        true => assert_eq!(theirs.expect(200).json()["id"], neighbour.id),
                        false => drop(theirs.problem(404, "not_found")),
                    }
                }
                3 => {
                    let list = ask(&format!("{USERS}?limit=1")).await;
                    match is_admin {
                        true => drop(list.expect(200)),
                        false => drop(list.problem(403, "forbidden")),
                    }
                }
                _ => {
                    let name = format!("Lane {lane}, round {round}");
                    let patch = person.client.request(Method::PATCH, ME);
                    let patch = patch.json(&json!({ "full_name": name }));
                    let mine = person.client.send(patch).await.expect(200).json();
                    assert_eq!(mine["id"], person.id);
                    assert_eq!(mine["full_name"], name);
                }
            }
        }
    });
    join_all(lanes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_callers_with_and_without_tokens_are_not_mixed_up() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let nobody = Client::anonymous();
    let forged = nobody.with_token("made.up.token");
    let lanes = (0..LANES).map(async |lane| {
        for _ in 0..25 {
            match lane % 4 {
                0 => drop(nobody.get(USERS).await.problem(401, "unauthenticated")),
                1 => drop(ada.client.get(USERS).await.problem(403, "forbidden")),
                2 => drop(forged.get(ME).await.problem(401, "unauthenticated")),
                _ => drop(admin.list(&[("limit", "1")]).await.expect(200)),
            }
        }
    });
    join_all(lanes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_trail_has_the_actor_of_each_concurrent_request() {
    let admin = Client::from_env().await;
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(Person::create_admin(&admin).await);
    }
    let lanes = (0..LANES).map(async |lane| {
        let person = &people[lane % 4];
        let created = person.client.created(&new_user()).await;
        person.client.delete(id(&created)).await.expect(204);
        let path = format!("/api/v1/audit?target_id={}", id(&created));
        let rows = items(&person.client.get_json(&path).await);
        let actors: Vec<_> = rows.iter().map(|row| row["actor_id"].clone()).collect();
        assert_eq!(actors, [json!(person.id), json!(person.id)]);
    });
    join_all(lanes).await;
}
