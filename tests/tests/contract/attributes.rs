//! Attributes of users: definitions, merge patches, access, filters, and their way through exports and imports.

use blackbox::client::{ME, USERS, id, user_path};
use blackbox::person::claims;
use blackbox::service_account::ServiceAccount;
use blackbox::stack::Stack;
use blackbox::{Client, Person, Session, new_user, new_user_with, unique};
use reqwest::Method;
use serde_json::{Value, json};

const DEFINITIONS: &str = r#"{
    "type": "object",
    "properties": {
        "department": {"type": "string", "enum": ["Sales", "IT"], "x-token": true},
        "nickname": {"type": "string", "maxLength": 10, "x-write": "self"},
        "rating": {"type": "integer", "minimum": 1, "maximum": 5, "x-read": "admin"}
    },
    "additionalProperties": false
}"#;

async fn create(admin: &Client, attributes: &Value) -> Value {
    admin
        .created(&new_user_with("attributes", attributes.clone()))
        .await
}

/// Returns the pointers of the invalid values.
fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn attributes_are_patched_by_member_and_filtered_by_value() {
    let admin = Client::from_env().await;
    let department = unique();
    let ada = create(
        &admin,
        &json!({ "department": department, "tags": ["a", "b"], "gone": 1 }),
    )
    .await;
    assert_eq!(ada["attributes"]["tags"], json!(["a", "b"]));
    let patch =
        json!({ "attributes": { "gone": null, "tags": ["c"], "address": {"city": "Bonn"} } });
    let changed = admin.patch(id(&ada), &patch).await.expect(200).json();
    let expected = json!({ "department": department, "tags": ["c"], "address": {"city": "Bonn"} });
    assert_eq!(changed["attributes"], expected);
    assert_eq!(changed["version"], 2);
    let same = admin.patch(id(&ada), &patch).await.expect(200).json();
    assert_eq!(same["version"], 2);
    assert_eq!(admin.user(id(&ada)).await.json(), changed);
    let events = format!(
        "/api/v1/audit?target_id={}&action=attributes_changed",
        id(&ada)
    );
    assert_eq!(
        admin.get_json(&events).await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let other = create(&admin, &json!({ "department": department, "level": 7 })).await;
    for (query, found) in [
        (
            format!("attributes.department={department}"),
            vec![&other, &changed],
        ),
        (
            format!("attributes.department={department}&attributes.level=7"),
            vec![&other],
        ),
        (
            format!("attributes.department={department}&attributes.level=8"),
            vec![],
        ),
        (
            format!("attributes.department={department}&role=admin"),
            vec![],
        ),
    ] {
        let page = admin.get_json(&format!("{USERS}?{query}")).await;
        let items: Vec<_> = page["items"].as_array().unwrap().iter().collect();
        assert_eq!(items, found, "{query}");
    }
    let first = format!("{USERS}?attributes.department={department}&limit=1");
    let page = admin.get_json(&first).await;
    let next = page["next"].as_str().unwrap();
    let page = admin.get_json(&format!("{first}&cursor={next}")).await;
    assert_eq!(page["items"], json!([changed]));
    let foreign = format!("{USERS}?attributes.department=x&limit=1&cursor={next}");
    admin.get(&foreign).await.invalid("cursor");
    for bad in [
        "attributes.a.b=1",
        "attributes.=1",
        "attributes.2a=1",
        "attributes.a=%00",
    ] {
        admin
            .get(&format!("{USERS}?{bad}"))
            .await
            .invalid("attributes");
    }
    for bad in [
        "attributes=1",
        "attributes.a=1&attributes.a=2",
        "attribute.a=1",
    ] {
        admin
            .get(&format!("{USERS}?{bad}"))
            .await
            .problem(422, "invalid");
    }
}

#[tokio::test]
async fn invalid_attributes_change_nothing() {
    let admin = Client::from_env().await;
    let ada = create(&admin, &json!({ "a": "x".repeat(5_000) })).await;
    for (attributes, pointer) in [
        (json!({ "a b": 1 }), "#/attributes"),
        (json!({ "a": "\0" }), "#/attributes/a"),
        (json!({ "a": {"b\0": 1} }), "#/attributes/a"),
        (json!({ "b": "x".repeat(5_000) }), "#/attributes"),
        (json!({ "b": "x".repeat(9_000) }), "#/attributes"),
        (json!({ "b": vec![1e300; 40] }), "#/attributes"),
    ] {
        let body = json!({ "attributes": attributes, "full_name": "Changed" });
        let problem = admin.patch(id(&ada), &body).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), [pointer], "{problem}");
    }
    for attributes in [json!(null), json!("a"), json!([]), json!(7)] {
        let body = new_user_with("attributes", attributes.clone());
        let problem = admin.create(&body).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), ["#/attributes"], "{attributes}");
    }
    assert_eq!(admin.user(id(&ada)).await.json(), ada);
    // Together with other invalid values.
    let body = json!({ "attributes": {"a": "\0"}, "email": "none" });
    let problem = admin.patch(id(&ada), &body).await.problem(422, "invalid");
    assert_eq!(pointers(&problem), ["#/email", "#/attributes/a"]);
}

