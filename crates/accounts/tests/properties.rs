//! Properties of the parsers for every input, not just for examples.

// A failed expectation is the result that a test reports.
#![allow(clippy::unwrap_used)]

use accounts::user::email::Email;
use accounts::user::full_name::FullName;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use utoipa::PartialSchema as _;

/// Runs many cheap cases. A failing case belongs in a unit test, not in a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Arbitrary text, text that resembles an address, and almost valid addresses.
fn email_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,70}@[ -~]{0,70}",
        "[a-zA-Z0-9.+'@\u{e9}\u{130}-]{1,66}@([a-zA-Z0-9-]{1,64}\\.){0,4}[a-zA-Z]{0,5}",
    ]
}

/// Addresses allowed by RFC 5321 and RFC 1123.
fn valid_email() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\\.[a-zA-Z0-9_-]{1,20}){0,2}@([a-zA-Z0-9]{1,20}(-[a-zA-Z0-9]{1,20})?\\.){1,3}[a-zA-Z]{2,10}"
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_parsed_email_is_lower_case_ascii_and_idempotent(text in email_text()) {
        if let Ok(email) = Email::parse(&text) {
            let kept = email.as_str();
            prop_assert_eq!(kept, text.to_ascii_lowercase());
            prop_assert!(kept.is_ascii() && kept.len() <= 254);
            prop_assert!(kept.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
            prop_assert_eq!(kept.matches('@').count(), 1);
            prop_assert_eq!(Email::parse(kept), Ok(email.clone()));
            prop_assert_eq!(Email::parse(&kept.to_ascii_uppercase()), Ok(email));
        }
    }

    #[test]
    fn valid_addresses_are_accepted_in_any_case(text in valid_email()) {
        let email = Email::parse(&text);
        prop_assert!(email.is_ok(), "{:?}", email);
        prop_assert_eq!(email, Email::parse(&text.to_ascii_uppercase()));
    }

    #[test]
    fn a_parsed_full_name_is_trimmed_bounded_and_idempotent(text in prop_oneof![any::<String>(), "\\s{0,3}\\PC{0,205}\\s{0,3}"]) {
        let trimmed: String = text.trim().nfc().collect();
        let is_short = text.chars().count() <= 200 && trimmed.chars().count() <= 200;
        let fits = !trimmed.is_empty() && is_short && !text.chars().any(char::is_control);
        let name = FullName::parse(&text);
        // A visible ASCII character is enough; for other names the document decides below.
        if !fits || text.contains(|c: char| c.is_ascii_graphic()) {
            prop_assert_eq!(name.is_ok(), fits);
        }
        if let Ok(name) = name {
            prop_assert_eq!(name.as_str(), &trimmed);
            prop_assert_eq!(FullName::parse(name.as_str()), Ok(name.clone()));
        }
    }
}

/// The document's pattern is written beside the parser, not derived from it.
#[test]
fn the_schema_and_the_parser_accept_the_same_names() {
    let schema = serde_json::to_value(FullName::schema()).unwrap();
    let document = jsonschema::validator_for(&schema).unwrap();
    let planes = ['\0'..='\u{1FFFF}', '\u{E0000}'..='\u{E0FFF}'];
    for character in planes.into_iter().flatten() {
        for name in [
            format!("{character}"),
            format!(" {character}\u{200B}"),
            format!("a{character}"),
        ] {
            let is_valid = document.is_valid(&serde_json::Value::from(name.as_str()));
            assert_eq!(is_valid, FullName::parse(&name).is_ok(), "{name:?}");
        }
    }
}
