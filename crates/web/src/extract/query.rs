//! Strict query strings: an unknown or repeated parameter is rejected, not ignored.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::extract::pointer::{bounded, pointer};
use crate::response::problem::InvalidValue;

/// The parameters of the query string; `T` denies unknown fields and takes text.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// The parameters of a query string, and those whose names begin with `prefix`, as pairs of the rest of the name and the
/// value.
///
/// # Errors
/// As [`Query`].
pub fn with_prefixed<T: DeserializeOwned>(
    query: &str,
    prefix: &str,
) -> Result<(T, Vec<(String, String)>), Problem> {
    let mut others = form_urlencoded::Serializer::new(String::new());
    let mut prefixed: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let Some(rest) = name.strip_prefix(prefix) else {
            others.append_pair(&name, &value);
            continue;
        };
        if prefixed.iter().any(|(known, _)| known == rest) {
            let name = bounded(&name);
            let detail = format!("duplicate field `{name}`");
            return Err(Problem::invalid([InvalidValue::new(
                format!("#/{name}"),
                detail,
            )]));
        }
        prefixed.push((rest.to_owned(), value.into_owned()));
    }
    Ok((parse(others.finish().as_bytes())?, prefixed))
}

/// Parses the pairs of a query string or a form.
pub(crate) fn parse<T: DeserializeOwned>(pairs: &[u8]) -> Result<T, Problem> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(pairs));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let detail = bounded(&error.inner().to_string());
        Problem::invalid([InvalidValue::new(pointer(error.path(), &detail), detail)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Parameters {
        limit: Option<String>,
    }

    fn refusal(query: &str) -> String {
        let problem = parse::<Parameters>(query.as_bytes()).unwrap_err();
        String::from_utf8(problem.render("/", "r")).unwrap()
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(
            parse::<Parameters>(b"limit=a%20b+c")
                .unwrap()
                .limit
                .unwrap(),
            "a b c"
        );
        assert!(parse::<Parameters>(b"").unwrap().limit.is_none());
    }

    #[test]
    fn prefixed_parameters_are_separate_and_not_repeated() {
        let parse = |query| with_prefixed::<Parameters>(query, "a.");
        let (parameters, prefixed) = parse("a.b=1&limit=2&a.c=x%26y").unwrap();
        assert_eq!(parameters.limit.as_deref(), Some("2"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(prefixed, [pair("b", "1"), pair("c", "x&y")]);
        for bad in ["a.b=1&a.b=2", "ab=1", "limit=1&limit=2"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_rejected_by_name() {
        assert!(refusal("limits=1").contains("#/limits"));
        assert!(refusal("limit=1&limit=2").contains("duplicate field `limit`"));
    }
}
