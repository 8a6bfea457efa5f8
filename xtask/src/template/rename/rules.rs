//! Rules of a rename: the spelling of each occurrence of the current name.

use std::ops::Range;

use super::names::{Name, Spelling};

/// Name of this project. A rename changes it here as well, so that a project can be renamed again.
pub const CURRENT: &str = "roster";

/// Files and folders that keep the current name: the history of the template.
pub const KEPT: [&str; 2] = ["CHANGELOG.md", "docs/decisions/"];

/// Spelling of an occurrence: the first rule that matches it applies.
const RULES: [Rule; 9] = [
    Rule {
        paths: &KEPT,
        spelling: None,
        ..ANY
    },
    // Environment variables.
    Rule {
        case: Some(Case::Upper),
        spelling: Some(Spelling::Screaming),
        ..ANY
    },
    // Prose, alerts and Rust types.
    Rule {
        case: Some(Case::Capitalised),
        spelling: Some(Spelling::Pascal),
        ..ANY
    },
    // Anchors of the alerts in the runbook, and the word that passwords must not contain.
    Rule {
        next: |c| c.is_ascii_lowercase(),
        spelling: Some(Spelling::Compact),
        ..ANY
    },
    Rule {
        paths: &["crates/accounts/src/password/context.rs"],
        spelling: Some(Spelling::Compact),
        ..ANY
    },
    // Rust crates, metrics and Postgres roles.
    Rule {
        next: |c| c == '_',
        spelling: Some(Spelling::Snake),
        ..ANY
    },
    // Names and paths, also on lines about databases.
    Rule {
        next: |c| "-/.~".contains(c),
        spelling: Some(Spelling::Kebab),
        ..ANY
    },
    // The role of the app and its database: Postgres requires quotes around a hyphen.
    Rule {
        paths: &[
            "crates/devservices/src/database.rs",
            "crates/spin-pg-bindings/",
            "migrations/",
            "tests/tests/identity/database_roles.rs",
        ],
        spelling: Some(Spelling::Snake),
        ..ANY
    },
    Rule {
        markers: &DATABASE,
        spelling: Some(Spelling::Snake),
        ..ANY
    },
];

/// Spelling without a rule: packages, images, namespaces, labels, keys in Redis, claims and the CLI.
const OTHERWISE: Spelling = Spelling::Kebab;

/// Marks of the app's role and database, with the number of lines from the mark to the name.
const DATABASE: [(&str, usize); 18] = [
    ("DB_NAME", 0),
    ("DB_USER", 0),
    ("GRANT ", 0),
    ("OWNED BY ", 0),
    ("PGDATABASE", 0),
    ("PGUSER", 0),
    ("POSTGRES_DB", 0),
    ("POSTGRES_USER", 0),
    ("- name: POSTGRES_DB\n", 1),
    (" DATABASE ", 0),
    (" ROLE ", 0),
    ("db_name", 0),
    ("db_user", 0),
    ("\"db_user\",\n", 2),
    ("pg_isready", 0),
    ("postgres.url(", 0),
    ("postgres://", 0),
    ("usename", 0),
];

/// A rule; a field of [`ANY`] matches every occurrence.
struct Rule {
    /// Beginnings of paths.
    paths: &'static [&'static str],
    case: Option<Case>,
    /// Condition for the character after the name.
    next: fn(char) -> bool,
    /// Text on the same line, or the given number of lines above it.
    markers: &'static [(&'static str, usize)],
    /// `None` keeps the current name.
    spelling: Option<Spelling>,
}

const ANY: Rule = Rule {
    paths: &[""],
    case: None,
    next: |_| true,
    markers: &[("", 0)],
    spelling: None,
};

#[derive(Clone, Copy, Eq, PartialEq)]
enum Case {
    Lower,
    Capitalised,
    Upper,
}

/// A change from one name to another.
pub struct Renaming {
    /// The current name in every spelling; some are equal if it has no hyphen.
    current: [(Case, String); 5],
    new: Name,
}

impl Renaming {
    pub fn new(current: &Name, new: &Name) -> Self {
        let spelled = |spelling| {
            let case = match spelling {
                Spelling::Kebab | Spelling::Snake | Spelling::Compact => Case::Lower,
                Spelling::Pascal => Case::Capitalised,
                Spelling::Screaming => Case::Upper,
            };
            (case, current.spelled(spelling))
        };
        Self {
            current: Spelling::ALL.map(spelled),
            new: new.clone(),
        }
    }

    pub fn new_name(&self) -> &Name {
        &self.new
    }

    /// Returns the renamed `text` of the file at `path`, and the number of occurrences.
    pub fn apply(&self, path: &str, text: &str) -> (String, usize) {
        let (mut renamed, mut count, mut end) = (String::new(), 0, 0);
        while let Some((start, case, current)) = self.find(text, end) {
            renamed += &text[end..start];
            end = start + current.len();
            match spelling(path, text, start..end, case) {
                Some(spelling) => {
                    renamed += &self.new.spelled(spelling);
                    count += 1;
                }
                None => renamed += current,
            }
        }
        (renamed + &text[end..], count)
    }

    /// The first occurrence from `start` on.
    fn find(&self, text: &str, start: usize) -> Option<(usize, Case, &str)> {
        let rest = &text[start..];
        let found = self.current.iter().filter_map(|(case, current)| {
            let at = rest.find(current.as_str())?;
            Some((start + at, *case, current.as_str()))
        });
        found.min_by_key(|(at, ..)| *at)
    }
}

/// Spelling of the occurrence at `range` of `text`; `None` keeps it.
fn spelling(path: &str, text: &str, range: Range<usize>, case: Case) -> Option<Spelling> {
    let next = text[range.end..].chars().next().unwrap_or('\n');
    let matches = |rule: &&Rule| {
        rule.paths.iter().any(|start| path.starts_with(start))
            && rule.case.is_none_or(|expected| expected == case)
            && (rule.next)(next)
            && rule
                .markers
                .iter()
                .any(|(marker, above)| lines(text, &range, *above).contains(marker))
    };
    let rule = RULES.iter().find(matches);
    rule.map_or(Some(OTHERWISE), |rule| rule.spelling)
}

/// The line of an occurrence, after the `above` lines before it.
fn lines<'a>(text: &'a str, range: &Range<usize>, above: usize) -> &'a str {
    let before = &text[..range.start];
    let start = before
        .rmatch_indices('\n')
        .nth(above)
        .map_or(0, |(at, _)| at + 1);
    let end = text[range.end..]
        .find('\n')
        .map_or(text.len(), |at| range.end + at);
    &text[start..end]
}
