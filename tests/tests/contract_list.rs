//! The list: limits, cursors, sorts, filters, and what it refuses.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use std::collections::BTreeSet;

use blackbox::client::{USERS, id};
use blackbox::{Client, unique};
use futures::future::join_all;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const SORTS: [&str; 8] = [
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "email",
    "-email",
    "full_name",
    "-full_name",
];

/// `count` users whose emails begin with a prefix of their own; three share each name.
async fn crowd(client: &Client, count: usize) -> (String, Vec<Value>) {
    let prefix = unique();
    let mut users = Vec::new();
    for chunk in (0..count).collect::<Vec<_>>().chunks(5) {
        let bodies = chunk.iter().map(|n| {
            // Numbers scattered, so that no sort key follows the order of creation.
            let scattered = (n * 17) % 101;
            json!({ "email": format!("{prefix}.{scattered:03}@example.com"),
                "full_name": format!("{prefix} {:02}", scattered % 15),
                "role": if n % 3 == 0 { "admin" } else { "user" }, "is_active": n % 4 != 0 })
        });
        let bodies: Vec<Value> = bodies.collect();
        users.extend(join_all(bodies.iter().map(|body| client.created(body))).await);
    }
    (prefix, users)
}

fn ids(users: &[Value]) -> Vec<String> {
    users.iter().map(|user| id(user).to_owned()).collect()
}

fn id_set(users: &[Value]) -> BTreeSet<String> {
    ids(users).into_iter().collect()
}

fn items(page: &Value) -> Vec<Value> {
    page["items"]
        .as_array()
        .unwrap_or_else(|| panic!("no items: {page}"))
        .clone()
}

/// What a value sorts by: a time by its instant, a text by its bytes.
fn sort_key(value: &Value) -> (i128, String) {
    let text = value.as_str().unwrap();
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(time) => (time.unix_timestamp_nanos(), String::new()),
        Err(_) => (0, text.to_owned()),
    }
}

/// All items of a list, page after page.
async fn walk(client: &Client, parameters: &[(&str, &str)]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..100 {
        let mut query = parameters.to_vec();
        if let Some(cursor) = &cursor {
            query.push(("cursor", cursor));
        }
        let page = client.list(&query).await.expect(200).json();
        found.extend(items(&page));
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => {
                assert!(
                    page["next"].is_null() && page.get("next").is_some(),
                    "{page}"
                );
                return found;
            }
        }
    }
    panic!("a walk of 100 pages did not end");
}

#[tokio::test]
async fn limit_is_20_by_default_and_at_most_100() {
    let client = Client::from_env();
    let (prefix, users) = crowd(&client, 105).await;
    for (limit, count) in [
        (None, 20),
        (Some("1"), 1),
        (Some("100"), 100),
        (Some("101"), 100),
        (Some("1000000000"), 100),
    ] {
        let mut query = vec![("q", prefix.as_str())];
        query.extend(limit.map(|limit| ("limit", limit)));
        let page = client.list(&query).await.expect(200).json();
        assert_eq!(items(&page).len(), count, "limit {limit:?}");
        assert!(page["next"].is_string(), "limit {limit:?}");
    }
    let all = walk(&client, &[("q", &prefix), ("limit", "100")]).await;
    assert_eq!(id_set(&all), id_set(&users));
}

#[tokio::test]
async fn a_limit_that_is_no_positive_number_is_422() {
    let client = Client::from_env();
    for bad in [
        "0",
        "-1",
        "abc",
        "",
        "1.5",
        "1e3",
        " 5",
        "0x10",
        "99999999999999999999999999",
    ] {
        let reply = client.list(&[("limit", bad)]).await;
        // A number too large for any integer may also count as "over 100".
        if !(bad.len() > 20 && reply.status == 200) {
            reply.invalid("limit");
        }
    }
}

