//! Example values in place of a secret that has not been chosen yet.

/// Parts of such values. Each is long enough that a random secret contains it less than once in a
/// million.
const PARTS: [&str; 7] = [
    "change",
    "example",
    "insecure",
    "placeholder",
    "replace",
    "your-",
    "your_",
];

/// Returns true if the text contains such a part, in any case.
pub fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    PARTS.iter().any(|part| lower.contains(part))
}
