//! Scopes: operations that a service account may use.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

/// A group of operations. Users need none: their role decides.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    ToSchema,
    EnumString,
    IntoStaticStr,
)]
#[strum(const_into_str)]
pub enum Scope {
    #[serde(rename = "audit:read")]
    #[strum(serialize = "audit:read")]
    AuditRead,
    #[serde(rename = "import")]
    #[strum(serialize = "import")]
    Import,
    #[serde(rename = "sessions:revoke")]
    #[strum(serialize = "sessions:revoke")]
    SessionsRevoke,
    #[serde(rename = "tokens:introspect")]
    #[strum(serialize = "tokens:introspect")]
    TokensIntrospect,
    #[serde(rename = "users:read")]
    #[strum(serialize = "users:read")]
    UsersRead,
    #[serde(rename = "users:write")]
    #[strum(serialize = "users:write")]
    UsersWrite,
}

impl Scope {
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

/// At least one scope, each once, in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn parse(names: &[String]) -> Result<Self, &'static str> {
        let scopes: Option<Vec<Scope>> = names.iter().map(|name| name.parse().ok()).collect();
        let mut scopes = scopes.ok_or(
            "must be audit:read, import, sessions:revoke, tokens:introspect, users:read or users:write",
        )?;
        scopes.sort_unstable();
        scopes.dedup();
        match scopes.is_empty() {
            true => Err("must name at least one scope"),
            false => Ok(Self(scopes)),
        }
    }

    /// Reads the stored form, names separated by spaces.
    pub(crate) fn stored(text: &str) -> Option<Self> {
        let scopes: Option<Vec<Scope>> = text.split(' ').map(|name| name.parse().ok()).collect();
        scopes.map(Self)
    }

    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_sorted_and_unique() {
        let names = ["users:write", "import", "users:write"].map(str::to_owned);
        let scopes = Scopes::parse(&names).unwrap();
        assert_eq!(scopes.to_string(), "import users:write");
        assert_eq!(Scopes::stored(&scopes.to_string()), Some(scopes.clone()));
        assert!(scopes.contains(Scope::Import) && !scopes.contains(Scope::UsersRead));
        let json = serde_json::to_string(&scopes).unwrap();
        assert_eq!(json, r#"["import","users:write"]"#);
        for bad in [vec![], vec!["users:*".to_owned()], vec![String::new()]] {
            assert!(Scopes::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
