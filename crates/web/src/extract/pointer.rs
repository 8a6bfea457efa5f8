//! Positions of errors in a request, as JSON pointers.

use serde_path_to_error::{Path, Segment};

/// Position of a serde error, as a JSON Pointer in URI fragment form (RFC 6901, section 6).
pub(crate) fn pointer(path: &Path, message: &str) -> String {
    let mut pointer = String::from("#");
    let mut push = |key: &str| {
        pointer.push('/');
        pointer.push_str(&bounded(key).replace('~', "~0").replace('/', "~1"));
    };
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => push(&index.to_string()),
            Segment::Map { key } => push(key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    // The path of a missing or duplicate field ends at its object; only the message names the field.
    let whole_object = ["missing field `", "duplicate field `"];
    let named = whole_object
        .iter()
        .find_map(|start| message.strip_prefix(start));
    if let Some((field, _)) = named.and_then(|rest| rest.split_once('`')) {
        push(field);
    }
    pointer
}

/// Truncates to 200 characters: messages quote the input, which may be long.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().take(200).collect()
}