#[tokio::test]
async fn a_walk_in_every_sort_has_no_gap_and_no_repeat() {
    let client = Client::from_env();
    let (prefix, mut users) = crowd(&client, 45).await;
    for user in users.iter_mut().step_by(4) {
        let patch = json!({ "is_active": true });
        *user = client.patch(id(user), &patch).await.expect(200).json();
    }
    for sort in SORTS {
        let key = sort.trim_start_matches('-');
        let mut expected = users.clone();
        expected.sort_by_key(|user| (sort_key(&user[key]), id(user).to_owned()));
        if sort.starts_with('-') {
            expected.reverse();
        }
        for limit in ["7", "45", "44"] {
            let found = walk(&client, &[("q", &prefix), ("sort", sort), ("limit", limit)]).await;
            assert_eq!(ids(&found).len(), ids(&expected).len(), "{sort} by {limit}");
            assert_eq!(
                id_set(&found).len(),
                found.len(),
                "{sort} by {limit}: repeats"
            );
            let keys = |users: &[Value]| users.iter().map(|u| u[key].clone()).collect::<Vec<_>>();
            assert_eq!(keys(&found), keys(&expected), "{sort} by {limit}");
        }
    }
    let newest = walk(&client, &[("q", &prefix)]).await;
    let stated = walk(&client, &[("q", &prefix), ("sort", "-created_at")]).await;
    assert_eq!(ids(&newest), ids(&stated), "-created_at is the default");
}

#[tokio::test]
async fn items_are_whole_users() {
    let client = Client::from_env();
    let (prefix, users) = crowd(&client, 3).await;
    for item in walk(&client, &[("q", &prefix)]).await {
        let user = users.iter().find(|user| user["id"] == item["id"]).unwrap();
        assert_eq!(&item, user);
    }
}

