//! Kubernetes quantities: `200m`, `0.5`, `256Mi`.

use serde_json::Value;

const SUFFIXES: [(&str, u128); 10] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("m", 0),
    ("", 1),
];

/// Returns a quantity in thousandths, or `None` if it is invalid.
pub fn thousandths(value: &Value) -> Option<u128> {
    match value {
        Value::String(text) => parse(text),
        Value::Number(number) => parse(&number.to_string()),
        _ => None,
    }
}

fn parse(text: &str) -> Option<u128> {
    let (number, factor) = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))?;
    if factor == 0 {
        return number.parse().ok();
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 3 {
        return None;
    }
    let thousandths: u128 = format!("{whole}{fraction:0<3}").parse().ok()?;
    thousandths.checked_mul(factor)
}

/// Formats a quantity for people.
pub fn shown(thousandths: u128) -> String {
    let whole = thousandths / 1000;
    match () {
        () if !thousandths.is_multiple_of(1000) => format!("{thousandths}m"),
        () if whole >= 1 << 20 && whole.is_multiple_of(1 << 20) => format!("{}Mi", whole >> 20),
        () => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_parsed_and_formatted() {
        for (written, read, again) in [
            (json!("200m"), 200, "200m"),
            (json!("1"), 1000, "1"),
            (json!(2), 2000, "2"),
            (json!("0.5"), 500, "500m"),
            (json!("256Mi"), 268_435_456_000, "256Mi"),
            (json!("2Gi"), 2_147_483_648_000, "2048Mi"),
            (json!("1k"), 1_000_000, "1000"),
        ] {
            assert_eq!(thousandths(&written), Some(read), "{written}");
            assert_eq!(shown(read), again);
        }
        for wrong in [
            json!("much"),
            json!(""),
            json!("-1"),
            json!("1.5m"),
            json!(null),
            json!("Mi"),
        ] {
            assert_eq!(thousandths(&wrong), None, "{wrong}");
        }
    }
}
