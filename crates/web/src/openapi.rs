//! Shared parts of the endpoints' OpenAPI documentation: request headers, list parameters and error
//! responses.
//!
//! Handlers are documented with `#[utoipa::path]`, bodies with `ToSchema`; the crate `openapi` generates the
//! document from them. Nothing here runs in a component.

mod error_responses;

use accounts::ServiceAccountId;
use accounts::pagination::PageSize;
use accounts::service_account::key::ApiKeyId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{KnownFormat, Object, ObjectBuilder, Required, SchemaFormat, Type};

use crate::extract::conditional::{IfMatch, IfNoneMatch};
use crate::extract::path::{PathId, PathKeyId, ResourceId};
pub use error_responses::{Part, of_access_control};

/// The `Idempotency-Key` header of a request that can be retried.
pub struct IdempotencyKeyHeader;

impl IntoParams for IdempotencyKeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "Idempotency-Key",
            "A unique key for this request, such as a UUID. Repeating the request with the same key and body within \
             24 hours returns the original response; another body is rejected.",
            Some(r"^[\x21-\x7E]{1,255}$"),
        )]
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "If-Match",
            "Entity tags, such as `\"v3\"`. The change is applied only if one of them is current, else 412.",
            None,
        )]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "If-None-Match",
            "Entity tags that the client already has, such as `\"v3\"`. If one is current, a read returns 304 without \
             a body, and a change returns 412; `*` is always current.",
            None,
        )]
    }
}

impl<T: ResourceId> IntoParams for PathId<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![path_id("id", T::DESCRIPTION)]
    }
}

impl IntoParams for PathKeyId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            path_id("id", ServiceAccountId::DESCRIPTION),
            path_id("key_id", ApiKeyId::DESCRIPTION),
        ]
    }
}

fn path_id(name: &str, description: &str) -> Parameter {
    let uuid = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(uuid))
        .build()
}

/// The parameter `sort` of a list that is ordered by time.
pub fn time_sort() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Sort key: `created_at` sorts the oldest first, `-created_at` the newest.",
        ))
        .enum_values(Some(["created_at", "-created_at"]))
        .default(Some("-created_at".into()))
        .build()
}

/// The parameter `limit` of a list.
pub fn limit() -> Object {
    limit_of("items per page", PageSize::MAX, PageSize::default())
}

/// The parameter `limit` of an endpoint that transfers all `items`.
pub fn limit_of_transfer(items: &str) -> Object {
    limit_of(items, PageSize::MAX_OF_EXPORT, PageSize::MAX_OF_EXPORT)
}

fn limit_of(items: &str, max: PageSize, default: PageSize) -> Object {
    let max = match max.get() {
        1_000 => "1,000".to_owned(),
        max => max.to_string(),
    };
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some(format!(
            "Maximum number of {items}; values over {max} are treated as {max}."
        )))
        .minimum(Some(1))
        .default(Some(default.get().into()))
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
