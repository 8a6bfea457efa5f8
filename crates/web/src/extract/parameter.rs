//! Values of parameters, parsed from their text. Errors describe the expected value.

use std::str::FromStr;

use accounts::Error;
use accounts::error::FieldErrors;
use accounts::pagination::{PageSize, TimeOrder, TimeQuery, Window};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Parses the hyphenated form. `Uuid` also accepts braces and URNs, but each resource has one URL.
pub fn parse_uuid(text: &str) -> Result<Uuid, &'static str> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
    id.ok_or("must be a UUID in its hyphenated form")
}

pub fn parse_flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be `true` or `false`"),
    }
}

/// Parses a time in the years 1 to 9999 and converts it to UTC.
pub fn parse_time(text: &str) -> Result<OffsetDateTime, &'static str> {
    const WRONG: &str = "must be an RFC 3339 time such as 2026-01-31T12:00:00Z";
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| WRONG)?;
    time.checked_to_offset(time::UtcOffset::UTC)
        .filter(|time| time.year() >= 1)
        .ok_or(WRONG)
}

/// Parses digits; a number over the maximum is the maximum.
pub fn parse_page_size(text: &str) -> Result<PageSize, &'static str> {
    parse_size(text, PageSize::new)
}

/// Parses the page size of an export, by the same rules.
pub fn parse_export_size(text: &str) -> Result<PageSize, &'static str> {
    parse_size(text, PageSize::of_export)
}

fn parse_size(
    text: &str,
    capped: impl FnOnce(i64) -> Option<PageSize>,
) -> Result<PageSize, &'static str> {
    // Digits that overflow are still a number over the maximum.
    let number = is_digits(text).then(|| text.parse().unwrap_or(i64::MAX));
    let size = number.and_then(capped);
    size.ok_or("must be a whole number of at least 1")
}

/// Parses a number without a sign; `None` for other text, and for a number that `T` does not have.
pub fn parse_digits<T: FromStr>(text: &str) -> Option<T> {
    is_digits(text).then(|| text.parse().ok()).flatten()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub fn parse_time_order(text: &str) -> Result<TimeOrder, &'static str> {
    match text {
        "created_at" => Ok(TimeOrder::OldestFirst),
        "-created_at" => Ok(TimeOrder::NewestFirst),
        _ => Err("must be created_at or -created_at"),
    }
}

/// Returns the first page, with the default size and without a total if they are not given.
pub fn first_page(limit: Option<PageSize>, include_total: Option<bool>) -> Window {
    Window {
        size: limit.unwrap_or_default(),
        include_total: include_total.unwrap_or_default(),
        after: None,
    }
}

/// Parses the parameters of a list that is ordered by time and has no filters.
pub fn parse_time_query(
    limit: Option<&str>,
    sort: Option<&str>,
    include_total: Option<&str>,
) -> Result<TimeQuery, Error> {
    let mut errors = FieldErrors::default();
    let limit = errors.parse("limit", limit, parse_page_size);
    let sort = errors.parse("sort", sort, parse_time_order);
    let include_total = errors.parse("include_total", include_total, parse_flag);
    errors.finish(Some(TimeQuery {
        sort: sort.unwrap_or_default(),
        window: first_page(limit, include_total),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_capped_at_the_maximum_and_rejected_below_one() {
        for (text, size) in [
            ("1", 1),
            ("100", 100),
            ("101", 100),
            ("99999999999999999999", 100),
        ] {
            assert_eq!(parse_page_size(text).unwrap().get(), size, "{text}");
        }
        assert_eq!(parse_export_size("1001").unwrap().get(), 1_000);
        for text in ["0", "-1", "", "1.5", "abc", "+5"] {
            assert!(parse_page_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        assert!(parse_time("2026-01-31T12:00:00+02:00").is_ok());
        for bad in ["2026-01-31", "now", "", "2026-13-01T00:00:00Z", "infinity"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_invalid_parameters_are_reported_at_once() {
        let error = parse_time_query(Some("0"), Some("name"), Some("1")).unwrap_err();
        let Error::Invalid(errors) = error else {
            panic!("{error:?}")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["limit", "sort", "include_total"]);
        assert_eq!(parse_time_query(None, None, None), Ok(TimeQuery::default()));
    }
}
