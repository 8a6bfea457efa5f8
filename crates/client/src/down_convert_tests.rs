//! Tests of the build script's conversion; they are here because cargo does not test build scripts.

use serde_json::{Value, json};

use crate::down_convert::down_convert;

fn schema(schema: Value) -> Value {
    let document = json!({ "paths": { "/x": { "schema": schema } } });
    down_convert(document)["paths"]["/x"]["schema"].clone()
}

#[test]
fn sets_version_3_0_and_removes_the_license_identifier() {
    let document = json!({
        "openapi": "3.1.0",
        "info": { "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" } },
    });
    let expected = json!({ "openapi": "3.0.3", "info": { "license": { "name": "Apache-2.0" } } });
    assert_eq!(down_convert(document), expected);
}

#[test]
fn null_types_become_nullable() {
    assert_eq!(
        schema(json!({ "type": ["string", "null"], "format": "uuid" })),
        json!({ "type": "string", "format": "uuid", "nullable": true })
    );
    let role = json!({ "$ref": "#/components/schemas/Role" });
    assert_eq!(
        schema(json!({ "oneOf": [role, { "type": "null" }] })),
        json!({ "allOf": [role], "nullable": true })
    );
    let choice = json!({ "oneOf": [role, { "type": "string" }] });
    assert_eq!(schema(choice.clone()), choice);
}

#[test]
fn value_constraints_are_removed() {
    let bounded = json!({
        "type": "string", "format": "email", "maxLength": 254, "minLength": 1, "pattern": "@",
        "example": "ada@example.com", "description": "kept",
    });
    assert_eq!(
        schema(bounded),
        json!({ "type": "string", "description": "kept" })
    );
    let number = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": 9 });
    assert_eq!(
        schema(number),
        json!({ "type": "integer", "format": "int64" })
    );
}

#[test]
fn properties_named_like_keywords_are_kept() {
    let object = json!({ "type": "object", "properties": {
        "example": { "type": "string" },
        "pattern": { "type": ["string", "null"] },
    } });
    let expected = json!({ "type": "object", "properties": {
        "example": { "type": "string" },
        "pattern": { "type": "string", "nullable": true },
    } });
    assert_eq!(schema(object), expected);
}

#[test]
fn enums_with_signed_values_become_strings() {
    let sort = json!({ "type": "string", "enum": ["email", "-email"], "default": "email" });
    assert_eq!(
        schema(sort),
        json!({ "type": "string", "default": "email" })
    );
}

#[test]
fn every_problem_becomes_json_of_one_schema() {
    let problem = json!({ "$ref": "#/components/schemas/Problem" });
    let narrowed = json!({ "allOf": [problem, { "type": "object" }] });
    let response = json!({ "content": { "application/problem+json": { "schema": narrowed } } });
    let expected = json!({ "content": { "application/json": { "schema": problem } } });
    assert_eq!(schema(response), expected);
}

#[test]
fn a_body_with_several_media_types_becomes_json() {
    let body = json!({ "content": {
        "application/json": { "schema": {} },
        "application/merge-patch+json": { "schema": {} },
    } });
    let expected = json!({ "content": { "application/json": { "schema": {} } } });
    assert_eq!(schema(body), expected);
    let form = json!({ "content": { "application/x-www-form-urlencoded": { "schema": {} } } });
    assert_eq!(schema(form.clone()), form);
}

#[test]
fn strings_are_inlined_and_enums_stay_shared() {
    let document = json!({
        "components": { "schemas": {
            "Email": { "type": "string", "format": "email" },
            "Role": { "type": "string", "enum": ["user", "admin"] },
            "User": { "properties": { "email": { "$ref": "#/components/schemas/Email" } } },
        } },
        "paths": { "/x": { "schema": { "type": "string", "enum": ["user", "admin"] } } },
    });
    let converted = down_convert(document);
    let expected = json!({ "schemas": {
        "Role": { "type": "string", "enum": ["user", "admin"] },
        "User": { "properties": { "email": { "type": "string" } } },
    } });
    assert_eq!(converted["components"], expected);
    assert_eq!(
        converted["paths"]["/x"]["schema"],
        json!({ "$ref": "#/components/schemas/Role" })
    );
}

#[test]
fn the_converted_document_has_no_3_1_constructs() {
    let document = include_str!("../../../openapi/v1.json");
    let converted = down_convert(serde_json::from_str(document).unwrap());
    let text = converted["paths"].to_string() + &converted["components"].to_string();
    for word in [
        "\"application/problem+json\":",
        "\"application/merge-patch+json\":",
        "\"null\"",
        "\"pattern\":",
    ] {
        assert!(!text.contains(word), "{word}");
    }
}
