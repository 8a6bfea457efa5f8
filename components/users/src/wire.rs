//! JSON of the users resource: request and response bodies, and queries.
//!
//! Requests with unknown fields are rejected.

pub mod audit;
pub mod events;
pub mod export;
pub mod import;
pub mod list;
pub mod own_data;

use accounts::error::FieldErrors;
use accounts::password::service::ResetToken;
use accounts::password::{Password, SubmittedPassword};
use accounts::user::attributes::Attributes;
use accounts::user::attributes::schema::Schema;
use accounts::user::email::Email;
use accounts::user::full_name::FullName;
use accounts::{Error, NewUser, Role, UserPatch};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;
use web::extract::body::not_null;

/// Body of `POST /api/v1/users`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = FullName)]
    full_name: String,
    /// Optional: without a password, the user cannot sign in before a password reset.
    #[schema(value_type = Option<Password>)]
    password: Option<String>,
    /// Defaults to `user`.
    #[schema(value_type = Option<Role>)]
    role: Option<String>,
    /// Defaults to `true`.
    is_active: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Attributes, required = false)]
    attributes: Map<String, Value>,
}

impl CreateUser {
    pub fn parse(self, schema: &Schema) -> Result<NewUser, Error> {
        let role = self.role.as_deref();
        let new = NewUser::parse(
            &self.email,
            &self.full_name,
            self.password,
            role,
            self.is_active,
        );
        let (new, attributes) = Error::both(new, schema.new_attributes(self.attributes))?;
        Ok(NewUser { attributes, ..new })
    }
}

/// Body of `PATCH /api/v1/users/{id}`: a merge patch. No field can be removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchUser {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Email, required = false)]
    email: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = FullName, required = false)]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Role, required = false)]
    role: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    is_active: Option<bool>,
    /// Merge patch of the attributes; `null` removes one.
    #[serde(default)]
    #[schema(value_type = Attributes, required = false)]
    attributes: Map<String, Value>,
    /// Current password of the caller. Required to change `email` or `role` of another admin.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = SubmittedPassword, required = false)]
    current_password: Option<String>,
}

impl PatchUser {
    pub fn has_email(&self) -> bool {
        self.email.is_some()
    }

    pub fn parse(
        self,
        editor: Role,
        schema: &Schema,
    ) -> Result<(UserPatch, Option<SubmittedPassword>), Error> {
        let (email, full_name) = (self.email.as_deref(), self.full_name.as_deref());
        let role = self.role.as_deref();
        let patch = UserPatch::parse_by(editor, email, full_name, role, self.is_active);
        let (patch, attributes) = Error::both(patch, schema.patch_by(editor, self.attributes))?;
        let patch = UserPatch {
            attributes,
            ..patch
        };
        Ok((patch, parse_current_password(self.current_password)?))
    }
}

/// Body of `PATCH /api/v1/users/me`: a merge patch. A new email requires the current password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchMe {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Email, required = false)]
    email: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = FullName, required = false)]
    full_name: Option<String>,
    /// Merge patch of the attributes; `null` removes one. Only those that users may write.
    #[serde(default)]
    #[schema(value_type = Attributes, required = false)]
    attributes: Map<String, Value>,
    /// Required to change the email.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = SubmittedPassword, required = false)]
    current_password: Option<String>,
}

impl PatchMe {
    pub fn parse(
        self,
        editor: Role,
        schema: &Schema,
    ) -> Result<(UserPatch, SubmittedPassword), Error> {
        if self.email.is_some() && self.current_password.is_none() {
            let detail = "is required to change the email";
            return Err(Error::invalid("current_password", detail));
        }
        let (email, full_name) = (self.email.as_deref(), self.full_name.as_deref());
        let patch = UserPatch::parse(email, full_name, None, None);
        let (patch, attributes) = Error::both(patch, schema.patch_by(editor, self.attributes))?;
        let patch = UserPatch {
            attributes,
            ..patch
        };
        let submitted = self.current_password.unwrap_or_default();
        Ok((
            patch,
            parse_submitted_password("current_password", submitted)?,
        ))
    }
}

/// Optional body of `DELETE /api/v1/users/{id}` and `POST /api/v1/users/{id}/reset-token`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Current password of the caller. Required when the user is another admin.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = SubmittedPassword, required = false)]
    current_password: Option<String>,
}

impl Confirmation {
    pub fn parse(self) -> Result<Option<SubmittedPassword>, Error> {
        parse_current_password(self.current_password)
    }
}

/// Body of `DELETE /api/v1/users/me`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    #[schema(value_type = SubmittedPassword)]
    current_password: String,
}

impl DeleteMe {
    pub fn parse(self) -> Result<SubmittedPassword, Error> {
        parse_submitted_password("current_password", self.current_password)
    }
}

/// Body of `PUT /api/v1/users/me/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(value_type = SubmittedPassword)]
    old_password: String,
    #[schema(value_type = Password)]
    new_password: String,
}

impl ChangePassword {
    pub fn parse(self) -> Result<(SubmittedPassword, Password), Error> {
        let mut errors = FieldErrors::default();
        let old = errors.check("old_password", SubmittedPassword::parse(self.old_password));
        let new = errors.check("new_password", Password::parse(self.new_password));
        errors.finish(old.zip(new))
    }
}

fn parse_current_password(text: Option<String>) -> Result<Option<SubmittedPassword>, Error> {
    text.map(|text| parse_submitted_password("current_password", text))
        .transpose()
}

fn parse_submitted_password(field: &'static str, text: String) -> Result<SubmittedPassword, Error> {
    SubmittedPassword::parse(text).map_err(|detail| Error::invalid(field, detail))
}

/// Response of `POST /api/v1/users/{id}/reset-token`. The token is shown only once.
#[derive(Serialize, ToSchema)]
#[schema(as = ResetToken)]
pub struct ResetTokenView {
    /// Token for `POST /api/v1/auth/reset`; can be used once.
    #[schema(example = "0nZ4Lr5jD2l1xN0tV4i2Yc1w6m8bO3sQ7kE9uA5fTgI")]
    reset_token: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T10:30:00Z")]
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
