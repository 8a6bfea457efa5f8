//! First admin of a database, as for `cargo xtask up`.

use accounts::Error;
use accounts::user::email::Email;
use anyhow::{Result, bail};

use crate::operator::{Operator, explain};
use crate::password::random_password;

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
    /// Returns a first admin; without a password, one is generated.
    pub fn new(email: Email, password: Option<String>) -> Self {
        Self { email, password }
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
