//! First admin of `cargo xtask up`.

use accounts::Error;
use accounts::session::bootstrap::parse_password;
use accounts::user::email::Email;
use anyhow::{Result, anyhow, bail};
use devservices::random_password;

use crate::database::operator::{Operator, explain};
use crate::dev::settings::Settings;

const EMAIL: &str = "admin@example.com";

/// Email and password for the first admin.
pub struct FirstAdmin {
    email: Email,
    password: Option<String>,
}

/// An admin who can log in.
#[derive(Debug, PartialEq, Eq)]
pub struct Admin {
    pub email: String,
    /// `None` when it was not generated now.
    pub password: Option<String>,
}

impl FirstAdmin {
    /// Takes the first admin out of `settings`: it is created before anyone logs in, so the app does
    /// not need the password.
    pub fn take(settings: &mut Settings) -> Result<Self> {
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
        let refused =
            |name: &str, problem: &str| anyhow!("{name} (or SPIN_VARIABLE_{name}) {problem}");
        let email = Email::parse(email.as_deref().unwrap_or(EMAIL))
            .map_err(|problem| refused("BOOTSTRAP_ADMIN_EMAIL", problem))?;
        if let Some(password) = &password {
            parse_password(&email, password)
                .map_err(|problem| refused("BOOTSTRAP_ADMIN_PASSWORD", problem))?;
        }
        Ok(Self { email, password })
    }

    /// Creates the admin in a database that never had one; else returns the oldest one.
    pub async fn provide(&self, operator: &Operator) -> Result<Admin> {
        let generated = match self.password {
            Some(_) => None,
            None => Some(random_password()?),
        };
        let password = self.password.as_ref().or(generated.as_ref());
        let password = password.map(String::as_str).unwrap_or_default();
        match operator.create_first_admin(&self.email, password).await {
            Ok(true) => Ok(Admin {
                email: self.email.as_str().to_owned(),
                password: generated,
            }),
            Ok(false) => {
                let admins = operator.admins().await.map_err(explain)?;
                let oldest = admins.iter().find(|admin| admin.is_active);
                let email = oldest.map_or(&self.email, |admin| &admin.email);
                Ok(Admin {
                    email: email.as_str().to_owned(),
                    password: None,
                })
            }
            Err(Error::EmailTaken) => bail!(
                "cannot create the first admin: {} is a user without the admin role; set another \
                 email in BOOTSTRAP_ADMIN_EMAIL",
                self.email.as_str()
            ),
            Err(error) => Err(explain(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FirstAdmin;
    use crate::dev::settings::Settings;

    fn take(password: &str) -> Result<FirstAdmin, String> {
        let mut settings = Settings::default();
        settings.set("bootstrap_admin_password", password);
        let taken = FirstAdmin::take(&mut settings).map_err(|error| error.to_string());
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
            let refused = take(password).err().unwrap();
            assert!(
                refused.starts_with("BOOTSTRAP_ADMIN_PASSWORD "),
                "{refused}"
            );
            assert!(refused.contains(problem), "{refused}");
            assert!(!refused.contains(password), "{refused}");
        }
        assert!(take("correct horse").is_ok() && take("").is_ok());
    }
}
