//! List of users: filters and rejected parameters.

use std::collections::BTreeSet;
use std::slice::from_ref;

use blackbox::client::id;
use blackbox::lists::{create_users, fetch_all_pages, id_set, items};
use blackbox::{Client, unique};
use serde_json::{Value, json};

/// Checks that a list with these parameters has exactly one user.
async fn assert_finds(client: &Client, parameters: &[(&str, &str)], user: &Value) {
    let found = fetch_all_pages(client, parameters).await;
    assert_eq!(found, from_ref(user), "{parameters:?}");
}

#[tokio::test]
async fn items_are_whole_users() {
    let client = Client::from_env().await;
    let (prefix, users) = create_users(&client, 3).await;
    for item in fetch_all_pages(&client, &[("q", &prefix)]).await {
        let user = users.iter().find(|user| user["id"] == item["id"]).unwrap();
        assert_eq!(&item, user);
    }
}

#[tokio::test]
async fn filters_can_be_combined() {
    let client = Client::from_env().await;
    let (prefix, users) = create_users(&client, 12).await;
    let email = users[5]["email"].as_str().unwrap();
    for spelled in [email.to_owned(), email.to_uppercase()] {
        assert_finds(&client, &[("email", &spelled)], &users[5]).await;
    }
    let other = format!("x{email}");
    let found = fetch_all_pages(&client, &[("email", &other)]).await;
    assert!(found.is_empty(), "{found:?}");
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
            id_set(&fetch_all_pages(&client, &query).await),
            expected,
            "{filters:?}"
        );
    }
}

#[tokio::test]
async fn q_matches_prefixes_of_email_or_name_ignoring_case() {
    let client = Client::from_env().await;
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
        assert_finds(&client, &[("q", hit)], &user).await;
    }
    for miss in [&by_email[1..], "Q", &format!("{by_name}  Q")] {
        let found = walk_first(&client, miss).await;
        assert!(!found.contains(&user), "{miss}");
    }
}

#[tokio::test]
async fn q_finds_names_in_every_script() {
    let client = Client::from_env().await;
    for name in [
        "Élodie",
        "ÅSA",
        "Ωμέγα",
        "Юлия",
        "山田太郎",
        "Straße",
        "İpek",
    ] {
        let tag = unique();
        let full_name = format!("{name} {tag}");
        let body = json!({ "email": format!("{tag}@example.com"), "full_name": full_name });
        let user = client.created(&body).await;
        for q in [full_name.clone(), full_name.to_lowercase()] {
            assert_finds(&client, &[("q", &q)], &user).await;
        }
    }
}

#[tokio::test]
async fn q_matches_names_in_every_case_and_normal_form() {
    let client = Client::from_env().await;
    let tag = unique();
    for (name, qs) in [
        ("Γιώργος", ["ΓΙΏΡΓΟΣ", "γιώργοσ", "Γιω\u{301}ργος"]),
        ("Straße", ["STRASSE", "strasse", "Stra\u{df}e"]),
        (
            "Ame\u{301}lie",
            ["Am\u{e9}lie", "AME\u{301}LIE", "am\u{e9}"],
        ),
        ("ΣΊΣΥΦΟΣ", ["σίσυφος", "Σίσυφοσ", "ςίσυ"]),
    ] {
        let full_name = format!("{tag}{name}");
        let body = json!({ "email": format!("{}@example.com", unique()), "full_name": full_name });
        let user = client.created(&body).await;
        for q in qs {
            let q = format!("{tag}{q}");
            assert_finds(&client, &[("q", &q)], &user).await;
        }
    }
    let decomposed = json!({ "email": format!("{tag}@example.com"), "full_name": "Ame\u{301}lie" });
    assert_eq!(
        client.created(&decomposed).await["full_name"],
        "Am\u{e9}lie"
    );
}

#[tokio::test]
async fn names_are_sorted_by_collation() {
    let client = Client::from_env().await;
    let tag = unique();
    for name in [
        "Bob", "alice", "carol", "Émile", "eva", "Zoë", "ábel", "Eve",
    ] {
        let body = json!({ "email": format!("{}@example.com", unique()),
            "full_name": format!("{tag} {name}") });
        client.created(&body).await;
    }
    let expected = [
        "ábel", "alice", "Bob", "carol", "Émile", "eva", "Eve", "Zoë",
    ];
    for limit in ["3", "100"] {
        for descending in [false, true] {
            let sort = if descending {
                "-full_name"
            } else {
                "full_name"
            };
            let found =
                fetch_all_pages(&client, &[("q", &tag), ("sort", sort), ("limit", limit)]).await;
            let mut names: Vec<_> = found.iter().map(|user| user["full_name"].clone()).collect();
            if descending {
                names.reverse();
            }
            assert_eq!(
                names,
                expected.map(|name| format!("{tag} {name}")),
                "{sort}"
            );
        }
    }
}

/// Returns the first page of `q`.
async fn walk_first(client: &Client, q: &str) -> Vec<Value> {
    items(&client.list_json(&[("q", q)]).await)
}

#[tokio::test]
async fn like_metacharacters_in_q_are_literal() {
    let client = Client::from_env().await;
    let prefix = unique();
    for (n, mark) in ["%", "_", "\\", "x", "'", "*"].into_iter().enumerate() {
        let body = json!({ "email": format!("{n}{prefix}@example.com"),
            "full_name": format!("{prefix}{mark}z") });
        client.created(&body).await;
    }
    for mark in ["%", "_", "\\", "'", "*"] {
        let found = fetch_all_pages(&client, &[("q", &format!("{prefix}{mark}"))]).await;
        assert_eq!(found.len(), 1, "{mark}");
        assert_eq!(found[0]["full_name"], format!("{prefix}{mark}z"));
    }
    for none in ["%x", "__", "\\%"] {
        let q = format!("{prefix}{none}");
        let found = fetch_all_pages(&client, &[("q", &q)]).await;
        assert!(found.is_empty(), "{none}");
    }
}

#[tokio::test]
async fn created_after_and_created_before_bound_the_list() {
    let client = Client::from_env().await;
    let prefix = unique();
    let mut users = Vec::new();
    for n in 0..3 {
        let body = json!({ "email": format!("{prefix}{n}@example.com"), "full_name": "N" });
        users.push(client.created(&body).await);
    }
    let middle = users[1]["created_at"].as_str().unwrap();
    let after =
        id_set(&fetch_all_pages(&client, &[("q", &prefix), ("created_after", middle)]).await);
    let before =
        id_set(&fetch_all_pages(&client, &[("q", &prefix), ("created_before", middle)]).await);
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
        let found = fetch_all_pages(&client, &[("q", &prefix), (name, value)]).await;
        assert_eq!(found.len(), count, "{name}={value}");
    }
}

#[tokio::test]
async fn invalid_unknown_and_repeated_parameters_get_422() {
    let client = Client::from_env().await;
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
