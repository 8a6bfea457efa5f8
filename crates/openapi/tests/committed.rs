//! Checks that the committed document matches the code and breaks no client of the released one.

#![allow(clippy::unwrap_used)]

use openapi::{breaking, difference};
use serde_json::Value;

const COMMITTED: &str = include_str!("../../../openapi/v1.json");
const RELEASED: &str = include_str!("../../../openapi/released.json");

#[test]
fn the_committed_document_matches_the_code() {
    let text = openapi::text().unwrap();
    let (committed, current): (Value, Value) = (
        serde_json::from_str(COMMITTED).unwrap(),
        serde_json::from_str(&text).unwrap(),
    );
    let differences = difference::differences(&committed, &current);
    assert!(
        differences.is_empty() && text == COMMITTED,
        "openapi/v1.json does not match the code; if the change is intended, run `cargo xtask openapi`:\n{}",
        differences.join("\n")
    );
}

#[test]
fn the_document_is_compatible_with_the_last_release() {
    let released = serde_json::from_str(RELEASED).unwrap();
    let changes = breaking::changes(&released, &openapi::json().unwrap());
    assert!(
        changes.is_empty(),
        "clients of the released API would break:\n{}",
        changes.join("\n")
    );
}
