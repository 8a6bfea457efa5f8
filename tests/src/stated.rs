//! Comparison of a response with the one that a document states.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Ending of a value of which a document states only the beginning.
const ABBREVIATED: &str = "...";

/// Returns the differences between the JSON that a document states and an actual response: other members or
/// another order of them, and other values. UUIDs, times and abbreviated values are compared by their form.
///
/// # Panics
/// If one of the texts is not JSON.
pub fn differences(stated: &str, actual: &str) -> Vec<String> {
    let parse = |text: &str| {
        serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let mut found = Vec::new();
    compare(&parse(stated), &parse(actual), "", &mut found);
    let (stated, actual) = (members(stated), members(actual));
    if found.is_empty() && stated != actual {
        found.push(format!("the order is {actual:?}, not {stated:?}"));
    }
    found
}

fn compare(stated: &Value, actual: &Value, at: &str, found: &mut Vec<String>) {
    match (stated, actual) {
        (Value::Object(stated), Value::Object(actual)) => {
            for (name, value) in stated {
                match actual.get(name) {
                    Some(actual) => compare(value, actual, &format!("{at}/{name}"), found),
                    None => found.push(format!("the response has no {at}/{name}")),
                }
            }
            let unstated = actual.keys().filter(|name| !stated.contains_key(*name));
            found.extend(unstated.map(|name| format!("the document has no {at}/{name}")));
        }
        (Value::Array(stated), Value::Array(actual)) if stated.len() == actual.len() => {
            for (index, (stated, actual)) in stated.iter().zip(actual).enumerate() {
                compare(stated, actual, &format!("{at}/{index}"), found);
            }
        }
        (Value::String(stated), Value::String(actual)) if same_form(stated, actual) => {}
        _ if stated == actual => {}
        _ => found.push(format!("{at} is {actual}, not {stated}")),
    }
}

/// Returns true for two UUIDs of one version, two times in UTC, and an abbreviated value beside a longer one that has a
/// character of base64url for each letter and digit, and otherwise the same characters.
fn same_form(stated: &str, actual: &str) -> bool {
    let uuid = |text: &str| Uuid::parse_str(text).ok().map(|id| id.get_version_num());
    let time = |text: &str| {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Some(time.offset().is_utc())
    };
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_same = |(stated, actual): (char, char)| {
        stated == actual || (stated.is_ascii_alphanumeric() && is_base64url(actual))
    };
    if let Some(beginning) = stated.strip_suffix(ABBREVIATED) {
        return actual.len() > beginning.len()
            && beginning.chars().zip(actual.chars()).all(is_same);
    }
    (uuid(stated).is_some() && uuid(stated) == uuid(actual))
        || (time(stated).is_some() && time(stated) == time(actual))
}

/// Returns the names of all members, in the order of the text.
fn members(json: &str) -> Vec<&str> {
    assert!(!json.contains('\\'), "escaped characters: {json}");
    // Strings are every second part between quotation marks.
    let parts: Vec<_> = json.split('"').collect();
    let strings = parts.chunks(2).filter_map(|pair| pair.get(1));
    let rests = parts.chunks(2).skip(1).map(|pair| pair[0]);
    let named = strings.zip(rests);
    let named = named.filter(|(_, rest)| rest.trim_start().starts_with(':'));
    named.map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::{differences, members};

    const STATED: &str = r##"{"id":"01a219af-980e-761d-bc66-bed0d3adb8ef","at":"2026-11-26T21:07:47.858671Z",
        "token":"01a2-b3c...","status":422,"errors":[{"pointer":"#/a","detail":"b"}]}"##;
    const ACTUAL: &str = r##"{"id":"01b00000-0000-7000-8000-000000000000","at":"2027-01-01T00:00:00Z",
        "token":"ffff-f_-f","status":422,"errors":[{"pointer":"#/a","detail":"b"}]}"##;

    #[test]
    fn ids_times_and_abbreviated_values_are_compared_by_form() {
        assert_eq!(differences(STATED, ACTUAL), [""; 0]);
        for (from, to) in [
            ("01b00000-0000-7", "01b00000-0000-4"),
            ("01b00000-", "01b00000"),
            ("2027-01-01T00", "2027-01-01"),
            ("00:00:00Z", "00:00:00+01:00"),
            ("ffff-f_-f", "ffffff_-f"),
            ("ffff-f_-f", "ffff-f_-"),
        ] {
            let found = differences(STATED, &changed(ACTUAL, from, to));
            assert_eq!(found.len(), 1, "{to}: {found:?}");
        }
    }

    #[test]
    fn other_members_orders_and_values_are_reported() {
        for (from, to, report) in [
            ("\"status\":422,", "", "the response has no /status"),
            ("422,", "422,\"more\":1,", "the document has no /more"),
            ("422", "\"422\"", "/status is \"422\", not 422"),
            ("\"b\"}", "\"c\"}", "/errors/0/detail is \"c\", not \"b\""),
            ("\"b\"}", "\"b\"},{}", "/errors is"),
            (
                "\"errors\":[{",
                "\"errors\":[{\"code\":0,",
                "the document has no /errors/0/code",
            ),
            (
                "\"pointer\":\"#/a\",\"detail\":\"b\"",
                "\"detail\":\"b\",\"pointer\":\"#/a\"",
                "the order is",
            ),
        ] {
            let found = differences(STATED, &changed(ACTUAL, from, to));
            assert!(
                found.len() == 1 && found[0].starts_with(report),
                "{report}: {found:?}"
            );
        }
    }

    #[test]
    fn members_are_listed_with_those_of_inner_objects() {
        let json = r#"{"a": "b", "c": {"d" : [{"e": "f:"}, "g"]}, "h": 1}"#;
        assert_eq!(members(json), ["a", "c", "d", "e", "h"]);
    }

    fn changed(text: &str, from: &str, to: &str) -> String {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    }
}
