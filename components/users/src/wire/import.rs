//! JSON of an import.

use accounts::user::email::Email;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::user::imported::{ImportLine, ImportedUser, LineOutcome, LineStatus};
use accounts::{Error, FieldError, Role};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A line of `POST /api/v1/users/import`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportUser {
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = FullName)]
    full_name: String,
    /// Defaults to `user`.
    #[schema(value_type = Option<Role>)]
    role: Option<String>,
    /// Defaults to `true`.
    is_active: Option<bool>,
    #[schema(value_type = Option<ExternalId>)]
    external_id: Option<String>,
    /// From 1970 to now; defaults to now.
    #[schema(value_type = Option<OffsetDateTime>, example = "2019-05-01T08:00:00Z")]
    created_at: Option<String>,
    /// Hash of the user's password: bcrypt (`$2a$`, `$2b$`, `$2y$`; cost up to 14), Argon2 in PHC form (up to 64 MiB, 4
    /// lanes, and 512 MiB over all passes), PBKDF2 of passlib (`$pbkdf2-sha256$`, `$pbkdf2-sha512$`) or Django
    /// (`pbkdf2_sha256$`; up to 2,000,000 rounds), or scrypt in PHC form (up to 64 MiB, and 128 MiB over all lanes). It
    /// is replaced at the user's first login. Without it, the user cannot sign in before a password reset.
    #[schema(
        max_length = 256,
        example = "$2b$12$MppoAaJxMaoqV7/CIUOv5e3lG8letUhujKhBplG7YO/N7WdRd6uK2"
    )]
    password_hash: Option<String>,
}

impl ImportUser {
    pub fn parse(self, now: OffsetDateTime) -> Result<ImportedUser, Error> {
        let line = ImportLine {
            email: self.email,
            full_name: self.full_name,
            role: self.role,
            is_active: self.is_active,
            external_id: self.external_id,
            created_at: self.created_at,
            password_hash: self.password_hash,
        };
        ImportedUser::parse(line, now)
    }
}

/// Results of an import.
#[derive(Serialize, ToSchema)]
pub struct ImportReport {
    /// Number of new users.
    #[schema(minimum = 0, example = 1)]
    created: usize,
    /// Number of lines whose user exists already.
    #[schema(minimum = 0, example = 0)]
    unchanged: usize,
    /// Number of lines that were not imported.
    #[schema(minimum = 0, example = 1)]
    rejected: usize,
    /// One result per line, in order.
    results: Vec<ImportResult>,
}

/// Result of one line of an import.
#[derive(Serialize, ToSchema)]
pub struct ImportResult {
    /// Number of the line, or of the item of the array, from 1.
    #[schema(minimum = 1, example = 1)]
    line: usize,
    status: LineStatus,
    /// Id of the user; absent for a rejected line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    id: Option<Uuid>,
    /// Invalid values of a rejected line; absent for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

impl From<(usize, LineOutcome)> for ImportResult {
    fn from((line, outcome): (usize, LineOutcome)) -> Self {
        let (status, id, errors) = match outcome {
            LineOutcome::Created(user) => (LineStatus::Created, Some(user.0), Vec::new()),
            LineOutcome::Unchanged(user) => (LineStatus::Unchanged, Some(user.0), Vec::new()),
            LineOutcome::Rejected(errors) => (LineStatus::Rejected, None, errors),
        };
        Self {
            line,
            status,
            id,
            errors,
        }
    }
}

impl From<Vec<(usize, LineOutcome)>> for ImportReport {
    fn from(outcomes: Vec<(usize, LineOutcome)>) -> Self {
        let results: Vec<ImportResult> = outcomes.into_iter().map(ImportResult::from).collect();
        let count = |status| {
            let with_status = results.iter().filter(|result| result.status == status);
            with_status.count()
        };
        Self {
            created: count(LineStatus::Created),
            unchanged: count(LineStatus::Unchanged),
            rejected: count(LineStatus::Rejected),
            results,
        }
    }
}
