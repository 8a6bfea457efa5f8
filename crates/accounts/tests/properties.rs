//! What holds for every input of the parsers, not just for examples.

// Here a failed expectation is the result that a test reports.
#![allow(clippy::unwrap_used)]

use accounts::email::Email;
use accounts::full_name::FullName;
use accounts::users::list::{ListParameters, ListQuery, Sort};
use proptest::option::of;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;
use utoipa::PartialSchema as _;

/// Many cheap cases; what fails belongs in a unit test, not in a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Anything, what looks like an address, and what almost is one.
fn email_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,70}@[ -~]{0,70}",
        "[a-zA-Z0-9.+'@\u{e9}\u{130}-]{1,66}@([a-zA-Z0-9-]{1,64}\\.){0,4}[a-zA-Z]{0,5}",
    ]
}

/// What RFC 5321 and RFC 1123 allow.
fn valid_email() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\\.[a-zA-Z0-9_-]{1,20}){0,2}@([a-zA-Z0-9]{1,20}(-[a-zA-Z0-9]{1,20})?\\.){1,3}[a-zA-Z]{2,10}"
}

/// The parameters of a list, each absent half the time, from what may be said of each.
fn parameters_from(
    text: impl Fn(&'static str) -> BoxedStrategy<String>,
) -> impl Strategy<Value = ListParameters> {
    let limits = of(text("[0-9]{1,3}"));
    let sort = of(text("-?(created_at|updated_at|email|full_name)"));
    let email = of(text("[aA]@b\\.example"));
    let role = of(text("(user|admin)"));
    let flags = (of(text("(true|false)")), of(text("(true|false)")));
    let q = of(text("[ab ]{1,2}"));
    let time = "2026-01-0[1-9]T0[0-2]:00:00(\\.0[0-9]{1,9})?(Z|[+-]0[0-2]:00)";
    let times = (of(text(time)), of(text(time)));
    (limits, sort, email, role, flags, q, times).prop_map(
        |(limit, sort, email, role, (is_active, include_total), q, (after, before))| {
            ListParameters {
                limit,
                sort,
                email,
                role,
                is_active,
                q,
                created_after: after,
                created_before: before,
                include_total,
            }
        },
    )
}

/// Lists that make sense for the most part, and often the same one.
fn sound_parameters() -> impl Strategy<Value = ListParameters> {
    parameters_from(|pattern| pattern.boxed())
}

/// Lists with a value here and there that makes no sense.
fn wild_parameters() -> impl Strategy<Value = ListParameters> {
    parameters_from(|pattern| prop_oneof![9 => pattern, 1 => any::<String>()].boxed())
}

/// What a list is of, apart from its page.
fn filters(query: &ListQuery) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        query.sort,
        query.email.clone(),
        query.role,
        query.is_active,
        query.prefix.clone(),
        query.created_after,
        query.created_before,
    )
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_email_is_ascii_lower_case_and_parses_as_itself(text in email_text()) {
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
    fn valid_addresses_are_taken_in_any_case(text in valid_email()) {
        let email = Email::parse(&text);
        prop_assert!(email.is_ok(), "{:?}", email);
        prop_assert_eq!(email, Email::parse(&text.to_ascii_uppercase()));
    }

    #[test]
    fn a_full_name_is_trimmed_bounded_and_parses_as_itself(text in prop_oneof![any::<String>(), "\\s{0,3}\\PC{0,205}\\s{0,3}"]) {
        let trimmed: String = text.trim().nfc().collect();
        let is_short = text.chars().count() <= 200 && trimmed.chars().count() <= 200;
        let fits = !trimmed.is_empty() && is_short && !text.chars().any(char::is_control);
        let name = FullName::parse(&text);
        // A name with a visible ASCII character shows something; of others the document decides below.
        if !fits || text.contains(|c: char| c.is_ascii_graphic()) {
            prop_assert_eq!(name.is_ok(), fits);
        }
        if let Ok(name) = name {
            prop_assert_eq!(name.as_str(), &trimmed);
            prop_assert_eq!(FullName::parse(name.as_str()), Ok(name.clone()));
        }
    }

    #[test]
    fn a_list_is_within_its_bounds(parameters in wild_parameters()) {
        if let Ok(query) = ListQuery::parse(&parameters) {
            prop_assert!((1..=100).contains(&query.limit));
            prop_assert!(query.after.is_none());
            let prefix = parameters.q.as_deref().map(|q| q.trim().nfc().collect::<String>());
            prop_assert_eq!(&query.prefix, &prefix);
            for time in [query.created_after, query.created_before].into_iter().flatten() {
                prop_assert!(time.offset().is_utc() && (1..=9999).contains(&time.year()), "{}", time);
            }
        }
    }

    #[test]
    fn a_limit_is_a_number_or_refused(digits in "[0-9]{1,25}") {
        let parameters = ListParameters { limit: Some(digits.clone()), ..ListParameters::default() };
        let limit = ListQuery::parse(&parameters).ok().map(|query| query.limit);
        let number: u128 = digits.parse().unwrap();
        let expected = (number > 0).then(|| i64::try_from(number.min(100)).unwrap());
        prop_assert_eq!(limit, expected);
    }

    #[test]
    fn a_sort_is_one_of_eight(text in prop_oneof!["-?[a-z_]{0,12}", any::<String>()]) {
        let known = ["created_at", "updated_at", "email", "full_name"];
        let name = text.strip_prefix('-').unwrap_or(&text);
        let sort = Sort::parse(&text);
        prop_assert_eq!(sort.is_ok(), known.contains(&name));
        if let Ok(sort) = sort {
            prop_assert_eq!(sort.descending, text.starts_with('-'));
        }
    }

    /// A cursor is bound to the context: lists that differ must not share one.
    #[test]
    fn the_context_is_the_list_without_its_page(
        one in sound_parameters(),
        change in sound_parameters(),
        what in 0..8_u8,
    ) {
        // Two lists of nine random parameters would always differ: change one.
        let mut other = one.clone();
        match what {
            0 => other.sort = change.sort,
            1 => other.email = change.email,
            2 => other.role = change.role,
            3 => other.is_active = change.is_active,
            4 => other.q = change.q,
            5 => other.created_after = change.created_after,
            6 => other.created_before = change.created_before,
            _ => (other.limit, other.include_total) = (change.limit, change.include_total),
        }
        if let (Ok(one), Ok(other)) = (ListQuery::parse(&one), ListQuery::parse(&other)) {
            let same = filters(&one) == filters(&other);
            prop_assert_eq!(one.context() == other.context(), same);
            let mut page = one.clone();
            (page.limit, page.include_total) = (other.limit, other.include_total);
            prop_assert_eq!(page.context(), one.context());
        }
    }
}

/// The document's pattern is written beside the parser, not derived from it.
#[test]
fn the_document_refuses_the_names_that_the_parser_refuses() {
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
