//! Strict extractors for JSON and form bodies: media type, size, syntax, then shape, each with its own
//! problem document.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use crate::Problem;
use crate::config::deadline::within;
use crate::extract::pointer::{bounded, pointer};
use crate::extract::query;
use crate::response::problem::{InvalidValue, too_large};

/// Maximum size of a request body in bytes, except that of [`super::lines`].
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Deadline of a request body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

pub(super) const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// Names of UTF-8 and of its subset ASCII.
const CHARSETS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];
/// Header with the media types that a PATCH accepts (RFC 5789, section 3.1).
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// A body of type `application/json`.
pub struct Json<T>(pub T);

/// A body of type `application/json`, or none.
pub struct OptionalJson<T>(pub Option<T>);

/// A JSON merge patch (RFC 7396), as `application/merge-patch+json` or `application/json`.
pub struct MergePatch<T>(pub T);

/// A form, as in the OAuth2 password grant.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !has_media_type(request.headers(), &[FORM]) {
            return Err(not_a_form());
        }
        query::parse(&read(request).await?).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !has_media_type(request.headers(), &[JSON]) {
            return Err(not_json());
        }
        Ok(Self(parse(&read(request).await?)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let is_json = has_media_type(request.headers(), &[JSON]);
        let bytes = read(request).await?;
        match bytes.is_empty() {
            // Client libraries send a Content-Type even without a body.
            true => Ok(Self(None)),
            false if is_json => Ok(Self(Some(parse(&bytes)?))),
            false => Err(not_json()),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        if !has_media_type(request.headers(), &[MERGE_PATCH, JSON]) {
            return Err(not_a_merge_patch());
        }
        Ok(Self(parse(&read(request).await?)?))
    }
}

pub(crate) fn not_a_form() -> Problem {
    unsupported("Send the body as application/x-www-form-urlencoded.")
        .with_header(ACCEPT, HeaderValue::from_static(FORM))
}

pub(crate) fn not_json() -> Problem {
    unsupported("Send the body as application/json.")
        .with_header(ACCEPT, HeaderValue::from_static(JSON))
}

pub(crate) fn not_a_merge_patch() -> Problem {
    let accepted = HeaderValue::from_static("application/merge-patch+json, application/json");
    unsupported("Send the changes as application/merge-patch+json.")
        .with_header(ACCEPT_PATCH, accepted)
}

/// Returns 415 for a body with a Content-Encoding (RFC 9110, section 15.5.16).
pub(crate) fn coded() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_content_encoding",
        "Send the body without a Content-Encoding.",
    )
    .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
}

pub(super) fn unsupported(detail: &'static str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}

/// Returns true if there is one Content-Type, it is among `accepted`, and its charset, if any, is UTF-8 or
/// its subset ASCII (RFC 8259).
pub(super) fn has_media_type(headers: &HeaderMap, accepted: &[&str]) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let parameters_fit = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            let charset = charset.trim().trim_matches('"');
            CHARSETS
                .iter()
                .any(|name| charset.eq_ignore_ascii_case(name))
        }
        _ => true,
    });
    parameters_fit
        && accepted
            .iter()
            .any(|name| media_type.eq_ignore_ascii_case(name))
}

/// Reads the whole body, up to [`MAX_BODY_BYTES`].
async fn read(request: Request) -> Result<Bytes, Problem> {
    read_up_to(request, MAX_BODY_BYTES, too_large).await
}

/// Reads the whole body, up to `limit` bytes; a longer one is `too_large`. It is rejected before it is read if its
/// Content-Length shows it. An encoded body is rejected: the limit would not bound its decoded size.
pub(super) async fn read_up_to(
    request: Request,
    limit: usize,
    too_large: fn() -> Problem,
) -> Result<Bytes, Problem> {
    let codings = request.headers().get_all(CONTENT_ENCODING);
    let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !codings.iter().all(is_plain) {
        return Err(coded());
    }
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if declared
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|n| n > limit as u64)
    {
        return Err(too_large());
    }
    let body = to_bytes(request.into_body(), limit);
    let body = within(BODY_DEADLINE, body).await.ok_or_else(too_slow)?;
    body.map_err(|error| {
        let source = std::error::Error::source(&error);
        if source.is_some_and(|source| source.is::<LengthLimitError>()) {
            too_large()
        } else {
            incomplete()
        }
    })
}