#[tokio::test]
async fn without_definitions_only_admins_write() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let body = json!({ "attributes": {"nickname": "Ada"} });
    ada.client
        .patch(&ada.id, &body)
        .await
        .problem(403, "forbidden");
    let me = ada.client.request(Method::PATCH, ME).json(&body);
    ada.client.send(me).await.problem(403, "forbidden");
    admin.patch(&ada.id, &body).await.expect(200);
    assert_eq!(
        ada.client.get_json(ME).await["attributes"],
        body["attributes"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_decide_values_writers_and_readers() {
    let stack = Stack::start_with(&[("user_attributes", DEFINITIONS)]).await;
    let admin = &stack.client;
    let ada = Person::create(admin).await;
    for (attributes, pointer) in [
        (json!({ "department": "HR" }), "#/attributes/department"),
        (json!({ "rating": 6 }), "#/attributes/rating"),
        (json!({ "unknown": 1 }), "#/attributes/unknown"),
    ] {
        let body = json!({ "attributes": attributes });
        let problem = admin.patch(&ada.id, &body).await.problem(422, "invalid");
        assert_eq!(pointers(&problem), [pointer], "{problem}");
        let created = new_user_with("attributes", attributes.clone());
        admin.create(&created).await.problem(422, "invalid");
    }
    let all = json!({ "department": "Sales", "rating": 3 });
    let changed = admin.patch(&ada.id, &json!({ "attributes": all })).await;
    assert_eq!(changed.expect(200).json()["attributes"], all);

    let mine = json!({ "attributes": {"nickname": "Countess"} });
    let visible = json!({ "department": "Sales", "nickname": "Countess" });
    let updated = ada.client.patch(&ada.id, &mine).await.expect(200).json();
    assert_eq!(updated["attributes"], visible);
    let own = user_path(&ada.id);
    let export = "/api/v1/users/me/export";
    assert_eq!(ada.client.get_json(&own).await["attributes"], visible);
    assert_eq!(ada.client.get_json(ME).await["attributes"], visible);
    assert_eq!(
        ada.client.get_json(export).await["user"]["attributes"],
        visible
    );
    for (path, body, status) in [
        (
            own.as_str(),
            json!({ "attributes": {"department": "IT"} }),
            403,
        ),
        (ME, json!({ "attributes": {"rating": null} }), 403),
        (
            ME,
            json!({ "attributes": {"nickname": "x".repeat(11)} }),
            422,
        ),
        (
            ME,
            json!({ "attributes": {"nickname": null}, "full_name": "Ada" }),
            200,
        ),
    ] {
        let request = ada.client.request(Method::PATCH, path).json(&body);
        ada.client.send(request).await.expect(status);
    }
    assert_eq!(admin.user(&ada.id).await.json()["attributes"], all);
    // Tokens contain the listed attributes as they were when it was signed, and introspection as they are.
    let session = ada.sign_in().await;
    let listed = |department: &str| json!({ "department": department });
    let signed = claims(session.client.token());
    assert_eq!(signed["attributes"], listed("Sales"));
    assert_eq!(session.client.get_json(ME).await["id"], ada.id);
    let body = json!({ "attributes": listed("IT") });
    admin.patch(&ada.id, &body).await.expect(200);
    let state = admin.introspect(session.client.token()).await;
    assert_eq!(state["attributes"], listed("IT"));
    let refreshed = Session::refreshed(&session.client, &session.refresh_token).await;
    let signed = claims(refreshed.client.token());
    assert_eq!(signed["attributes"], listed("IT"));
    // A service account reads and writes as an admin does.
    let service = ServiceAccount::create(admin, &["users:read", "users:write"]).await;
    let current = json!({ "department": "IT", "rating": 3 });
    let found = service.client.user(&ada.id).await.json();
    assert_eq!(found["attributes"], current);
    let body = json!({ "attributes": {"rating": 4} });
    service.client.patch(&ada.id, &body).await.expect(200);
}

#[tokio::test]
async fn exports_and_imports_keep_attributes() {
    let admin = Client::from_env().await;
    let mut line = new_user();
    line["attributes"] = json!({ "department": "Sales", "none": null });
    line["external_id"] = json!(unique());
    let mut bad = new_user();
    bad["attributes"] = json!({ "a b": 1 });
    let report = admin
        .post("/api/v1/users/import", &json!([line, bad]))
        .await;
    let report = report.expect(200).json();
    assert_eq!(
        (&report["created"], &report["rejected"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(report["results"][1]["errors"][0]["pointer"], "#/attributes");
    let found = format!(
        "{USERS}?external_id={}",
        line["external_id"].as_str().unwrap()
    );
    let user = admin.get_json(&found).await["items"][0].clone();
    assert_eq!(user["attributes"], json!({ "department": "Sales" }));
    let mut cursor = String::new();
    let exported = loop {
        let page = admin
            .get_json(&format!("/api/v1/users/export{cursor}"))
            .await;
        let items = page["items"].as_array().unwrap();
        if let Some(user) = items.iter().find(|item| item["id"] == user["id"]) {
            break user.clone();
        }
        cursor = format!("?cursor={}", page["next"].as_str().unwrap());
    };
    assert_eq!(exported["attributes"], user["attributes"]);
    let again = admin.post("/api/v1/users/import", &json!([exported])).await;
    assert_eq!(again.expect(200).json()["unchanged"], 1);
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_attributes() {
    let admin = Client::from_env().await;
    let body = new_user_with("attributes", json!({ "a": {"b": 1, "c": null} }));
    let key = unique();
    let send = async |body: &Value| {
        let request = admin.request(Method::POST, USERS).json(body);
        admin.send(request.header("idempotency-key", &key)).await
    };
    let first = send(&body).await.expect(201).json();
    assert_eq!(first["attributes"], json!({ "a": {"b": 1} }));
    assert_eq!(send(&body).await.expect(201).json(), first);
    let mut other = body.clone();
    other["attributes"] = json!({ "a": 2 });
    send(&other).await.problem(422, "idempotency_key_reused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_definition_is_reported_by_readiness() {
    let definitions = r#"{"properties": {"a": {"type": "string", "x-token": true}}}"#;
    let stack = Stack::start_signed_out(&[("user_attributes", definitions)]).await;
    let stack = stack.expect("a stack");
    let reply = stack.client.get("/api/v1/health/ready").await;
    reply.problem(503, "unavailable");
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("user_attributes"),
        "{reply}"
    );
}
