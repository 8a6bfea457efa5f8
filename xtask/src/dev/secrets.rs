//! Secrets that no setting provides: generated once, so that cursors and tokens stay valid across
//! starts.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use devservices::random_hex;

use crate::dev::settings::Settings;

/// Bytes per secret, as twice as many hex digits.
const BYTES: usize = 32;

/// Adds the missing secrets to `settings` from the file at `path`, which is completed.
pub fn complete(settings: &mut Settings, path: &Path) -> Result<()> {
    let mut names = vec!["cursor_key"];
    // EdDSA uses keys instead, which only their owner can create.
    if settings
        .get("jwt_algorithm")
        .is_none_or(|algorithm| algorithm == "HS256")
    {
        names.push("jwt_secret");
    }
    names.retain(|name| settings.get(name).is_none());
    let kept = Settings::from_file(path)?;
    for name in names {
        match kept.get(name) {
            Some(secret) => settings.set(name, secret),
            None => {
                let secret = random_hex(BYTES)?;
                append(path, name, &secret)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                settings.set(name, &secret);
            }
        }
    }
    Ok(())
}

fn append(path: &Path, name: &str, secret: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    let line = format!("SPIN_VARIABLE_{}={secret}\n", name.to_ascii_uppercase());
    file.write_all(line.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::complete;
    use crate::dev::settings::Settings;

    #[test]
    fn only_missing_secrets_are_generated_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.env");
        let mut eddsa = Settings::default();
        eddsa.set("jwt_algorithm", "EdDSA");
        complete(&mut eddsa, &path).unwrap();
        assert_eq!(eddsa.get("jwt_secret"), None);
        let cursor_key = eddsa.get("cursor_key").unwrap();
        assert_eq!(cursor_key.len(), 64);

        // A file of an earlier release has only the cursor key.
        let mut first = Settings::default();
        complete(&mut first, &path).unwrap();
        assert_eq!(first.get("cursor_key"), Some(cursor_key));
        let jwt_secret = first.get("jwt_secret").unwrap();
        assert_eq!(jwt_secret.len(), 64);
        assert_ne!(jwt_secret, cursor_key);

        let mut second = Settings::default();
        second.set("cursor_key", "of the environment");
        complete(&mut second, &path).unwrap();
        assert_eq!(second.get("cursor_key"), Some("of the environment"));
        assert_eq!(second.get("jwt_secret"), Some(jwt_secret));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
