//! Bodies of many JSON values: one per line (NDJSON), or an array.

use axum::extract::{FromRequest, Request};
use http::header::ACCEPT;
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::body::{JSON, has_media_type, parse, read_up_to, refuse, unsupported};
use crate::Problem;
use crate::response::problem::InvalidValue;

/// Maximum size of a body in bytes. With the values read from it, a request needs up to four times as much memory.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum number of values in a body.
pub const MAX_LINES: usize = 1_000;

const NDJSON: &str = "application/x-ndjson";

/// The values of a body of type `application/x-ndjson` or `application/json`, each with its number: that of the line,
/// or that in the array, from 1. An invalid value does not affect the others.
pub struct Lines<T>(pub Vec<(usize, Result<T, Vec<InvalidValue>>)>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Lines<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let is_ndjson = has_media_type(request.headers(), &[NDJSON]);
        if !is_ndjson && !has_media_type(request.headers(), &[JSON]) {
            return Err(not_lines());
        }
        let bytes = read_up_to(request, MAX_BYTES, too_large).await?;
        let values = match is_ndjson {
            true => split_lines(&bytes),
            false => split_array(&bytes)?,
        };
        if values.len() > MAX_LINES {
            return Err(too_many());
        }
        let parsed = values
            .into_iter()
            .map(|(number, value)| (number, parse(value).map_err(Problem::into_errors)));
        Ok(Self(parsed.collect()))
    }
}

/// Returns the lines that are not blank.
fn split_lines(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.zip(1..).map(|(line, number)| (number, line));
    lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect()
}

/// Returns the items of an array.
///
/// # Errors
/// 400 if the syntax is invalid, 422 if the JSON is no array.
pub(crate) fn split_array(bytes: &[u8]) -> Result<Vec<(usize, &[u8])>, Problem> {
    let items: Vec<&RawValue> =
        serde_json::from_slice(bytes).map_err(|error| refuse("#".into(), &error))?;
    let items = items.into_iter().zip(1..);
    Ok(items
        .map(|(item, number)| (number, item.get().as_bytes()))
        .collect())
}

pub(crate) fn not_lines() -> Problem {
    let accepted = HeaderValue::from_static("application/x-ndjson, application/json");
    unsupported(
        "Send one JSON object per line as application/x-ndjson, or an array as application/json.",
    )
    .with_header(ACCEPT, accepted)
}

pub(crate) fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "The body of this request may have at most 4 MiB.",
    )
}

pub(crate) fn too_many() -> Problem {
    let detail = "must have at most 1000 lines or items";
    Problem::invalid([InvalidValue::new("#", detail)])
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::IntoResponse;
    use futures::executor::block_on;
    use http::header::CONTENT_TYPE;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        name: String,
    }

    type Read = Vec<(usize, Result<String, String>)>;

    /// Names, or the pointer of the first error.
    fn send(content_type: &str, body: impl Into<Body>) -> Result<Read, u16> {
        let request = http::Request::post("/").header(CONTENT_TYPE, content_type);
        let request = request.body(body.into()).unwrap();
        match block_on(Lines::<Shape>::from_request(request, &())) {
            Ok(Lines(lines)) => Ok(lines
                .into_iter()
                .map(|(number, value)| {
                    let value = value.map(|shape| shape.name);
                    (number, value.map_err(|errors| errors[0].pointer.clone()))
                })
                .collect()),
            Err(problem) => Err(problem.into_response().status().as_u16()),
        }
    }

    #[test]
    fn lines_are_numbered_and_parsed_separately() {
        let body = "{\"name\":\"a\"}\r\n\n{\"name\":1}\n{\"name\":\n[\"b\"]\n  \n{\"name\":\"c\",\"x\":1}\n\u{feff}{}\n{\"name\":\"d\"}";
        let read = send(NDJSON, body).unwrap();
        let expected = [
            (1, Ok("a")),
            (3, Err("#/name")),
            (4, Err("#/name")),
            (5, Err("#")),
            (7, Err("#/x")),
            (8, Err("#")),
            (9, Ok("d")),
        ];
        let expected: Read = expected
            .into_iter()
            .map(|(line, value)| (line, value.map(str::to_owned).map_err(str::to_owned)))
            .collect();
        assert_eq!(read, expected);
        assert_eq!(send(NDJSON, "").unwrap(), []);
        let invalid = b"{\"name\":\"\xff\"}\n{\"name\":\"b\"}".to_vec();
        assert_eq!(send(NDJSON, invalid).unwrap()[1], (2, Ok("b".to_owned())));
    }

    #[test]
    fn an_array_has_one_value_per_item() {
        let read = send(JSON, r#" [{"name":"a"}, 5, {"name":"b"}] "#).unwrap();
        assert_eq!(
            read,
            [
                (1, Ok("a".to_owned())),
                (2, Err("#".to_owned())),
                (3, Ok("b".to_owned()))
            ]
        );
        assert_eq!(send(JSON, "[]").unwrap(), []);
        for (body, status) in [
            ("", 400),
            ("[", 400),
            ("[{}", 400),
            ("[{\"name\":}]", 400),
            ("[] x", 400),
            ("{\"name\":\"a\"}", 422),
            ("null", 422),
        ] {
            assert_eq!(send(JSON, body), Err(status), "{body}");
        }
    }

    #[test]
    fn number_size_and_media_type_are_limited() {
        let line = "{\"name\":\"a\"}\n";
        assert_eq!(send(NDJSON, line.repeat(MAX_LINES)).unwrap().len(), 1_000);
        assert_eq!(send(NDJSON, line.repeat(MAX_LINES + 1)), Err(422));
        let array = |items: usize| format!("[{}1]", "1,".repeat(items - 1));
        assert_eq!(send(JSON, array(MAX_LINES)).unwrap().len(), 1_000);
        assert_eq!(send(JSON, array(MAX_LINES + 1)), Err(422));
        assert_eq!(send(NDJSON, " ".repeat(MAX_BYTES)).unwrap(), []);
        assert_eq!(send(NDJSON, " ".repeat(MAX_BYTES + 1)), Err(413));
        for other in ["text/plain", "application/x-ndjson; charset=latin1", ""] {
            assert_eq!(send(other, line), Err(415), "{other}");
        }
    }
}
