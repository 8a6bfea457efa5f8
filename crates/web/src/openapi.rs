//! Shared parts of the endpoints' OpenAPI documentation: request headers, list parameters and error
//! responses.
//!
//! Handlers are documented with `#[utoipa::path]`, bodies with `ToSchema`; the crate `openapi` generates the
//! document from them. Nothing here runs in a component.

mod error_responses;

use accounts::pagination::DEFAULT_LIMIT;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Object, ObjectBuilder, Required, Type};

use crate::extract::conditional::{IfMatch, IfNoneMatch};
pub use error_responses::{Part, of_access_control};

/// The `Idempotency-Key` header of a request that can be retried.
pub struct IdempotencyKeyHeader;

impl IntoParams for IdempotencyKeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "Idempotency-Key",
            "A name for this request, such as a UUID, for 24 hours: sent again with the same body it gets the same \
             answer and does nothing twice; with another body it is refused.",
            Some(r"^[\x21-\x7E]{1,255}$"),
        )]
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "If-Match",
            "Change only the version with one of these entity tags, such as `\"v3\"`; 412 when there is a newer one.",
            None,
        )]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "If-None-Match",
            "Entity tags that the client already has, such as `\"v3\"`. When one is current, a read is 304 without a \
             body, and a change is 412; `*` is always current.",
            None,
        )]
    }
}

/// The parameter `sort` of a list that is ordered by time.
pub fn time_sort() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Oldest or newest (`-created_at`) first."))
        .enum_values(Some(["created_at", "-created_at"]))
        .default(Some("-created_at".into()))
        .build()
}

/// The parameter `limit` of a list.
pub fn limit() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(
            "The most items on a page; more than 100 is taken as 100.",
        ))
        .minimum(Some(1))
        .default(Some(DEFAULT_LIMIT.into()))
        .build()
}

fn header(name: &str, description: &str, pattern: Option<&str>) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(pattern);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}
