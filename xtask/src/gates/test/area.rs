//! Areas of `cargo xtask test`: the tests that matter after a change in one folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Folders of packages. Each package is an area, with its own tests and the suite of its name.
const FOLDERS: [&str; 2] = ["components", "crates"];
/// Folder of the black-box suites: a program per folder, a suite per file.
const SUITES: &str = "tests/tests";

/// Areas with other tests: name, packages, suites.
#[rustfmt::skip]
const AREAS: &[(&str, &[&str], &[&str])] = &[
    ("accounts", &["accounts"], &[
        "contract::attributes", "contract::audit", "contract::changes", "contract::events", "contract::idempotency", "contract::list",
        "contract::own_account", "contract::races", "contract::registration", "contract::user_import",
        "contract::users", "identity::admin_takeover", "identity::bootstrap", "identity::last_admin",
        "identity::password_reset", "identity::passwords", "identity::refresh_tokens",
        "identity::sessions", "identity::sign_in",
    ]),
    ("auth", &["auth", "openapi"], &[
        "contract::registration", "identity::access_tokens", "identity::authorization",
        "identity::password_reset", "identity::passwords", "identity::refresh_tokens",
        "identity::sessions", "identity::sign_in", "identity::signing_keys",
    ]),
    ("bench", &["bench"], &["contract::bench"]),
    ("client", &["roster-client"], &["contract::typed_client"]),
    ("devhost", &["devhost"], &["contract::bodies", "contract::http", "faults::host"]),
    ("docs", &["docs"], &["docs::browser", "docs::pages"]),
    ("health", &["health", "openapi"], &[
        "contract::health", "contract::metrics", "contract::readiness",
    ]),
    ("migrations", &["accounts", "migrations"], &["identity::database_roles"]),
    ("settings", &["settings", "xtask"], &[]),
    ("spin-pg-bindings", &["spin-pg-bindings", "accounts"], &[
        "contract::races", "faults::postgres", "faults::redis",
    ]),
    ("users", &["users", "openapi"], &[
        "contract::attributes", "contract::audit", "contract::bodies", "contract::changes", "contract::events",
        "contract::idempotency", "contract::list", "contract::own_account", "contract::pages", "contract::user_import",
        "contract::users", "identity::authorization",
    ]),
    ("web", &["web", "auth", "docs", "health", "openapi", "users"], &[]),
    ("xtask", &["xtask"], &[]),
];

/// A black-box suite.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Suite {
    /// Test program, as `contract`.
    pub program: String,
    /// Module of the program, as `list`.
    pub module: String,
}

impl Suite {
    fn new(program: &str, module: &str) -> Self {
        Self {
            program: program.to_owned(),
            module: module.to_owned(),
        }
    }

    /// Returns true for the suite `name`, as `contract::list`.
    pub fn is(&self, name: &str) -> bool {
        name.split_once("::") == Some((&self.program, &self.module))
    }

    /// Returns true if the suite passes on components that are built quickly, by `profile.wasm-dev` of
    /// Cargo.toml. The others read the files of the release, or measure it.
    pub fn is_quick(&self) -> bool {
        let programs = ["cli", "contract", "identity"];
        programs.contains(&self.program.as_str()) && !self.is("contract::imports")
    }
}

/// Tests that matter after a change.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Area {
    /// Packages whose own tests run.
    pub packages: BTreeSet<String>,
    /// Black-box suites.
    pub suites: BTreeSet<Suite>,
}

impl Area {
    /// Returns the tests of all areas in `words`: names of [`AREAS`], of packages' folders, of programs of
    /// the black-box suites, or of suites, as `list` or `contract::list`. `None` if there is no word, or a
    /// single one that names no area.
    ///
    /// # Errors
    /// If one of several words names no area.
    pub fn named(words: &[String], root: &Path) -> Result<Option<Self>> {
        let mut all = Self::default();
        for word in words {
            match Self::find(word, root)? {
                Some(area) => {
                    all.packages.extend(area.packages);
                    all.suites.extend(area.suites);
                }
                None if words.len() == 1 => return Ok(None),
                None => bail!("{word} is no area: see `cargo xtask test --help`"),
            }
        }
        Ok(Some(all).filter(|_| !words.is_empty()))
    }

    fn find(word: &str, root: &Path) -> Result<Option<Self>> {
        if let Some((_, packages, suites)) = AREAS.iter().find(|(name, ..)| *name == word) {
            let suites = suites.iter().filter_map(|suite| suite.split_once("::"));
            return Ok(Some(Self {
                packages: packages.iter().map(|&name| name.to_owned()).collect(),
                suites: suites
                    .map(|(program, module)| Suite::new(program, module))
                    .collect(),
            }));
        }
        let mut suites = suites(root)?;
        suites.retain(|suite| suite.program == word || suite.module == word || suite.is(word));
        let area = Self {
            packages: package(word, root)?.into_iter().collect(),
            suites,
        };
        Ok(Some(area).filter(|area| *area != Self::default()))
    }
}

