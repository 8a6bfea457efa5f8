//! JSON of service accounts and their keys.

use accounts::error::FieldErrors;
use accounts::pagination::TimeQuery;
use accounts::service_account::key::{NewKey, StoredKey};
use accounts::service_account::{AccountName, NewServiceAccount, ServiceAccountPatch};
use accounts::{Error, Scope, ServiceAccount};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::extract::body::not_null;
use web::extract::parameter::parse_time_query;
use web::response::list::List;

/// Validity of a key without `expires_in_days`.
const DEFAULT_DAYS: i64 = 90;

/// Body of `POST /api/v1/service-accounts`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateServiceAccount {
    #[schema(value_type = AccountName)]
    name: String,
    /// Operations that the account may use.
    #[schema(value_type = Vec<Scope>, min_items = 1, example = json!(["users:read"]))]
    scopes: Vec<String>,
}

impl CreateServiceAccount {
    pub fn parse(&self) -> Result<NewServiceAccount, Error> {
        NewServiceAccount::parse(&self.name, &self.scopes)
    }
}

/// Body of `PATCH /api/v1/service-accounts/{id}`: a merge patch. No field can be removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchServiceAccount {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = AccountName, required = false)]
    name: Option<String>,
    /// All scopes of the account from now on.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Vec<Scope>, required = false, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// False: all keys of the account are rejected until it is active again.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    is_active: Option<bool>,
}

impl PatchServiceAccount {
    pub fn parse(&self) -> Result<ServiceAccountPatch, Error> {
        ServiceAccountPatch::parse(self.name.as_deref(), self.scopes.as_deref(), self.is_active)
    }
}

/// Body of `POST /api/v1/service-accounts/{id}/keys`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// Defaults to 90.
    #[schema(minimum = 1, maximum = 730, example = 90)]
    expires_in_days: Option<i64>,
}

impl CreateApiKey {
    /// Returns the number of days for which the key is valid.
    pub fn parse(&self) -> Result<i32, Error> {
        let mut errors = FieldErrors::default();
        let days = self.expires_in_days.unwrap_or(DEFAULT_DAYS);
        let days = i32::try_from(days).ok();
        let days = days.filter(|days| (1..=730).contains(days));
        let days = errors.check("expires_in_days", days.ok_or("must be from 1 to 730"));
        errors.finish(days)
    }
}

/// A service account.
#[derive(Serialize, ToSchema)]
#[schema(as = ServiceAccount)]
pub struct ServiceAccountView {
    /// UUIDv7; ids sort by creation time.
    #[schema(example = "019927e4-1f30-7a51-8e0c-2b7d9f4a6c10")]
    id: Uuid,
    #[schema(value_type = AccountName)]
    name: String,
    #[schema(example = json!(["users:read"]))]
    scopes: Vec<Scope>,
    /// True when the keys of the account are accepted.
    #[schema(example = true)]
    is_active: bool,
    /// At most two, so that a new key can replace an old one without a gap.
    keys: Vec<ApiKeyView>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T09:30:00.123456Z")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T10:15:30.5Z")]
    updated_at: OffsetDateTime,
    /// Increases with every change of the account and its keys; the ETag is derived from it.
    #[schema(minimum = 1, example = 3)]
    version: i64,
}

impl From<ServiceAccount> for ServiceAccountView {
    fn from(account: ServiceAccount) -> Self {
        Self {
            id: account.id.0,
            name: account.name.as_str().to_owned(),
            scopes: account.scopes.as_slice().to_vec(),
            is_active: account.is_active,
            keys: account.keys.into_iter().map(ApiKeyView::from).collect(),
            created_at: account.created_at,
            updated_at: account.updated_at,
            version: account.version,
        }
    }
}

/// A page of service accounts.
pub type ServiceAccountList = List<ServiceAccountView>;

/// A key of a service account, without the key itself.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    #[schema(example = "019927e4-5c02-7d13-9a44-7e1f0b3c5d22")]
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T09:30:00.123456Z")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2027-02-22T09:30:00.123456Z")]
    expires_at: OffsetDateTime,
    /// Day of the last use (UTC); `null` for a key that was not used yet.
    #[schema(required = true, format = "date", example = "2026-11-28")]
    last_used_on: Option<String>,
}

impl From<StoredKey> for ApiKeyView {
    fn from(key: StoredKey) -> Self {
        Self {
            id: key.id.0,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_on: key.last_used_on,
        }
    }
}

/// A new key.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub struct NewApiKeyView {
    #[schema(example = "019927e4-5c02-7d13-9a44-7e1f0b3c5d22")]
    id: Uuid,
    /// The key for the `Authorization` header, as `Bearer <key>`. It is shown only once.
    #[schema(
        pattern = "^rsk_[0-9a-f]{104}$",
        example = "rsk_019927e41f307a518e0c2b7d9f4a6c100a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9c0ffee12"
    )]
    key: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2027-02-22T09:30:00.123456Z")]
    expires_at: OffsetDateTime,
}

impl NewApiKeyView {
    /// `account` is the account with the key; `None` if it does not have the key.
    pub fn new(key: &NewKey, account: &ServiceAccount) -> Option<Self> {
        let stored = account.keys.iter().find(|stored| stored.id == key.id)?;
        Some(Self {
            id: key.id.0,
            key: key.reveal().to_owned(),
            expires_at: stored.expires_at,
        })
    }
}

/// Query of `GET /api/v1/service-accounts`. Fields are text, so that each error can describe the expected value.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListServiceAccounts {
    /// `next` of the previous page. All parameters except `limit` and `include_total` must be the same as for
    /// that page.
    pub cursor: Option<String>,
    #[param(schema_with = web::openapi::limit)]
    limit: Option<String>,
    #[param(schema_with = web::openapi::time_sort)]
    sort: Option<String>,
    /// `true` adds `total`, the number of service accounts on all pages.
    #[param(value_type = Option<bool>, default = false)]
    include_total: Option<String>,
}

impl ListServiceAccounts {
    /// Parses the parameters and reports all errors at once.
    pub fn parse(&self) -> Result<TimeQuery, Error> {
        parse_time_query(
            self.limit.as_deref(),
            self.sort.as_deref(),
            self.include_total.as_deref(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_valid_for_90_days_and_at_most_two_years() {
        let parse = |expires_in_days| CreateApiKey { expires_in_days }.parse();
        assert_eq!(parse(None), Ok(90));
        assert_eq!((parse(Some(1)), parse(Some(730))), (Ok(1), Ok(730)));
        for bad in [0, -1, 731, i64::MAX] {
            assert!(parse(Some(bad)).is_err(), "{bad}");
        }
    }
}
