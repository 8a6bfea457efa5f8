//! Changes that break clients, and changes that do not.

use serde_json::{Value, json};

use super::changes;

fn document() -> Value {
    json!({
        "paths": { "/users": {
            "get": {
                "parameters": [
                    { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1 } },
                    { "$ref": "#/components/parameters/id" },
                ],
                "responses": {
                    "200": {
                        "headers": { "Link": {} },
                        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/User" } } },
                    },
                    "304": {},
                },
            },
            "post": {
                "requestBody": { "required": true, "content": { "application/json": { "schema": {
                    "type": "object",
                    "required": ["email"],
                    "properties": {
                        "email": { "type": "string", "maxLength": 254 },
                        "role": { "type": "string", "enum": ["user", "admin"] },
                    },
                } } } },
                "responses": { "201": {} },
            },
        } },
        "components": {
            "parameters": { "id": { "name": "id", "in": "header", "schema": { "type": "string" } } },
            "schemas": { "User": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {
                    "id": { "type": "string" },
                    "name": { "type": "string" },
                    "tags": { "type": "array", "items": { "type": "string" } },
                },
            } },
        },
    })
}

/// Returns the changes reported after setting `value` at `pointer`; `None` removes the member.
fn after(pointer: &str, value: Option<Value>) -> Vec<String> {
    let mut new = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = new.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name, value),
        None => parent.remove(&name),
    };
    changes(&document(), &new)
}

const LIST: &str = "/paths/~1users/get";
const BODY: &str = "/paths/~1users/post/requestBody/content/application~1json/schema";
const USER: &str = "/components/schemas/User";

#[test]
fn reports_removals() {
    for (pointer, said) in [
        ("/paths/~1users", "GET /users: removed"),
        (LIST, "GET /users: removed"),
        (
            &format!("{LIST}/responses/304"),
            "GET /users: response 304 was removed",
        ),
        (
            &format!("{LIST}/responses/200/headers/Link"),
            "GET /users: response 200: header Link was removed",
        ),
        (
            &format!("{LIST}/parameters"),
            "GET /users: parameter limit (query) was removed",
        ),
        (
            &format!("{USER}/properties/name"),
            "GET /users: response 200, application/json.name was removed",
        ),
        (
            &format!("{BODY}/properties/role"),
            "POST /users: body, application/json.role was removed",
        ),
    ] {
        let found = after(pointer, None);
        assert!(
            found.iter().any(|line| line == said),
            "{pointer}: {found:?}"
        );
    }
}

#[test]
fn reports_stricter_requests() {
    let at = |rest: &str| format!("{BODY}/{rest}");
    for (pointer, value, said) in [
        (
            at("required"),
            json!(["email", "role"]),
            "role is now required",
        ),
        (
            at("properties/email/maxLength"),
            json!(100),
            "email: maxLength is stricter",
        ),
        (
            at("properties/email/pattern"),
            json!("@"),
            "email: now requires the pattern \"@\"",
        ),
        (
            at("properties/email/type"),
            json!("integer"),
            "email: the type changed from [\"string\"] to [\"integer\"]",
        ),
        (
            at("properties/role/enum"),
            json!(["user"]),
            "role: \"admin\" is no longer allowed",
        ),
    ] {
        let said = format!("POST /users: body, application/json.{said}");
        assert_eq!(after(&pointer, Some(value)), [said], "{pointer}");
    }
    let secured = after(&format!("{LIST}/security"), Some(json!([{ "bearer": [] }])));
    assert_eq!(secured, ["GET /users: now requires a token"]);
}

#[test]
fn reports_weaker_responses() {
    let at = |rest: &str| format!("{USER}/{rest}");
    let name = "GET /users: response 200, application/json";
    assert_eq!(
        after(&at("required"), Some(json!(["id"]))),
        [format!("{name}.name is no longer always present")]
    );
    assert_eq!(
        after(&at("properties/name/type"), Some(json!(["string", "null"]))),
        [format!(
            "{name}.name: the type changed from [\"string\"] to [\"string\", \"null\"]"
        )]
    );
    assert_eq!(
        after(&at("properties/tags/items/type"), Some(json!("integer"))),
        [format!(
            "{name}.tags[]: the type changed from [\"string\"] to [\"integer\"]"
        )]
    );
}

#[test]
fn additions_and_relaxations_are_compatible() {
    for (pointer, value) in [
        ("/paths/~1teams", json!({ "get": { "responses": {} } })),
        (&format!("{LIST}/responses/410"), json!({})),
        (
            &format!("{USER}/properties/age"),
            json!({ "type": "integer" }),
        ),
        (
            &format!("{BODY}/properties/age"),
            json!({ "type": "integer" }),
        ),
        (&format!("{BODY}/properties/email/maxLength"), json!(1000)),
        (
            &format!("{BODY}/properties/email/type"),
            json!(["string", "null"]),
        ),
        (
            &format!("{BODY}/properties/role/enum"),
            json!(["user", "admin", "guest"]),
        ),
        (&format!("{BODY}/required"), json!([])),
    ] {
        let found = after(pointer, Some(value));
        assert!(found.is_empty(), "{pointer}: {found:?}");
    }
    assert!(changes(&document(), &document()).is_empty());
}
