//! Attributes: merge patches on the locked row, the size, and filters.

use accounts::pagination::PageSize;
use accounts::user::attributes::AttributeFilter;
use accounts::user::attributes::schema::Schema;
use accounts::user::service::list::ListQuery;
use accounts::{Error, NewUser, Role, User, UserPatch};
use serde_json::{Map, Value, json};

use crate::fixture::{Fixture, actor};

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn patch(value: Value) -> UserPatch {
    UserPatch {
        attributes: Schema::default().patch_by(Role::Admin, map(value)).unwrap(),
        ..UserPatch::default()
    }
}

fn of(user: &User) -> Value {
    serde_json::to_value(&user.attributes).unwrap()
}

async fn create(fixture: &Fixture, email: &str, value: Value) -> User {
    let new = NewUser {
        attributes: Schema::default().new_attributes(map(value)).unwrap(),
        ..NewUser::parse(email, "Ada", None, None, None).unwrap()
    };
    fixture.users.create_user(new, None, actor()).await.unwrap()
}

#[tokio::test]
async fn merge_patches_follow_the_rfc() {
    let fixture = Fixture::new().await;
    // RFC 7396, appendix A, for objects; `x` is the result of the other cases.
    for (target, patched, expected) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        ),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
        (
            json!({"a": "b"}),
            json!({"a": {"b": [null]}}),
            json!({"a": {"b": [null]}}),
        ),
    ] {
        let email = format!("{}@b.example", uuid::Uuid::new_v4());
        let user = create(&fixture, &email, target).await;
        let updated = fixture.update_user(user.id, &patch(patched.clone())).await;
        assert_eq!(of(&updated.unwrap()), expected, "{patched}");
    }
}

#[tokio::test]
async fn a_change_is_one_event_and_no_change_is_none() {
    let fixture = Fixture::new().await;
    let ada = create(&fixture, "ada@b.example", json!({"a": 1, "gone": null})).await;
    assert_eq!(of(&ada), json!({"a": 1}));
    for same in [json!({"a": 1}), json!({"a": 1.0}), json!({"none": null})] {
        let user = fixture.update_user(ada.id, &patch(same)).await.unwrap();
        assert_eq!(user, ada);
    }
    let changed = fixture
        .update_user(ada.id, &patch(json!({"a": 2})))
        .await
        .unwrap();
    assert_eq!(changed.version, ada.version + 1);
    assert_eq!(
        fixture.actions().await,
        ["user_created", "attributes_changed"]
    );
}

#[tokio::test]
async fn concurrent_patches_of_different_attributes_are_both_kept() {
    let fixture = Fixture::new().await;
    let ada = create(&fixture, "ada@b.example", json!({})).await;
    let all = (0..8).map(|n| {
        let fixture = fixture.clone();
        async move {
            let name = format!("a{n}");
            fixture
                .update_user(ada.id, &patch(json!({ name: n })))
                .await
                .unwrap()
        }
    });
    futures::future::join_all(all).await;
    let user = fixture.users.get_user(ada.id).await.unwrap();
    assert_eq!(of(&user).as_object().unwrap().len(), 8);
}

#[tokio::test]
async fn the_size_bounds_the_result_of_a_patch() {
    let fixture = Fixture::new().await;
    let half = "x".repeat(5_000);
    let ada = create(&fixture, "ada@b.example", json!({"a": half})).await;
    let error = fixture
        .update_user(ada.id, &patch(json!({"b": half})))
        .await;
    let expected = Error::invalid("attributes", "must have at most 8 KiB as JSON");
    assert_eq!(error, Err(expected));
    assert_eq!(fixture.users.get_user(ada.id).await.unwrap(), ada);
    // Sizes of Postgres are never above those that are checked before.
    for value in [
        json!({"a": [1e300, 5e-324, 1.5, -0.0, 12345678901234567890_u64]}),
        json!({"a": "\u{1}\u{8}\u{c}\n\r\t\"\\\u{7f}\u{e9}\u{1f600}"}),
        json!({"a": {"b": [{}, [], [1, 2], {"c": true, "d": null}]}}),
        json!({"a": vec![1e300; 19]}),
    ] {
        create(
            &fixture,
            &format!("{}@b.example", uuid::Uuid::new_v4()),
            value,
        )
        .await;
    }
    let sql = "SELECT max(octet_length(attributes::text)) AS n FROM users WHERE email LIKE '%-%'";
    let rows = fixture.database.read(sql, vec![]).await.unwrap();
    assert!(rows[0].get::<i32>("n").unwrap() > 5_700);
    let large = map(json!({"a": vec![1e300; 30]}));
    assert!(Schema::default().new_attributes(large).is_err());
}

#[tokio::test]
async fn filters_select_exact_values() {
    let fixture = Fixture::new().await;
    for (email, value) in [
        ("a@b.example", json!({"department": "Sales", "level": 7})),
        ("b@b.example", json!({"department": "Sales", "level": "7"})),
        (
            "c@b.example",
            json!({"department": "sales", "remote": true}),
        ),
        ("d@b.example", json!({"department": ["Sales"]})),
        ("e@b.example", json!({})),
    ] {
        create(&fixture, email, value).await;
    }
    for (filters, expected) in [
        (vec![("department", "Sales")], "ab"),
        (vec![("level", "7")], "ab"),
        (vec![("level", "7.0")], "a"),
        (vec![("remote", "true")], "c"),
        (vec![("department", "Sales"), ("level", "8")], ""),
        (vec![("department", "' OR true --")], ""),
        (vec![("none", "null")], ""),
    ] {
        let filter = |(name, value): &(&str, &str)| AttributeFilter::parse(name, value).unwrap();
        let mut query = ListQuery {
            attributes: filters.iter().map(filter).collect(),
            ..ListQuery::default()
        };
        query.window.size = PageSize::MAX;
        let page = fixture.users.list_users(&query).await.unwrap();
        let mut found: Vec<_> = page.items.iter().map(|user| user.email.as_str()).collect();
        found.sort_unstable();
        let found: String = found.iter().map(|email| &email[..1]).collect();
        assert_eq!(found, expected, "{filters:?}");
    }
}
