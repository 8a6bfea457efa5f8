//! Every setting of Roster: name, values, default, readers, source in a cluster and description.
//!
//! The table is the only place where a setting is described. Components read their variables by it, and
//! `cargo xtask codegen` writes the variables of `spin.toml` and of `k8s/base/apps`, `.env.example` and
//! `docs/configuration.md` from it.

mod table;

use std::ops::RangeInclusive;

pub use table::SECTIONS;

/// Defines [`Component`] from one row per component.
macro_rules! components {
    ($($variant:ident = $name:literal, $parts:expr;)*) => {
        /// A component of `spin.toml`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Component {
            $($variant,)*
        }

        impl Component {
            /// Every component, in the order of `spin.toml`.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Names of all components, in the same order.
            pub const NAMES: [&str; Self::ALL.len()] = [$($name),*];

            /// Name in `spin.toml`, and of the package in `components/`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Parts of the app that the component contains.
            pub const fn parts(self) -> &'static [Part] {
                match self {
                    $(Self::$variant => $parts,)*
                }
            }
        }
    };
}

// The only list of components: commands, tests and deployment checks read it.
components! {
    Health = "health", &[Part::Stores, Part::Host];
    Users = "users", &[Part::Stores, Part::Host, Part::AccessControl, Part::Passwords, Part::Attributes];
    Auth = "auth", &[Part::Stores, Part::Host, Part::AccessControl, Part::Passwords, Part::Attributes];
    Docs = "docs", &[];
}

/// Part of the app with settings of its own, which several components contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Clients of Postgres and Redis.
    Stores,
    /// State per host: slots for hashing passwords, and the results of readiness checks.
    Host,
    /// Authentication, authorization, rate limits, and the keys of cursors and cached users.
    AccessControl,
    /// Verification and hashing of passwords.
    Passwords,
    /// Attributes of users, in responses and access tokens.
    Attributes,
}

/// Components that read a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    All,
    /// Those that contain the part.
    With(Part),
    Only(Component),
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

/// Source of a setting's value in the pods of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Default of the setting: pods get no other value.
    Default,
    /// Key of the ConfigMap.
    ConfigMap,
    /// Key of the Secret.
    Secret,
    /// Key of the Secret. Without it the default applies.
    OptionalSecret,
    /// Name of the pod.
    PodName,
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
    pub readers: Readers,
    pub source: Source,
    /// Key that replaces `name` in pods where only `health` reads the setting: they log in to Postgres as a role
    /// with fewer rights.
    pub probe_key: Option<&'static str>,
    /// One or two sentences in Markdown, without the values.
    pub description: &'static str,
}

impl Setting {
    fn is_read_with(&self, parts: &[Part]) -> bool {
        match self.readers {
            Readers::All => true,
            Readers::With(part) => parts.contains(&part),
            Readers::Only(_) => false,
        }
    }

    fn is_read_by(&self, component: Component) -> bool {
        self.readers == Readers::Only(component) || self.is_read_with(component.parts())
    }
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
    all().filter(move |setting| setting.is_read_by(component))
}

/// The settings that a component with these parts reads, without those that only one component reads.
pub fn with(parts: &[Part]) -> impl Iterator<Item = &'static Setting> {
    all().filter(move |setting| setting.is_read_with(parts))
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
            let is_read = Component::ALL.iter().any(|one| setting.is_read_by(*one));
            assert!(is_read, "{}", setting.name);
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
    fn secrets_are_no_keys_of_the_config_map() {
        for setting in all().filter(|setting| setting.secret) {
            assert_ne!(setting.source, Source::ConfigMap, "{}", setting.name);
        }
    }

    #[test]
    fn settings_without_a_default_have_a_source_in_a_cluster() {
        for setting in all().filter(|setting| setting.default.is_none()) {
            let can_be_missing =
                [Source::Default, Source::OptionalSecret].contains(&setting.source);
            assert!(!can_be_missing, "{}", setting.name);
        }
    }

    #[test]
    fn a_range_is_found_by_name() {
        assert_eq!(range("refresh_grace_seconds"), Some(0..=60));
        assert_eq!((range("db_host"), range("unknown")), (None, None));
        assert_eq!(words("jwt_algorithm"), ["HS256", "EdDSA"]);
    }
}
