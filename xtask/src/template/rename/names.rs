//! Name of a project, and its spellings.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, ensure};

const LENGTH: std::ops::RangeInclusive<usize> = 2..=31;

/// Reserved words of Postgres, where the name is a role and a database, and of cargo, where it is a binary.
const RESERVED: &str = "all analyse analyze and any array as asc asymmetric authorization binary both case \
    cast check collate collation column concurrently constraint create cross default deferrable desc \
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in \
    initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp \
    natural none not notnull null offset on only or order outer overlaps placing primary public references \
    returning right select similar some symmetric table tablesample then to trailing true union unique user \
    using variadic verbose when where window with build deps examples incremental";

/// First parts of names that Postgres (roles) and Kubernetes (namespaces) reserve.
const RESERVED_PREFIXES: [&str; 2] = ["pg", "kube"];

/// Spelling of a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spelling {
    /// `order-book`
    Kebab,
    /// `order_book`
    Snake,
    /// `orderbook`
    Compact,
    /// `OrderBook`
    Pascal,
    /// `ORDER_BOOK`
    Screaming,
}

impl Spelling {
    pub const ALL: [Self; 5] = [
        Self::Kebab,
        Self::Snake,
        Self::Compact,
        Self::Pascal,
        Self::Screaming,
    ];
}

/// Name of a project: a namespace of Kubernetes, an image, and a part of the names of Rust packages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn spelled(&self, spelling: Spelling) -> String {
        match spelling {
            Spelling::Kebab => self.0.clone(),
            Spelling::Snake => self.0.replace('-', "_"),
            Spelling::Compact => self.0.replace('-', ""),
            Spelling::Pascal => self.0.split('-').map(capitalised).collect(),
            Spelling::Screaming => self.0.replace('-', "_").to_uppercase(),
        }
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_lowercase())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        // WIT requires the letter at the beginning of each part.
        ensure!(
            LENGTH.contains(&text.len()) && text.split('-').all(is_part),
            "use 2 to 31 lowercase letters, digits and single hyphens, with a letter at the beginning and \
             after each hyphen"
        );
        let first = text.split('-').next().unwrap_or_default();
        ensure!(
            !RESERVED.split_whitespace().any(|word| word == text)
                && !RESERVED_PREFIXES.contains(&first),
            "the name is reserved by Postgres, Kubernetes or cargo; choose another name"
        );
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn capitalised(part: &str) -> String {
    let (first, rest) = part.split_at(1);
    first.to_uppercase() + rest
}
