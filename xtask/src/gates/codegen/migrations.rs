//! Migrations in the deployment: the files of the ConfigMap, and the name of the Job.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Names of the SQL files in `migrations/` below `root`, in order.
pub(crate) fn names(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("migrations");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".sql") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// `kustomization` with the list of files replaced.
pub(crate) fn kustomization(kustomization: &str, names: &[String]) -> Result<String> {
    const FILES: &str = "    files:\n";
    let (head, _) = kustomization
        .split_once(FILES)
        .with_context(|| format!("missing {FILES:?}"))?;
    let files: String = names
        .iter()
        .map(|name| format!("      - {name}\n"))
        .collect();
    Ok(format!("{head}{FILES}{files}"))
}

/// `job` with the number of the last migration in its name.
pub(crate) fn job(job: &str, names: &[String]) -> Result<String> {
    const NAME: &str = "\n  name: migrate-";
    let last = names.last().context("migrations/ has no migration")?;
    let (number, _) = last
        .split_once('_')
        .with_context(|| format!("{last} has no number"))?;
    let (head, rest) = job
        .split_once(NAME)
        .with_context(|| format!("missing {NAME:?}"))?;
    let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    Ok(format!("{head}{NAME}{number}{tail}"))
}

#[cfg(test)]
mod tests {
    use super::{job, kustomization};

    #[test]
    fn the_job_has_the_number_of_the_last_migration() {
        let names = ["0001_users.sql".to_owned(), "0002_orders.sql".to_owned()];
        let listed = kustomization("a:\n    files:\n      - 0001_users.sql\n", &names).unwrap();
        assert_eq!(
            listed,
            "a:\n    files:\n      - 0001_users.sql\n      - 0002_orders.sql\n"
        );
        let named = job("metadata:\n  name: migrate-0001\n  labels:\n", &names).unwrap();
        assert_eq!(named, "metadata:\n  name: migrate-0002\n  labels:\n");
        assert!(job("metadata: {}", &names).is_err());
    }
}
