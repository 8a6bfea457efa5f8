//! Codes of problems as constants, collected from the document's narrowed problem schemas.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

/// Returns the source of one constant per code.
pub fn constants(document: &Value) -> String {
    let mut codes = BTreeSet::new();
    collect(document, &mut codes);
    codes.iter().fold(String::new(), |mut source, code| {
        let name = code.to_uppercase();
        // Writing to a string cannot fail.
        let _ = writeln!(source, "/// `{code}`\npub const {name}: &str = \"{code}\";");
        source
    })
}

fn collect(value: &Value, codes: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, codes)),
        Value::Object(object) => {
            let names = value.pointer("/properties/code/enum");
            let names = names.and_then(Value::as_array).into_iter().flatten();
            codes.extend(names.filter_map(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect(value, codes));
        }
        _ => {}
    }
}
