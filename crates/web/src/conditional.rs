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

/// The strong entity tag of content that does not change while the app runs: `"<hash>"`, and
/// `"<hash>-<encoding>"` where it is sent encoded, since those are other bytes.
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

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    Absent,
    /// `*`: any version, as long as there is one.
    Any,
    /// One of these versions; tags that were never ours are left out, so this may be empty.
    Versions(Vec<i64>),
}

/// The conditions of a change: `If-Match`, then `If-None-Match` (section 13.2.2).
pub struct Precondition {
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
}

impl Precondition {
    /// 428 when `required` and the client sent no `If-Match`.
    pub fn expected(self, required: bool) -> Result<Expected, Problem> {
        let versions = self.if_match.require(required)?.versions();
        Ok(match self.if_none_match.0 {
            None => Expected::from(versions),
            // Whatever is there is a version.
            Some(Tags::Any) => Expected::from(Some(Vec::new())),
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
    /// 412 when what is read has another version than the client asked for.
    pub fn expect(&self, tag: ETag) -> Result<(), Problem> {
        match self {
            Self::Versions(versions) if !versions.contains(&tag.0) => Err(Error::Stale.into()),
            _ => Ok(()),
        }
    }

    /// The versions that the statement may change: `None` means any.
    pub fn versions(self) -> Option<Vec<i64>> {
        match self {
            Self::Absent | Self::Any => None,
            Self::Versions(versions) => Some(versions),
        }
    }

    /// 428 when `required` and the client sent none.
    pub fn require(self, required: bool) -> Result<Self, Problem> {
        if required && self == Self::Absent {
            Err(Problem::precondition_required())
        } else {
            Ok(self)
        }
    }
}

/// What `If-None-Match` asks for; weak and strong tags compare alike (section 8.8.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Option<Tags>);

impl IfNoneMatch {
    /// Whether the client already has what `tag` stands for, which makes the answer 304.
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
    /// Weak or not, and what stands between the quotes.
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

/// Reads `W/"a", "b"` into `list`; `None` when it is anything else.
fn parse_list(value: &str, list: &mut Vec<(bool, String)>) -> Option<()> {
    let mut rest = value;
    loop {
        // Empty elements count for nothing (section 5.6.1.2).
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

/// The version whose tag this is, to the letter: `v03` and `v+3` are no tags of ours.
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
    fn if_match_takes_lists_and_compares_strongly() {
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
    fn an_encoding_makes_another_tag() {
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
