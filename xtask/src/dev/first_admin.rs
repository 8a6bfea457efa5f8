//! First admin of `cargo xtask up`, as the settings describe it.

use accounts::session::bootstrap::parse_password;
use accounts::user::email::Email;
use anyhow::{Result, anyhow};
use roster_admin::FirstAdmin;

use crate::dev::settings::Settings;

const EMAIL: &str = "admin@example.com";

/// Takes the first admin out of `settings`: it is created before anyone logs in, so the app does not need
/// the password.
pub fn take(settings: &mut Settings) -> Result<FirstAdmin> {
    let mut take = |name| {
        let value = settings.get(name).map(str::to_owned);
        // Set to an empty value, so that the host does not use the one in its own environment.
        settings.set(name, "");
        value
    };
    let (email, password) = (
        take("bootstrap_admin_email"),
        take("bootstrap_admin_password"),
    );
    let refused = |name: &str, problem: &str| anyhow!("{name} (or SPIN_VARIABLE_{name}) {problem}");
    let email = Email::parse(email.as_deref().unwrap_or(EMAIL))
        .map_err(|problem| refused("BOOTSTRAP_ADMIN_EMAIL", problem))?;
    if let Some(password) = &password {
        parse_password(&email, password)
            .map_err(|problem| refused("BOOTSTRAP_ADMIN_PASSWORD", problem))?;
    }
    Ok(FirstAdmin::new(email, password))
}

#[cfg(test)]
mod tests {
    use roster_admin::FirstAdmin;

    use crate::dev::settings::Settings;

    fn parsed(password: &str) -> Result<FirstAdmin, String> {
        let mut settings = Settings::default();
        settings.set("bootstrap_admin_password", password);
        let taken = super::take(&mut settings).map_err(|error| error.to_string());
        assert_eq!(settings.get("bootstrap_admin_password"), None);
        taken
    }

    #[test]
    fn an_invalid_password_is_rejected_with_its_variable() {
        for (password, problem) in [
            ("short", "8 characters"),
            ("password1", "most common"),
            ("elevenchars", "12 characters"),
            ("replace-me-soon", "placeholder"),
        ] {
            let refused = parsed(password).err().unwrap();
            assert!(
                refused.starts_with("BOOTSTRAP_ADMIN_PASSWORD "),
                "{refused}"
            );
            assert!(refused.contains(problem), "{refused}");
            assert!(!refused.contains(password), "{refused}");
        }
        assert!(parsed("correct horse").is_ok() && parsed("").is_ok());
    }
}
