//! Values of the variables, and their conversion to flags, names and numbers.

use std::collections::BTreeMap;

use super::ConfigError;

/// The variables of one component, by their lower-case Spin names.
#[derive(Default)]
pub struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// Reads the settings of `component` from the host.
    #[cfg(target_arch = "wasm32")]
    pub async fn load(component: settings::Component) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for &settings::Setting { name, .. } in settings::of(component) {
            #[expect(
                clippy::disallowed_methods,
                reason = "the only place that reads variables"
            )]
            let value = spin_sdk::variables::get(name)
                .await
                .map_err(|error| ConfigError::new(name, error.to_string()))?;
            values.insert(name, value);
        }
        Ok(Self(values))
    }

    /// Creates the variables from pairs, for native tests.
    pub fn from_pairs<V: Into<String>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        )
    }

    /// The value, trimmed; `None` when it is unset or empty.
    pub fn optional(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The value of a required variable.
    pub fn text(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.optional(name)
            .ok_or_else(|| ConfigError::new(name, "must be set"))
    }

    /// `true` or `false`; unset is `false`.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.optional(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ConfigError::new(name, "must be `true` or `false`")),
        }
    }

    /// A name of up to 63 ASCII letters, digits, `-`, `_` and `.`; `default` when it is unset.
    pub fn name<'a>(
        &'a self,
        name: &'static str,
        default: &'a str,
    ) -> Result<&'a str, ConfigError> {
        let value = self.optional(name).unwrap_or(default);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if value.len() <= 63 && value.bytes().all(is_name) {
            Ok(value)
        } else {
            let problem = "must have at most 63 characters: letters, digits, `-`, `_` and `.`";
            Err(ConfigError::new(name, problem))
        }
    }

    /// A whole number within the range of the setting.
    pub fn number<T: TryFrom<u64>>(&self, name: &'static str) -> Result<T, ConfigError> {
        let range = settings::range(name)
            .ok_or_else(|| ConfigError::new(name, "is not a numeric setting"))?;
        let number = self.text(name)?.parse().ok();
        let number = number.filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            ConfigError::new(name, format!("must be a whole number from {low} to {high}"))
        })
    }

    /// One of the words of the setting; `default` when it is unset.
    pub fn word<'a>(
        &'a self,
        name: &'static str,
        default: &'a str,
    ) -> Result<&'a str, ConfigError> {
        let words = settings::words(name);
        let value = self.optional(name).unwrap_or(default);
        match words.contains(&value) {
            true => Ok(value),
            false => Err(ConfigError::new(
                name,
                format!("must be one of {}", words.join(", ")),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::one;

    #[test]
    fn an_error_names_the_variable() {
        let error = one("db_port", "many").number::<u16>("db_port").unwrap_err();
        assert_eq!(
            error.to_string(),
            "variable db_port: must be a whole number from 1 to 65535"
        );
        assert_eq!(
            one("x", " ").text("db_host").unwrap_err().variable,
            "db_host"
        );
    }
}
