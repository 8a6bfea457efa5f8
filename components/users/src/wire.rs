//! The JSON of the users resource: what clients send and what they get.
//!
//! Requests name every field that they may have; any other is refused.

use accounts::error::FieldErrors;
use accounts::password::{Guess, Password};
use accounts::passwords::ResetToken;
use accounts::users::list::ListParameters;
use accounts::{Error, FieldError, NewUser, UserPatch};
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

/// Body of `POST /api/v1/users`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    email: String,
    full_name: String,
    password: Option<String>,
    role: Option<String>,
    is_active: Option<bool>,
}

impl CreateUser {
    pub fn parse(self) -> Result<NewUser, Error> {
        let role = self.role.as_deref();
        NewUser::parse(
            &self.email,
            &self.full_name,
            self.password,
            role,
            self.is_active,
        )
    }
}

/// Body of `PATCH /api/v1/users/{id}`: a merge patch of fields that cannot be removed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchUser {
    #[serde(default, deserialize_with = "not_null")]
    email: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    role: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    is_active: Option<bool>,
}

impl PatchUser {
    /// Whether it has anything that users may not change of themselves here.
    pub fn is_for_admins(&self) -> bool {
        self.email.is_some() || self.role.is_some() || self.is_active.is_some()
    }

    pub fn parse(self) -> Result<UserPatch, Error> {
        let (email, full_name) = (self.email.as_deref(), self.full_name.as_deref());
        UserPatch::parse(email, full_name, self.role.as_deref(), self.is_active)
    }
}

/// In a merge patch `null` removes a member (RFC 7396); a user keeps all of theirs.
fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Query of `GET /api/v1/users`. Text, so that each refusal can say what it wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListUsers {
    pub cursor: Option<String>,
    limit: Option<String>,
    sort: Option<String>,
    email: Option<String>,
    role: Option<String>,
    is_active: Option<String>,
    q: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
    include_total: Option<String>,
}

impl From<ListUsers> for ListParameters {
    fn from(query: ListUsers) -> Self {
        Self {
            limit: query.limit,
            sort: query.sort,
            email: query.email,
            role: query.role,
            is_active: query.is_active,
            q: query.q,
            created_after: query.created_after,
            created_before: query.created_before,
            include_total: query.include_total,
        }
    }
}

/// Body of `PATCH /api/v1/users/me`. A new email takes the current password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchMe {
    #[serde(default, deserialize_with = "not_null")]
    email: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    current_password: Option<String>,
}

impl PatchMe {
    pub fn parse(self) -> Result<(UserPatch, Guess), Error> {
        if self.email.is_some() && self.current_password.is_none() {
            let missing = FieldError::new("current_password", "is needed to change the email");
            return Err(Error::Invalid(vec![missing]));
        }
        let (email, full_name) = (self.email.as_deref(), self.full_name.as_deref());
        let patch = UserPatch::parse(email, full_name, None, None)?;
        let guess = self.current_password.unwrap_or_default();
        Ok((patch, parse_guess("current_password", guess)?))
    }
}

/// Body of `DELETE /api/v1/users/me`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    current_password: String,
}

impl DeleteMe {
    pub fn parse(self) -> Result<Guess, Error> {
        parse_guess("current_password", self.current_password)
    }
}

/// Body of `PUT /api/v1/users/me/password`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    old_password: String,
    new_password: String,
}

impl ChangePassword {
    pub fn parse(self) -> Result<(Guess, Password), Error> {
        let mut errors = FieldErrors::default();
        let old = errors.check("old_password", Guess::parse(self.old_password));
        let new = errors.check("new_password", Password::parse(self.new_password));
        errors.finish(old.zip(new))
    }
}

fn parse_guess(field: &str, text: String) -> Result<Guess, Error> {
    Guess::parse(text).map_err(|detail| Error::Invalid(vec![FieldError::new(field, detail)]))
}

/// Answer of `POST /api/v1/users/{id}/reset-token`: the only time that the token is shown.
#[derive(Serialize)]
pub struct ResetTokenView {
    reset_token: String,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

impl From<ResetToken> for ResetTokenView {
    fn from(created: ResetToken) -> Self {
        Self {
            reset_token: created.token.reveal().to_owned(),
            expires_at: created.expires_at,
        }
    }
}
