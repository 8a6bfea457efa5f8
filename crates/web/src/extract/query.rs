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
    fn unknown_and_repeated_parameters_are_rejected_by_name() {
        assert!(refusal("limits=1").contains("#/limits"));
        assert!(refusal("limit=1&limit=2").contains("duplicate field `limit`"));
    }
}
