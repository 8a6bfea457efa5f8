//! Error responses of the extractors and access control, for the documentation. They are the problem documents
//! themselves, so the documentation matches the responses.

use accounts::user::email::Email;
use accounts::{Error, FieldError};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use serde::de::IgnoredAny;

use crate::Problem;
use crate::auth::access_control;
use crate::auth::endpoints::{Access, Endpoint, Limit};
use crate::extract::body;
use crate::extract::conditional;
use crate::extract::idempotency_key;
use crate::extract::lines;
use crate::extract::parameter::parse_time_query;
use crate::response::problem;

/// Part of a request besides its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Json,
    Lines,
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
            Self::Lines => of_lines(),
            Self::MergePatch => of_json(body::not_a_merge_patch()),
            Self::Form => vec![
                body::incomplete(),
                body::too_slow(),
                problem::too_large(),
                body::not_a_form(),
                body::coded(),
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
                let mut refusals = vec![idempotency_key::invalid()];
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

fn of_lines() -> Vec<Problem> {
    let mut refusals = vec![
        body::incomplete(),
        body::too_slow(),
        lines::too_large(),
        lines::not_lines(),
        body::coded(),
    ];
    refusals.extend(lines::split_array(b"[{\"email\":").err());
    refusals.push(lines::too_many());
    refusals
}

/// Error response for a value that is not an email.
fn no_email(field: &'static str) -> Problem {
    let detail = Email::parse("ada").err();
    Problem::invalid(detail.map(|detail| FieldError::new(field, detail)))
}

/// Error response for a `limit` that is not a number.
fn no_limit() -> Option<Problem> {
    let refused = parse_time_query(Some("none"), None, None).err();
    refused.map(Problem::from)
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
    match endpoint.scope() {
        Some(scope) => refusals.push(Problem::insufficient_scope(scope)),
        None if endpoint.access() != Access::Anyone => refusals.push(Problem::users_only()),
        None => {}
    }
    // Unknown API keys are always limited.
    if endpoint.limit() == Limit::General || endpoint.access() != Access::Anyone {
        refusals.push(access_control::rate_limited(42));
    }
    refusals.push(Problem::internal("an internal error"));
    refusals
}
