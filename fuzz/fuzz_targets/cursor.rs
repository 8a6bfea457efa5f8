//! Checks that a cursor opens only as it was sealed, and only in its own list.

#![no_main]

use std::sync::LazyLock;

use accounts::RootKey;
use accounts::user::service::list::Position;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;
use web::response::cursor::CursorKey;

static KEY: LazyLock<CursorKey> =
    LazyLock::new(|| CursorKey::new(&RootKey::new(&b"8c0b5f1e7a2d49c6".repeat(2))));
const LIST: &str = "users";

fuzz_target!(|input: (&str, &str, u128)| {
    let (text, context, id) = input;
    // Only the key can make a cursor, so the fuzzer's text opens in no list.
    assert!(KEY.open::<serde_json::Value>(text, LIST).is_none());

    let position = Position {
        key: text.to_owned(),
        id: Uuid::from_u128(id),
    };
    let cursor = KEY.seal(&position, LIST).expect("a cursor");
    assert_eq!(KEY.open(&cursor, LIST), Some(position));
    if context != LIST {
        assert_eq!(KEY.open::<Position>(&cursor, context), None);
    }

    // Replaces one character of the cursor with the fuzzer's text.
    let at = id as usize % cursor.len();
    let bent = format!("{}{context}{}", &cursor[..at], &cursor[at + 1..]);
    let opened = KEY.open::<Position>(&bent, LIST);
    assert_eq!(opened.is_some(), bent == cursor);
});
