//! Application variables, the templates that read them, and the interface through which components read
//! them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::variables::{self, Error};
use crate::instance::Instance;
use crate::manifest::Manifest;

/// The values of all application variables.
#[derive(Debug)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Gives every declared variable its value: from `given`, else `SPIN_VARIABLE_<NAME>` of the
    /// environment, else the same name in `.env` beside the manifest, else its default.
    ///
    /// # Errors
    /// Names every variable without a value, and every invalid name.
    pub fn resolve(manifest: &Manifest, given: &[(String, String)]) -> Result<Self> {
        let dotenv = read_dotenv(&manifest.root.join(".env"))?;
        let environment = |key: &str| match std::env::var(key) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(dotenv.get(key).cloned()),
            Err(error) => Err(anyhow!("environment variable {key}: {error}")),
        };
        Self::resolve_with(manifest, given, environment)
    }

    fn resolve_with(
        manifest: &Manifest,
        given: &[(String, String)],
        environment: impl Fn(&str) -> Result<Option<String>>,
    ) -> Result<Self> {
        for (name, _) in given {
            if !manifest.variables.contains_key(name) {
                bail!("--variable {name}: the manifest declares no such variable");
            }
        }
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in &manifest.variables {
            check_name(name).map_err(|reason| anyhow!("variable {reason}"))?;
            let given = given.iter().rev().find(|(key, _)| key == name);
            let value = match given {
                Some((_, value)) => Some(value.clone()),
                None => environment(&environment_key(name))?.or_else(|| variable.default.clone()),
            };
            match value {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => missing.push(format!("`{name}` (set {})", environment_key(name))),
            }
        }
        if !missing.is_empty() {
            bail!("required variables without a value: {}", missing.join(", "));
        }
        Ok(Self(values))
    }

    /// Replaces the `{{ name }}` placeholders of a template.
    ///
    /// # Errors
    /// Returns an error if a placeholder is not closed or names no declared variable.
    pub fn fill(&self, template: &str) -> Result<String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((literal, place)) = rest.split_once("{{") {
            filled.push_str(literal);
            let (name, after) = place
                .split_once("}}")
                .with_context(|| format!("unmatched '{{{{' in template {template:?}"))?;
            let name = name.trim();
            let value = self.0.get(name).with_context(|| {
                format!("template {template:?} refers to the unknown variable `{name}`")
            })?;
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Returns the variables of one component: its own names, with their templates filled.
    ///
    /// # Errors
    /// Returns an error if a name is invalid or a template cannot be filled.
    pub fn of_component(
        &self,
        templates: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>> {
        let fill = |(name, template): (&String, &String)| {
            check_name(name).map_err(|reason| anyhow!("variable {reason}"))?;
            let value = self
                .fill(template)
                .with_context(|| format!("variable `{name}`"))?;
            Ok((name.clone(), value))
        };
        templates.iter().map(fill).collect()
    }
}

fn environment_key(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())
}

fn read_dotenv(path: &Path) -> Result<BTreeMap<String, String>> {
    match dotenvy::from_path_iter(path) {
        Ok(entries) => entries
            .collect::<Result<_, _>>()
            .with_context(|| format!("in {}", path.display())),
        Err(error) if error.not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Validates a name: lower-case letters, digits and single underscores, from a letter to a letter or
/// digit.
fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let reason = if name.is_empty() {
        "must not be empty".to_owned()
    } else if let Some(invalid) = name.chars().find(|c| !allowed(*c)) {
        format!(
            "invalid character {invalid:?}. Variable names may contain only lower-case letters, numbers, and underscores."
        )
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must start with a lowercase ASCII letter".to_owned()
    } else if name.ends_with('_') {
        "must end with a lowercase ASCII letter or digit".to_owned()
    } else if name.contains("__") {
        "must not contain multiple consecutive underscores".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("{name:?}: {reason}"))
}

impl variables::Host for Instance {}

impl<T: Send + 'static> variables::HostWithStore<T> for HasSelf<Instance> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        check_name(&name).map_err(Error::InvalidName)?;
        let component = accessor.with(|mut access| access.get().component.clone());
        component.variables.get(&name).cloned().ok_or_else(|| {
            let id = &component.id;
            Error::Undefined(format!("no variable for {id:?}.{name:?}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(variables: &str) -> Manifest {
        let head = "spin_manifest_version = 2\n[trigger]\n[application]\nname = 'a'\n[variables]\n";
        toml::from_str(&format!("{head}{variables}")).unwrap()
    }

    fn values(pairs: &[(&str, &str)]) -> Variables {
        let pairs = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Variables(pairs.collect())
    }

    #[test]
    fn arguments_take_precedence_over_environment_and_defaults() {
        let manifest =
            manifest("a = { default = '1' }\nb = { default = '1' }\nc = { default = '1' }");
        let environment = |key: &str| Ok((key != "SPIN_VARIABLE_C").then(|| "2".to_owned()));
        let given = [("a".to_owned(), "3".to_owned())];
        let variables = Variables::resolve_with(&manifest, &given, environment).unwrap();
        assert_eq!(variables.fill("{{a}} {{ b }} {{c}}").unwrap(), "3 2 1");
    }

    #[test]
    fn all_missing_variables_are_listed() {
        let manifest = manifest("a = { required = true }\nb_c = { required = true }");
        let error = Variables::resolve_with(&manifest, &[], |_| Ok(None)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("`a`") && text.contains("SPIN_VARIABLE_B_C"),
            "{text}"
        );
    }

    #[test]
    fn invalid_templates_are_rejected() {
        let variables = values(&[("host", "h"), ("port", "1")]);
        assert_eq!(
            variables.fill("pg://{{ host }}:{{port}}/").unwrap(),
            "pg://h:1/"
        );
        let unknown = variables.fill("{{ hots }}").unwrap_err().to_string();
        assert!(unknown.contains("`hots`"), "{unknown}");
        assert!(variables.fill("{{ host").is_err());
    }

    #[test]
    fn invalid_names_are_rejected() {
        for good in ["a", "a1", "a_1", "db_host"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "A", "a-b", "1a", "_a", "a_", "a__b", "é"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
