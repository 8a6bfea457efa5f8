//! Documented responses that no test has seen: a document that promises a response the app never sends
//! is wrong, too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::tools::workspace::{root, step};

/// Codes that need no coverage: `internal` (a bug by definition), `idempotency_key_in_flight` (two
/// requests meet only by chance), `malformed_request` and `request_timeout` (tests use a bare socket,
/// which records nothing).
const EXCEPT: [&str; 4] = [
    "idempotency_key_in_flight",
    "internal",
    "malformed_request",
    "request_timeout",
];

/// Checks that every documented response is in the notes of the suites, which are in `folder`.
///
/// # Errors
/// Names the responses that are missing.
pub fn check(folder: &Path) -> Result<()> {
    let document = fs::read(root().join("openapi/v1.json")).context("openapi/v1.json")?;
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let notes = fs::read_to_string(entry?.path())?;
        seen.extend(notes.lines().map(str::to_owned));
    }
    let unseen = unseen(&serde_json::from_slice(&document)?, &seen);
    if !unseen.is_empty() {
        bail!(
            "documented responses that no test has observed:\n  {}",
            unseen.join("\n  ")
        );
    }
    step(&format!(
        "tests have observed every documented response, {} kinds",
        seen.len()
    ));
    Ok(())
}

/// Requires every success of each operation, and every problem of any operation: most problems have one
/// source for all operations. Notes are `<operation> <status> <code or ->`.
fn unseen(document: &Value, seen: &BTreeSet<String>) -> Vec<String> {
    let anywhere: BTreeSet<_> = seen
        .iter()
        .filter_map(|note| note.split_once(' '))
        .collect();
    let problems: BTreeSet<_> = anywhere.into_iter().map(|(_, problem)| problem).collect();
    let mut unseen = BTreeSet::new();
    for operation in members(&document["paths"]).flat_map(|(_, item)| members(item)) {
        let name = operation.1["operationId"].as_str().unwrap_or_default();
        for (status, response) in members(&operation.1["responses"]) {
            let reference = response["$ref"]
                .as_str()
                .and_then(|text| text.strip_prefix('#'));
            let response = reference
                .and_then(|at| document.pointer(at))
                .unwrap_or(response);
            let examples = response.pointer("/content/application~1problem+json/examples");
            let codes = examples.into_iter().flat_map(members);
            let codes: Vec<_> = codes.map(|(code, _)| code).collect();
            if codes.is_empty() && !seen.contains(&format!("{name} {status} -")) {
                unseen.insert(format!("{name}: {status}"));
            }
            let missing = codes.into_iter().filter(|code| {
                !EXCEPT.contains(&code.as_str())
                    && !problems.contains(format!("{status} {code}").as_str())
            });
            unseen.extend(missing.map(|code| format!("any operation: {status} {code}")));
        }
    }
    unseen.into_iter().collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use super::unseen;
    use serde_json::json;

    #[test]
    fn successes_are_required_per_operation_and_problems_once() {
        let refusal = |code: &str| json!({ "content": { "application/problem+json": { "examples": { code: {} } } } });
        let document = json!({
            "paths": { "/users": {
                "get": { "operationId": "list", "responses": {
                    "200": {}, "304": {}, "401": { "$ref": "#/components/responses/no" },
                } },
                "post": { "operationId": "create", "responses": {
                    "201": {}, "401": { "$ref": "#/components/responses/no" },
                    "409": refusal("taken"), "500": refusal("internal"),
                } },
            } },
            "components": { "responses": { "no": refusal("unauthenticated") } },
        });
        let seen = ["list 200 -", "create 201 -", "list 401 unauthenticated"];
        let seen = seen.into_iter().map(str::to_owned).collect();
        assert_eq!(
            unseen(&document, &seen),
            ["any operation: 409 taken", "list: 304"]
        );
    }
}
