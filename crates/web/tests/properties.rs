//! Property tests of cursors, tokens, page sizes and lists of entity tags.

// A failed expectation is the result that a test reports.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use accounts::pagination::PageSize;
use accounts::user::attributes::Attributes;
use accounts::{RootKey, SessionId, UserId};
use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use futures::executor::block_on;
use http::{HeaderValue, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;
use web::auth::access_token::{Signer, Verifier};
use web::config::Variables;
use web::extract::conditional::{IfMatch, IfNoneMatch};
use web::extract::parameter::parse_page_size;
use web::response::cursor::CursorKey;
use web::response::entity_tag::ETag;

/// Writes no file of seeds: a failing case belongs in a unit test.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn key(byte: u8) -> CursorKey {
    CursorKey::new(&RootKey::new(&[byte; 32]))
}

type Position = (String, u128);

fn token_keys(issuer: &str, audience: &str) -> (Signer, Verifier) {
    let variables = Variables::from_pairs([
        ("jwt_secret", "8c0b5f1e7a2d49c6b3e8f0a17d5c92e4"),
        ("jwt_issuer", issuer),
        ("jwt_audience", audience),
        ("access_token_minutes", "15"),
    ]);
    (
        Signer::read(&variables).unwrap(),
        Verifier::read(&variables).unwrap(),
    )
}

/// Parses a header line; the error is the status of the rejection.
fn read<T: FromRequestParts<(), Rejection = web::Problem>>(
    name: &str,
    value: &HeaderValue,
) -> Result<T, u16> {
    let request = Request::builder().header(name, value).body(()).unwrap();
    block_on(T::from_request_parts(&mut request.into_parts().0, &()))
        .map_err(|problem| problem.into_response().status().as_u16())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_cursor_opens_only_in_its_list(position: Position, context: String, other: String) {
        let cursor = key(7).seal(&position, &context).unwrap();
        prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        prop_assert_eq!(key(7).open::<Position>(&cursor, &context), Some(position));
        prop_assert_eq!(key(8).open::<Position>(&cursor, &context), None);
        if other != context {
            prop_assert_eq!(key(7).open::<Position>(&cursor, &other), None);
        }
    }

    #[test]
    fn a_modified_cursor_does_not_open(position: Position, at: prop::sample::Index, with in any::<char>()) {
        let cursor = key(7).seal(&position, "list").unwrap();
        let at = at.index(cursor.len());
        let bent = format!("{}{with}{}", &cursor[..at], &cursor[at + 1..]);
        let longer = format!("{}{with}{}", &cursor[..at], &cursor[at..]);
        for made_up in [bent, longer] {
            let opened = key(7).open::<Position>(&made_up, "list");
            prop_assert_eq!(opened.is_some(), made_up == cursor);
        }
    }

    #[test]
    fn arbitrary_text_is_not_a_cursor(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{0,200}"]) {
        prop_assert!(key(7).open::<serde_json::Value>(&text, "").is_none());
    }

    #[test]
    fn a_token_verifies_for_its_own_issuer_and_audience(
        user in uuid(),
        session in uuid().prop_map(SessionId),
        issuer in "\\PC{0,20}[a-z]",
        audience in "\\PC{0,20}[a-z]",
        other in "[A-Z]{1,5}",
    ) {
        let (signer, verifier) = token_keys(&issuer, &audience);
        let token = signer.sign(UserId(user), session, Attributes::default()).unwrap();
        let claims = verifier.verify(&token).unwrap();
        prop_assert_eq!((claims.user, claims.session), (UserId(user), session));
        prop_assert!(token_keys(&other, &audience).1.verify(&token).is_err());
        prop_assert!(token_keys(&issuer, &other).1.verify(&token).is_err());
    }

    #[test]
    fn a_modified_token_does_not_verify(user in uuid(), at: prop::sample::Index, with in any::<char>()) {
        let (signer, verifier) = token_keys("roster", "roster-api");
        let token = signer.sign(UserId(user), SessionId(user), Attributes::default()).unwrap();
        let at = at.index(token.len());
        let bent = format!("{}{with}{}", &token[..at], &token[at + 1..]);
        let longer = format!("{}{with}{}", &token[..at], &token[at..]);
        for made_up in [bent, longer] {
            prop_assert_eq!(verifier.verify(&made_up).is_ok(), made_up == token);
        }
    }

    #[test]
    fn arbitrary_text_is_not_a_token(text in prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_-]{0,80}(\\.[A-Za-z0-9_-]{0,80}){0,4}",
    ]) {
        prop_assert!(token_keys("roster", "roster-api").1.verify(&text).is_err());
    }

    #[test]
    fn a_limit_is_a_positive_number_or_rejected(digits in "[0-9]{1,25}") {
        let size = parse_page_size(&digits).ok().map(PageSize::get);
        let number: u128 = digits.parse().unwrap();
        let expected = (number > 0).then(|| i64::try_from(number.min(100)).unwrap());
        prop_assert_eq!(size, expected);
    }

    #[test]
    fn a_tag_matches_only_its_version(version: i64, other: i64) {
        let value = HeaderValue::from(ETag(version));
        prop_assert_eq!(read("if-match", &value), Ok(IfMatch::Versions(vec![version])));
        let none_match: IfNoneMatch = read("if-none-match", &value).unwrap();
        prop_assert!(none_match.has(ETag(version)));
        prop_assert_eq!(none_match.has(ETag(other)), version == other);
    }

    /// Tags are opaque: one that parses to the same number is another tag.
    #[test]
    fn a_list_of_tags_matches_exactly_its_versions(
        tags in vec((any::<bool>(), prop_oneof!["v[0-9]{1,3}", "v[+-]?[0-9 ]{1,3}", "[!#-~]{0,8}"]), 1..6),
        blanks in "[ \t]{0,2}",
    ) {
        let written: Vec<_> = tags
            .iter()
            .map(|(weak, tag)| format!("{}\"{tag}\"", if *weak { "W/" } else { "" }))
            .collect();
        let value = HeaderValue::from_str(&written.join(&format!("{blanks},{blanks}"))).unwrap();
        let version = |tag: &str| -> Option<i64> {
            let version = tag.strip_prefix('v')?.parse().ok()?;
            (format!("v{version}") == tag).then_some(version)
        };
        let strong = tags.iter().filter(|(weak, _)| !weak).filter_map(|(_, tag)| version(tag));
        prop_assert_eq!(read("if-match", &value), Ok(IfMatch::Versions(strong.collect())));
        let none_match: IfNoneMatch = read("if-none-match", &value).unwrap();
        for number in 0..1_000 {
            let listed = tags.iter().any(|(_, tag)| version(tag) == Some(number));
            prop_assert_eq!(none_match.has(ETag(number)), listed);
        }
    }

    #[test]
    fn any_other_header_is_malformed(bytes in prop_oneof![
        vec(any::<u8>(), 0..40),
        "[vW/\"*, 0-9]{0,20}".prop_map(String::into_bytes),
    ]) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            for status in [
                read::<IfMatch>("if-match", &value).err(),
                read::<IfNoneMatch>("if-none-match", &value).err(),
            ] {
                prop_assert!(status.is_none_or(|status| status == 400));
            }
        }
    }
}
