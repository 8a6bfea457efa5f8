//! Conditional requests (RFC 9110, section 13): strong entity tags made from a version or a hash.

use std::fmt::{self, Display, Formatter};

use accounts::{Error, Expected};
use axum::extract::FromRequestParts;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::Problem;

/// The strong entity tag of a version: `"v<version>"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ETag(pub i64);

impl Display for ETag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl From<ETag> for HeaderValue {
    fn from(tag: ETag) -> Self {
        HeaderValue::from_str(&format!("\"{tag}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("\"v0\""))
    }
}

/// The strong entity tag of content that does not change while the app runs: `"<hash>"`, or
/// `"<hash>-<encoding>"` for its encoded form, which has other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentTag {
    pub hash: &'static str,
    pub encoding: Option<&'static str>,
}

impl Display for ContentTag {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash)?;
        match self.encoding {
            Some(encoding) => write!(f, "-{encoding}"),
            None => Ok(()),
        }
    }
}

impl From<ContentTag> for HeaderValue {
    fn from(tag: ContentTag) -> Self {
        HeaderValue::from_str(&format!("\"{tag}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    }
}

/// Condition of `If-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    Absent,
    /// `*`: any version, as long as the resource exists.
    Any,
    /// One of these versions. Tags in another form are dropped, so the list may be empty.
    Versions(Vec<i64>),
}

/// The conditions of a change: `If-Match`, then `If-None-Match` (section 13.2.2).
pub struct Precondition {
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
}

impl Precondition {
    /// Returns the versions that the change may start from; 428 if `required` and `If-Match` is absent.
    pub fn expected(self, required: bool) -> Result<Expected, Problem> {
        let versions = self.if_match.require(required)?.versions();
        Ok(match self.if_none_match.0 {
            None => Expected::from(versions),
            // An existing resource cannot meet this condition, so If-Match makes no difference.
            Some(Tags::Any) => Expected::absent(),
            Some(Tags::List(tags)) => {
                let current = tags.iter().filter_map(|(_, opaque)| version(opaque));
                Expected::new(versions, current.collect())
            }
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Precondition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self {
            if_match: IfMatch::from_request_parts(parts, state).await?,
            if_none_match: IfNoneMatch::from_request_parts(parts, state).await?,
        })
    }
}

impl IfMatch {
    /// Returns 412 if `If-Match` lists versions and the resource has another one.
    pub fn expect(&self, tag: ETag) -> Result<(), Problem> {
        match self {
            Self::Versions(versions) if !versions.contains(&tag.0) => Err(Error::Stale.into()),
            _ => Ok(()),
        }
    }

    /// Versions that the statement may change; `None` means any.
    pub fn versions(self) -> Option<Vec<i64>> {
        match self {
            Self::Absent | Self::Any => None,
            Self::Versions(versions) => Some(versions),
        }
    }

    /// Returns 428 if `required` and the header is absent.
    pub fn require(self, required: bool) -> Result<Self, Problem> {
        if required && self == Self::Absent {
            Err(Problem::precondition_required())
        } else {
            Ok(self)
        }
    }
}

/// Condition of `If-None-Match`; weak and strong tags compare equal (section 8.8.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Option<Tags>);

impl IfNoneMatch {
    /// Returns true if the client already has the content of `tag`, so that the response is 304.
    pub fn has(&self, tag: impl Display) -> bool {
        match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::List(tags)) => {
                let tag = tag.to_string();
                tags.iter().any(|(_, opaque)| *opaque == tag)
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(match tags(&parts.headers, &IF_MATCH)? {
            None => Self::Absent,
            Some(Tags::Any) => Self::Any,
            // Strong comparison: a weak tag matches nothing.
            Some(Tags::List(tags)) => Self::Versions(
                tags.into_iter()
                    .filter(|(weak, _)| !weak)
                    .filter_map(|(_, opaque)| version(&opaque))
                    .collect(),
            ),
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        tags(&parts.headers, &IF_NONE_MATCH).map(Self)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    Any,
    /// Each tag: true when it is weak, and the text between its quotes.
    List(Vec<(bool, String)>),
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let malformed = || malformed(name);
    let mut list = Vec::new();
    for value in headers.get_all(name) {
        let value = value.to_str().map_err(|_| malformed())?.trim();
        if value == "*" {
            return Ok(Some(Tags::Any));
        }
        parse_list(value, &mut list).ok_or_else(malformed)?;
    }
    Ok(headers.contains_key(name).then_some(Tags::List(list)))
}

pub(crate) fn malformed(name: &HeaderName) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_header",
        format!("{name} is not a list of entity tags (RFC 9110, section 13.1)."),
    )
}

/// Parses `W/"a", "b"` into `list`; `None` when the syntax is invalid.
fn parse_list(value: &str, list: &mut Vec<(bool, String)>) -> Option<()> {
    let mut rest = value;
    loop {
        // Empty elements are ignored (section 5.6.1.2).
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(());
        }
        let (weak, tag) = match rest.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
        list.push((weak, opaque.to_owned()));
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// Parses the version of a tag in its exact form: `v03` and `v+3` are not tags of Roster.
fn version(opaque: &str) -> Option<i64> {
    let version = opaque.strip_prefix('v')?.parse::<i64>().ok()?;
    (format!("v{version}") == opaque).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    fn parts(name: HeaderName, value: &str) -> Parts {
        http::Request::builder()
            .header(name, value)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    fn if_match(value: &str) -> Result<IfMatch, u16> {
        block_on(IfMatch::from_request_parts(
            &mut parts(IF_MATCH, value),
            &(),
        ))
        .map_err(|problem| {
            axum::response::IntoResponse::into_response(problem)
                .status()
                .as_u16()
        })
    }

    #[test]
    fn if_match_accepts_lists_and_compares_strongly() {
        assert_eq!(if_match("\"v3\""), Ok(IfMatch::Versions(vec![3])));
        assert_eq!(
            if_match("\"v3\" , \"v4\""),
            Ok(IfMatch::Versions(vec![3, 4]))
        );
        assert_eq!(
            if_match("W/\"v3\", \"other\", \"v03\", \"v+3\""),
            Ok(IfMatch::Versions(vec![]))
        );
        assert_eq!(if_match("*"), Ok(IfMatch::Any));
        assert_eq!(if_match("\"v3\",, "), Ok(IfMatch::Versions(vec![3])));
        assert_eq!(if_match(""), Ok(IfMatch::Versions(vec![])));
        for bad in ["v3", "\"v3", "\"v3\" \"v4\"", "\"v3\", *"] {
            assert_eq!(if_match(bad), Err(400), "{bad}");
        }
    }

    fn if_none_match(value: &str) -> IfNoneMatch {
        let mut parts = parts(IF_NONE_MATCH, value);
        block_on(IfNoneMatch::from_request_parts(&mut parts, &())).unwrap()
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let has = |value: &str| if_none_match(value).has(ETag(3));
        assert!(has("\"v3\"") && has("W/\"v3\"") && has("\"v1\", \"v3\"") && has("*"));
        assert!(!has("\"v1\"") && !has("\"v03\""));
    }

    #[test]
    fn a_change_excludes_the_versions_of_if_none_match() {
        let expected = |if_match: &str, none_match: &str| {
            let precondition = Precondition {
                if_match: self::if_match(if_match).unwrap(),
                if_none_match: if_none_match(none_match),
            };
            precondition.expected(false).unwrap()
        };
        assert_eq!(expected("*", "*"), Expected::absent());
        assert_eq!(
            expected("*", "W/\"v1\", \"v2\", \"other\""),
            Expected::new(None, vec![1, 2])
        );
        assert_eq!(
            expected("\"v1\"", "\"v2\""),
            Expected::new(Some(vec![1]), vec![2])
        );
    }

    #[test]
    fn each_encoding_has_its_own_tag() {
        let (hash, encoding) = ("1a2b", Some("gzip"));
        let plain = ContentTag {
            hash,
            encoding: None,
        };
        let zipped = ContentTag { hash, encoding };
        assert_eq!(HeaderValue::from(plain), "\"1a2b\"");
        assert_eq!(HeaderValue::from(zipped), "\"1a2b-gzip\"");
        let sent = if_none_match("\"1a2b-gzip\"");
        assert!(sent.has(zipped) && !sent.has(plain));
    }
}