/// Returns 408: a client that stops sending would occupy the request, and its place in the instance, forever.
pub(crate) fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request_timeout",
        "The request body was not complete within 10 seconds.",
    )
}

pub(crate) fn incomplete() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_request",
        "The request body ended before it was complete.",
    )
}

/// Parses a JSON object: 400 if the syntax is invalid, 422 if the JSON has another shape.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    require_object(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        refuse(
            pointer(error.path(), &error.inner().to_string()),
            error.inner(),
        )
    })?;
    deserializer
        .end()
        .map_err(|error| refuse(String::from("#"), &error))?;
    Ok(value)
}

/// Rejects JSON other than an object. Derived structs also accept arrays, by position.
fn require_object(bytes: &[u8]) -> Result<(), Problem> {
    let first = bytes.iter().find(|byte| !b" \t\r\n".contains(byte));
    if first == Some(&b'{') {
        return Ok(());
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
        .map_err(|error| refuse(String::from("#"), &error))?;
    Err(Problem::invalid([InvalidValue::new(
        "#",
        "must be an object",
    )]))
}

/// Rejects `null`, which removes a member in a merge patch (RFC 7396), for members that cannot be removed.
pub fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

pub(super) fn refuse(pointer: String, error: &serde_json::Error) -> Problem {
    let field = InvalidValue::new(pointer, bounded(&error.to_string()));
    match error.classify() {
        Category::Data => Problem::invalid([field]),
        Category::Syntax | Category::Eof | Category::Io => Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "The request body is not valid JSON (RFC 8259).",
        )
        .with_errors([field]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::response::IntoResponse;
    use futures::executor::block_on;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        #[allow(dead_code)]
        name: String,
    }

    fn post(content_type: Option<&str>, body: impl Into<Body>) -> (u16, serde_json::Value) {
        let mut request = http::Request::post("/");
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        let request = request.body(body.into()).unwrap();
        match block_on(Json::<Shape>::from_request(request, &())) {
            Ok(_) => (200, serde_json::Value::Null),
            Err(problem) => {
                let document = serde_json::from_slice(&problem.render("/", "r")).unwrap();
                (problem.into_response().status().as_u16(), document)
            }
        }
    }

    #[test]
    fn media_types_are_checked() {
        let body = r#"{"name":"x"}"#;
        for good in [
            JSON,
            "application/json; charset=utf-8",
            "Application/JSON;charset=\"UTF-8\"",
        ] {
            assert_eq!(post(Some(good), body).0, 200, "{good}");
        }
        for bad in [
            "text/plain",
            "application/json; charset=latin1",
            "application/jsonp",
            "",
        ] {
            assert_eq!(post(Some(bad), body).0, 415, "{bad}");
        }
        assert_eq!(post(None, body).0, 415);
    }

    #[test]
    fn malformed_json_gets_400_and_invalid_shapes_422() {
        for broken in [
            "",
            "{",
            "{\"name\":\"x\"} x",
            "\u{feff}{}",
            "{\"name\":1e999}",
            "nul",
        ] {
            let (status, document) = post(Some(JSON), broken);
            assert_eq!(
                (status, &document["code"]),
                (400, &"malformed_json".into()),
                "{broken}"
            );
        }
        for (body, at) in [
            (r#"{"name":5}"#, "#/name"),
            (r#"{"name":"x","other":1}"#, "#/other"),
            (r#"{"name":"x","name":"y"}"#, "#/name"),
            (r#"[]"#, "#"),
            (r#"["x"]"#, "#"),
            ("null", "#"),
            ("{}", "#/name"),
        ] {
            let (status, document) = post(Some(JSON), body);
            assert_eq!(status, 422, "{body}: {document}");
            assert_eq!(document["errors"][0]["pointer"], at, "{body}: {document}");
        }
        let deep = format!("{{\"name\":{}", "[".repeat(10_000));
        assert!((400..=422).contains(&post(Some(JSON), deep).0));
    }

    #[test]
    fn a_body_over_64_kib_gets_413() {
        let body = |size: usize| format!("{{\"name\":\"{}\"}}", "x".repeat(size - 11));
        assert_eq!(body(MAX_BODY_BYTES).len(), MAX_BODY_BYTES);
        assert_eq!(post(Some(JSON), body(MAX_BODY_BYTES)).0, 200);
        assert_eq!(post(Some(JSON), body(MAX_BODY_BYTES + 1)).0, 413);
    }
}
