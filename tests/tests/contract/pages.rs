//! Pages of the list: limits, sorts, cursors, links, totals.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use blackbox::client::{USERS, id};
use blackbox::lists::{create_users, fetch_all_pages, id_set, ids, items};
use blackbox::{Client, unique};
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

/// Sort key of a value: the instant of a time, the bytes of a text.
fn sort_key(value: &Value) -> (i128, String) {
    let text = value.as_str().unwrap();
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(time) => (time.unix_timestamp_nanos(), String::new()),
        Err(_) => (0, text.to_owned()),
    }
}

#[tokio::test]
async fn the_limit_defaults_to_20_and_is_at_most_100() {
    let client = Client::from_env().await;
    let (prefix, users) = create_users(&client, 105).await;
    for (limit, count) in [
        (None, 20),
        (Some("1"), 1),
        (Some("100"), 100),
        (Some("101"), 100),
        (Some("1000000000"), 100),
    ] {
        let mut query = vec![("q", prefix.as_str())];
        query.extend(limit.map(|limit| ("limit", limit)));
        let page = client.list_json(&query).await;
        assert_eq!(items(&page).len(), count, "limit {limit:?}");
        assert!(page["next"].is_string(), "limit {limit:?}");
    }
    let all = fetch_all_pages(&client, &[("q", &prefix), ("limit", "100")]).await;
    assert_eq!(id_set(&all), id_set(&users));
}

#[tokio::test]
async fn an_invalid_limit_gets_422() {
    let client = Client::from_env().await;
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
        // A number too large for any integer may also be treated as "over 100".
        if !(bad.len() > 20 && reply.status == 200) {
            reply.invalid("limit");
        }
    }
}

#[tokio::test]
async fn pages_have_no_gap_and_no_duplicate_in_any_sort() {
    let client = Client::from_env().await;
    let (prefix, mut users) = create_users(&client, 45).await;
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
            let found =
                fetch_all_pages(&client, &[("q", &prefix), ("sort", sort), ("limit", limit)]).await;
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
    let newest = fetch_all_pages(&client, &[("q", &prefix)]).await;
    let stated = fetch_all_pages(&client, &[("q", &prefix), ("sort", "-created_at")]).await;
    assert_eq!(ids(&newest), ids(&stated), "-created_at is the default");
}

#[tokio::test]
async fn a_user_created_while_paging_does_not_shift_pages() {
    let client = Client::from_env().await;
    let (prefix, users) = create_users(&client, 10).await;
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
    // The user may be an admin.
    let password = Client::admin_password();
    client.delete_admin(id(&gone), &password).await.expect(204);
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
async fn a_modified_or_forged_cursor_gets_422() {
    let client = Client::from_env().await;
    let (prefix, _) = create_users(&client, 3).await;
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
async fn a_cursor_is_bound_to_its_sort_and_filters() {
    let client = Client::from_env().await;
    let (prefix, _) = create_users(&client, 5).await;
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
async fn the_next_link_matches_the_next_cursor() {
    let client = Client::from_env().await;
    let (prefix, _) = create_users(&client, 5).await;
    let query = [
        ("q", prefix.as_str()),
        ("limit", "2"),
        ("sort", "-email"),
        ("is_active", "true"),
    ];
    let first = client.list(&query).await.expect(200);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    // The cursor contains the last email, which must not be readable in URLs and logs.
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&next).unwrap();
    let readable = String::from_utf8_lossy(&bytes);
    assert!(
        !readable.contains(&prefix) && !readable.contains("example.com"),
        "{readable}"
    );
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
    let linked = client.get_json(path).await;
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
async fn total_is_returned_only_on_request() {
    let client = Client::from_env().await;
    let (prefix, _) = create_users(&client, 5).await;
    let q = ("q", prefix.as_str());
    let page = client
        .list_json(&[q, ("limit", "2"), ("include_total", "true")])
        .await;
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
        let page = client.list_json(&parameters).await;
        assert!(page.get("total").is_none(), "{page}");
    }
    let none = client
        .list(&[("q", &unique()), ("include_total", "true")])
        .await
        .json();
    assert_eq!(none, json!({ "items": [], "next": null, "total": 0 }));
}
