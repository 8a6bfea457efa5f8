//! Error responses of the extractors and access control, for the documentation. They are the problem documents
//! themselves, so the documentation matches the responses.

use accounts::idempotency::IdempotencyKey;
use accounts::user::email::Email;
use accounts::user::service::list::{ListParameters, ListQuery};
use accounts::{Error, FieldError};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use serde::de::IgnoredAny;

use crate::Problem;
use crate::auth::access_control;
use crate::auth::endpoints::{Access, Endpoint, Limit};
use crate::extract::body;
use crate::extract::conditional;
use crate::extract::idempotency_key;
use crate::response::problem;

/// Part of a request besides its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Json,
    MergePatch,
    Form,
    Query,
    IfMatch,
    IfNoneMatch,
    IdempotencyKey,
}

impl Part {
    /// Error responses of the part's extractor.
    pub fn refusals(self) -> Vec<Problem> {
        let entity_tags = |name| vec![conditional::malformed(name)];
        match self {
            Self::Json => of_json(body::not_json()),
            Self::MergePatch => of_json(body::not_a_merge_patch()),
            Self::Form => vec![
                body::incomplete(),
                body::too_slow(),
                problem::too_large(),
                body::not_a_form(),
                body::coded(),
                no_email("username").into_oauth(),
                Problem::unsupported_grant_type(),
            ],
            Self::Query => no_limit().into_iter().collect(),
            Self::IfNoneMatch => {
                let mut refusals = entity_tags(&IF_NONE_MATCH);
                refusals.push(Error::Excluded.into());
                refusals
            }
            Self::IfMatch => {
                let mut refusals = entity_tags(&IF_MATCH);
                refusals.push(Error::Stale.into());
                refusals.push(Problem::precondition_required());
                refusals
            }
            Self::IdempotencyKey => {
                let malformed = IdempotencyKey::parse("").err();
                let mut refusals: Vec<_> = malformed
                    .map(idempotency_key::malformed)
                    .into_iter()
                    .collect();
                let kept = [Error::KeyInFlight, Error::KeyReused, Error::Gone];
                refusals.extend(kept.map(Problem::from));
                refusals
            }
        }
    }
}

fn of_json(other_type: Problem) -> Vec<Problem> {
    let malformed = body::parse::<IgnoredAny>(b"{\"email\":").err();
    let mut refusals = vec![
        body::incomplete(),
        body::too_slow(),
        problem::too_large(),
        other_type,
        body::coded(),
    ];
    refusals.extend(malformed);
    refusals.push(no_email("email"));
    refusals
}

/// Error response for a value that is not an email.
fn no_email(field: &str) -> Problem {
    let detail = Email::parse("ada").err();
    let errors = detail.map(|detail| FieldError::new(field, detail));
    Problem::invalid(errors.into_iter().collect())
}

/// Error response for a `limit` that is not a number.
fn no_limit() -> Option<Problem> {
    let parameters = ListParameters {
        limit: Some("none".into()),
        ..ListParameters::default()
    };
    ListQuery::parse(&parameters).err().map(Problem::from)
}

/// Error responses of access control, by the endpoint's row in the table, and those that any handler may return.
pub fn of_access_control(endpoint: Endpoint) -> Vec<Problem> {
    let mut refusals = Vec::new();
    if endpoint.access() != Access::Anyone {
        refusals.push(Problem::unauthenticated("Bearer", "no token"));
        refusals.push(Problem::unavailable("Postgres does not respond"));
    }
    match endpoint.access() {
        Access::Admin => refusals.push(Problem::forbidden()),
        Access::SelfOrAdmin => refusals.push(Problem::not_found()),
        Access::Anyone | Access::SignedIn => {}
    }
    if endpoint.limit() == Limit::General {
        refusals.push(access_control::rate_limited(42));
    }
    refusals.push(Problem::internal("an internal error"));
    refusals
}