#[tokio::test]
async fn a_user_created_during_a_walk_disturbs_nobody() {
    let client = Client::from_env();
    let (prefix, users) = crowd(&client, 10).await;
    let query = [
        ("q", prefix.as_str()),
        ("limit", "4"),
        ("sort", "-created_at"),
    ];
    let first = client.list(&query).await.json();
    client
        .created(&json!({ "email": format!("{prefix}.new@example.com"), "full_name": "N" }))
        .await;
    let gone = items(&first)[0].clone();
    client.delete(id(&gone)).await.expect(204);
    let mut found = items(&first);
    let mut next = first["next"].as_str().map(str::to_owned);
    while let Some(cursor) = next {
        let page = client
            .list(&[&query[..], &[("cursor", cursor.as_str())]].concat())
            .await
            .json();
        found.extend(items(&page));
        next = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(found.len(), 10);
    assert_eq!(id_set(&found), id_set(&users));
}

#[tokio::test]
async fn a_cursor_that_was_bent_or_made_up_is_422() {
    let client = Client::from_env();
    let (prefix, _) = crowd(&client, 3).await;
    let page = client.list(&[("q", &prefix), ("limit", "1")]).await.json();
    let cursor = page["next"].as_str().unwrap().to_owned();
    let mut bent = Vec::new();
    for at in [0, cursor.len() / 2, cursor.len() - 2] {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        bent.push(String::from_utf8(bytes).unwrap());
    }
    bent.extend([
        String::new(),
        cursor[..cursor.len() / 2].to_owned(),
        cursor[..cursor.len() - 1].to_owned(),
        cursor[1..].to_owned(),
        format!("{cursor}A"),
        format!("{cursor}{cursor}"),
        "AAAA".to_owned(),
        "eyJpZCI6MX0".to_owned(),
        "' OR 1=1 --".to_owned(),
        "\u{0}".to_owned(),
        "x".repeat(4000),
    ]);
    for bad in bent {
        client
            .list(&[("q", &prefix), ("limit", "1"), ("cursor", &bad)])
            .await
            .invalid("cursor");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_sort_and_its_filters() {
    let client = Client::from_env();
    let (prefix, _) = crowd(&client, 5).await;
    let page = client
        .list(&[("q", &prefix), ("limit", "2"), ("sort", "email")])
        .await
        .json();
    let cursor = ("cursor", page["next"].as_str().unwrap());
    let q = ("q", prefix.as_str());
    for other in [
        vec![q, cursor, ("sort", "-email")],
        vec![q, cursor, ("sort", "full_name")],
        vec![q, cursor],
        vec![cursor, ("sort", "email")],
        vec![("q", "other"), cursor, ("sort", "email")],
        vec![q, cursor, ("sort", "email"), ("role", "user")],
        vec![q, cursor, ("sort", "email"), ("is_active", "true")],
        vec![
            q,
            cursor,
            ("sort", "email"),
            ("created_after", "2020-01-01T00:00:00Z"),
        ],
    ] {
        client.list(&other).await.invalid("cursor");
    }
    client
        .list(&[q, ("limit", "2"), ("sort", "email"), cursor])
        .await
        .expect(200);
}

#[tokio::test]
async fn filters_select_and_combine() {
    let client = Client::from_env();
    let (prefix, users) = crowd(&client, 12).await;
    let email = users[5]["email"].as_str().unwrap();
    for spelled in [email.to_owned(), email.to_uppercase()] {
        let found = walk(&client, &[("email", &spelled)]).await;
        assert_eq!(found, [users[5].clone()], "{spelled}");
    }
    assert!(
        walk(&client, &[("email", &format!("x{email}"))])
            .await
            .is_empty()
    );
    for (filters, role, active) in [
        (vec![("role", "admin")], Some("admin"), None),
        (vec![("role", "user")], Some("user"), None),
        (vec![("is_active", "true")], None, Some(true)),
        (vec![("is_active", "false")], None, Some(false)),
        (
            vec![("role", "admin"), ("is_active", "false")],
            Some("admin"),
            Some(false),
        ),
    ] {
        let query = [&[("q", prefix.as_str())], &filters[..]].concat();
        let expected = users.iter().filter(|user| {
            role.is_none_or(|role| user["role"] == role)
                && active.is_none_or(|active| user["is_active"] == active)
        });
        let expected: BTreeSet<String> = expected.map(|user| id(user).to_owned()).collect();
        assert_eq!(
            id_set(&walk(&client, &query).await),
            expected,
            "{filters:?}"
        );
    }
}

#[tokio::test]
async fn q_is_a_prefix_of_email_or_name_without_regard_to_case() {
    let client = Client::from_env();
    let (by_email, by_name) = (unique(), unique());
    let one =
        json!({ "email": format!("{by_email}@example.com"), "full_name": format!("{by_name} Q") });
    let user = client.created(&one).await;
    for hit in [
        &by_email,
        &by_name,
        &by_name.to_uppercase(),
        &by_email[..20].to_owned(),
    ] {
        assert_eq!(walk(&client, &[("q", hit)]).await, [user.clone()], "{hit}");
    }
    for miss in [&by_email[1..], "Q", &format!("{by_name}  Q")] {
        let found = walk_first(&client, miss).await;
        assert!(!found.contains(&user), "{miss}");
    }
}

/// The first page of `q`.
async fn walk_first(client: &Client, q: &str) -> Vec<Value> {
    items(&client.list(&[("q", q)]).await.expect(200).json())
}

#[tokio::test]
async fn like_metacharacters_in_q_are_literal() {
    let client = Client::from_env();
    let prefix = unique();
    for (n, mark) in ["%", "_", "\\", "x", "'", "*"].into_iter().enumerate() {
        let body = json!({ "email": format!("{n}{prefix}@example.com"),
            "full_name": format!("{prefix}{mark}z") });
        client.created(&body).await;
    }
    for mark in ["%", "_", "\\", "'", "*"] {
        let found = walk(&client, &[("q", &format!("{prefix}{mark}"))]).await;
        assert_eq!(found.len(), 1, "{mark}");
        assert_eq!(found[0]["full_name"], format!("{prefix}{mark}z"));
    }
    for none in ["%z", "__", "\\%"] {
        assert!(
            walk(&client, &[("q", &format!("{prefix}{none}"))])
                .await
                .is_empty(),
            "{none}"
        );
    }
}

#[tokio::test]
async fn created_after_and_before_cut_the_list() {
    let client = Client::from_env();
    let prefix = unique();
    let mut users = Vec::new();
    for n in 0..3 {
        let body = json!({ "email": format!("{prefix}{n}@example.com"), "full_name": "N" });
        users.push(client.created(&body).await);
    }
    let middle = users[1]["created_at"].as_str().unwrap();
    let after = id_set(&walk(&client, &[("q", &prefix), ("created_after", middle)]).await);
    let before = id_set(&walk(&client, &[("q", &prefix), ("created_before", middle)]).await);
    assert!(
        after.contains(id(&users[2])) && !after.contains(id(&users[0])),
        "after {middle}"
    );
    assert!(
        before.contains(id(&users[0])) && !before.contains(id(&users[2])),
        "before {middle}"
    );
    for (name, value, count) in [
        ("created_after", "2020-01-01T00:00:00Z", 3),
        ("created_after", "2020-01-01T00:00:00.123456+05:30", 3),
        ("created_before", "2020-01-01T00:00:00Z", 0),
        ("created_before", "2999-12-31T23:59:59Z", 3),
    ] {
        let found = walk(&client, &[("q", &prefix), (name, value)]).await;
        assert_eq!(found.len(), count, "{name}={value}");
    }
}

#[tokio::test]
async fn a_bad_or_unknown_or_repeated_parameter_is_422() {
    let client = Client::from_env();
    for (name, value) in [
        ("sort", "password_hash"),
        ("sort", "email desc"),
        ("sort", "--email"),
        ("sort", "-created_at,email"),
        ("sort", ""),
        ("role", "root"),
        ("role", "Admin"),
        ("is_active", "1"),
        ("is_active", "yes"),
        ("include_total", "maybe"),
        ("created_after", "yesterday"),
        ("created_after", "2024-02-30T00:00:00Z"),
        ("created_before", "2024-01-01"),
        ("created_before", "2024-01-01T00:00:00"),
        ("offset", "10"),
        ("page", "2"),
        ("Limit", "5"),
        ("q[]", "x"),
    ] {
        client.list(&[(name, value)]).await.invalid(name);
    }
    for (name, value) in [
        ("limit", "5"),
        ("role", "user"),
        ("q", "a"),
        ("sort", "email"),
    ] {
        client
            .list(&[(name, value), (name, value)])
            .await
            .problem(422, "invalid");
    }
}

#[tokio::test]
async fn the_next_link_leads_where_next_leads() {
    let client = Client::from_env();
    let (prefix, _) = crowd(&client, 5).await;
    let query = [
        ("q", prefix.as_str()),
        ("limit", "2"),
        ("sort", "-email"),
        ("is_active", "true"),
    ];
    let first = client.list(&query).await.expect(200);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let link = first
        .header("link")
        .unwrap_or_else(|| panic!("no Link: {first}"));
    let (target, rest) = link
        .strip_prefix('<')
        .and_then(|l| l.split_once('>'))
        .unwrap();
    assert_eq!(rest.replace(' ', ""), ";rel=\"next\"");
    let path = target.strip_prefix(client.base()).unwrap_or(target);
    assert!(path.starts_with(USERS), "{link}");
    let linked = client.get(path).await.expect(200).json();
    let stepped = client
        .list(&[&query[..], &[("cursor", &next)]].concat())
        .await
        .json();
    assert_eq!(linked, stepped);
    let last = client.list(&[("q", prefix.as_str())]).await.expect(200);
    assert!(
        last.header("link").is_none() && last.json()["next"].is_null(),
        "{last}"
    );
}

#[tokio::test]
async fn total_comes_only_when_asked_for() {
    let client = Client::from_env();
    let (prefix, _) = crowd(&client, 5).await;
    let q = ("q", prefix.as_str());
    let page = client
        .list(&[q, ("limit", "2"), ("include_total", "true")])
        .await
        .expect(200)
        .json();
    assert_eq!((page["total"].as_u64(), items(&page).len()), (Some(5), 2));
    let next = page["next"].as_str().unwrap();
    let more = client
        .list(&[
            q,
            ("limit", "2"),
            ("include_total", "true"),
            ("cursor", next),
        ])
        .await;
    assert_eq!(
        more.expect(200).json()["total"],
        5,
        "the same on every page"
    );
    for parameters in [vec![q], vec![q, ("include_total", "false")]] {
        let page = client.list(&parameters).await.expect(200).json();
        assert!(page.get("total").is_none(), "{page}");
    }
    let none = client
        .list(&[("q", &unique()), ("include_total", "true")])
        .await
        .json();
    assert_eq!(none, json!({ "items": [], "next": null, "total": 0 }));
}
