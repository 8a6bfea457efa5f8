//! A user with everything that another system needs to take them over.

use spin_pg_bindings::postgres::{self, FromRow, Row};

use crate::User;
use crate::password::PasswordHash;

/// A user of an export.
#[derive(Debug)]
pub struct ExportedUser {
    pub user: User,
    /// `None` if hashes were not requested, or if the user has no password.
    pub password_hash: Option<PasswordHash>,
}

impl FromRow for ExportedUser {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let hash: Option<String> = row.get("password_hash")?;
        Ok(Self {
            user: User::from_row(row)?,
            password_hash: hash.map(PasswordHash::stored),
        })
    }
}
