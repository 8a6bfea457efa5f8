//! Every setting of Roster: name, values, default, components and description.
//!
//! The table is the only place where a setting is described. Components read their variables by it, and
//! `cargo xtask codegen` writes the variables of `spin.toml`, `.env.example` and `docs/configuration.md` from it.

mod table;

use std::ops::RangeInclusive;

pub use table::SECTIONS;

/// A component of `spin.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    Health,
    Users,
    Auth,
    Docs,
}

impl Component {
    /// Every component, in the order of `spin.toml`.
    pub const ALL: [Self; 4] = [Self::Health, Self::Users, Self::Auth, Self::Docs];

    /// The name in `spin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Users => "users",
            Self::Auth => "auth",
            Self::Docs => "docs",
        }
    }
}

/// Values that a setting accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Text, which the description specifies.
    Text,
    /// `true` or `false`.
    Flag,
    /// Whole numbers, both ends included.
    Number(u64, u64),
    /// One of these words.
    Words(&'static [&'static str]),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The Spin variable. Lower case.
    pub name: &'static str,
    pub values: Values,
    /// `None` when the setting is required, `Some("")` when it is off or absent by default.
    pub default: Option<&'static str>,
    /// True for values that logs and manifests must not contain.
    pub secret: bool,
    /// Components that read it.
    pub components: &'static [Component],
    /// One or two sentences in Markdown, without the values.
    pub description: &'static str,
}

/// Related settings.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    pub title: &'static str,
    pub settings: &'static [Setting],
}

/// Every setting, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// The settings that `component` reads.
pub fn of(component: Component) -> impl Iterator<Item = &'static Setting> {
    all().filter(move |setting| setting.components.contains(&component))
}

/// The range of a numeric setting; `None` for other settings and unknown names.
pub fn range(name: &str) -> Option<RangeInclusive<u64>> {
    match all().find(|setting| setting.name == name)?.values {
        Values::Number(from, to) => Some(from..=to),
        Values::Text | Values::Flag | Values::Words(_) => None,
    }
}

/// The words of a setting; empty for other settings and unknown names.
pub fn words(name: &str) -> &'static [&'static str] {
    match all()
        .find(|setting| setting.name == name)
        .map(|setting| setting.values)
    {
        Some(Values::Words(words)) => words,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_setting_has_a_component() {
        let mut names = BTreeSet::new();
        for setting in all() {
            assert!(names.insert(setting.name), "{} is not unique", setting.name);
            assert!(!setting.components.is_empty(), "{}", setting.name);
            assert!(setting.description.ends_with('.'), "{}", setting.name);
        }
    }

    #[test]
    fn defaults_are_valid() {
        for setting in all() {
            let default = setting.default.unwrap_or_default();
            let is_value = match setting.values {
                Values::Text => true,
                Values::Flag => ["true", "false"].contains(&default),
                Values::Words(words) => words.contains(&default),
                Values::Number(from, to) => default
                    .parse()
                    .is_ok_and(|number| (from..=to).contains(&number)),
            };
            assert!(is_value, "{}: {default:?}", setting.name);
        }
    }

    #[test]
    fn a_range_is_found_by_name() {
        assert_eq!(range("refresh_grace_seconds"), Some(0..=60));
        assert_eq!((range("db_host"), range("unknown")), (None, None));
        assert_eq!(words("jwt_algorithm"), ["HS256", "EdDSA"]);
    }
}