/// Name of the package in a folder of that name.
fn package(name: &str, root: &Path) -> Result<Option<String>> {
    for parent in FOLDERS {
        for folder in entries(&root.join(parent))? {
            let path = folder.join("Cargo.toml");
            if folder.file_name().is_some_and(|found| found == name) && path.exists() {
                let manifest: toml::Table = fs::read_to_string(&path)?.parse()?;
                let package = manifest.get("package").and_then(|it| it.get("name"));
                let package = package.and_then(toml::Value::as_str);
                let package = package.with_context(|| format!("{} has no name", path.display()))?;
                return Ok(Some(package.to_owned()));
            }
        }
    }
    Ok(None)
}

/// All black-box suites.
fn suites(root: &Path) -> Result<BTreeSet<Suite>> {
    let mut found = BTreeSet::new();
    for program in entries(&root.join(SUITES))? {
        for file in entries(&program)? {
            let is_suite = file.extension().is_some_and(|extension| extension == "rs");
            if let (Some(program), Some(module)) = (program.file_name(), file.file_stem())
                && is_suite
                && module != "main"
            {
                let suite = Suite::new(&program.to_string_lossy(), &module.to_string_lossy());
                found.insert(suite);
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::workspace::root;

    fn named(words: &[&str]) -> Option<Area> {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        Area::named(&words, root()).unwrap()
    }

    fn area(words: &[&str]) -> (Vec<String>, Vec<String>) {
        let area = named(words).unwrap();
        let suites = area.suites.iter();
        let suites = suites.map(|suite| format!("{}::{}", suite.program, suite.module));
        (area.packages.into_iter().collect(), suites.collect())
    }

    #[test]
    fn a_changed_crate_has_its_tests_and_the_suites_that_matter() {
        let (packages, suites) = area(&["accounts"]);
        assert_eq!(packages, ["accounts"]);
        for suite in ["contract::users", "identity::sessions"] {
            assert!(suites.iter().any(|name| name == suite), "{suites:?}");
        }
        let (packages, suites) = area(&["web"]);
        assert_eq!(
            packages,
            ["auth", "docs", "health", "openapi", "users", "web"]
        );
        assert!(suites.is_empty(), "{suites:?}");
    }

    #[test]
    fn folders_programs_and_suites_are_areas() {
        for (words, packages, suites) in [
            (
                &["cli"][..],
                &["roster-cli"][..],
                &[
                    "cli::audit",
                    "cli::commands",
                    "cli::export",
                    "cli::import",
                    "cli::service_accounts",
                ][..],
            ),
            (&["delivery"], &["delivery"], &[]),
            (&["list"], &[], &["contract::list"]),
            (&["contract::health"], &[], &["contract::health"]),
            (&["pages"], &[], &["contract::pages", "docs::pages"]),
            (&["template"], &[], &["template::new_group"]),
            (
                &["openapi", "list", "spraying"],
                &["openapi"],
                &["attacks::spraying", "contract::list"],
            ),
        ] {
            let (found_packages, found_suites) = area(words);
            assert_eq!(found_packages, packages, "{words:?}");
            assert_eq!(found_suites, suites, "{words:?}");
        }
        let all = suites(root()).unwrap();
        let contract = all.iter().filter(|suite| suite.program == "contract");
        assert!(named(&["contract"]).unwrap().suites.iter().eq(contract));
    }

    #[test]
    fn a_single_unknown_word_is_no_area_and_several_are_an_error() {
        for words in [&[][..], &["a_user_reads_their_account"], &["main"], &[".."]] {
            assert_eq!(named(words), None, "{words:?}");
        }
        let words = ["web", "nothing"].map(str::to_owned);
        let error = Area::named(&words, root()).unwrap_err().to_string();
        assert_eq!(error, "nothing is no area: see `cargo xtask test --help`");
    }

    #[test]
    fn the_table_names_packages_and_suites_that_exist() {
        let all = suites(root()).unwrap();
        for (name, packages, suites) in AREAS {
            for suite in *suites {
                assert!(all.iter().any(|known| known.is(suite)), "{name}: {suite}");
            }
            for package in *packages {
                let folder = package.strip_prefix("roster-").unwrap_or(package);
                let folders = FOLDERS.map(|parent| root().join(parent).join(folder));
                let is_known = folders.iter().any(|folder| folder.exists());
                assert!(
                    is_known || root().join(package).exists(),
                    "{name}: {package}"
                );
            }
        }
    }

    #[test]
    fn suites_that_need_the_release_are_not_quick() {
        let quick = |name: &str| {
            let (program, module) = name.split_once("::").unwrap();
            Suite::new(program, module).is_quick()
        };
        assert!(quick("contract::list") && quick("identity::sessions"));
        for name in [
            "contract::imports",
            "docs::registry",
            "faults::overload",
            "template::new_group",
        ] {
            assert!(!quick(name), "{name}");
        }
    }
}
