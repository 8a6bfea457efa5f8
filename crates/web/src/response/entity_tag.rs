//! Strong entity tags, made from a version or a hash.

use std::fmt::{self, Display, Formatter};

use http::HeaderValue;

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
