//! What the endpoints' documentation has in common: headers as OpenAPI describes them, and refusals.
//!
//! Handlers carry their documentation as `#[utoipa::path]`, bodies as `ToSchema`; the crate
//! `openapi` makes the document of them. Nothing here runs in a component.

mod refusals;

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use crate::conditional::{IfMatch, IfNoneMatch};
pub use refusals::{Part, of_gate};

/// A list of entity tags, or `*` (RFC 9110, section 13.1).
const ENTITY_TAGS: &str = r#"^\*$|^[ \t]*(W/)?"[^"]*"[ \t]*(,[ \t]*(W/)?"[^"]*"[ \t]*)*$"#;

/// The `Idempotency-Key` header of a request that may be sent again.
pub struct IdempotencyKeyHeader;

impl IntoParams for IdempotencyKeyHeader {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "Idempotency-Key",
            "A name for this request, for 24 hours: sent again with the same body it gets the same \
             answer and does nothing twice; with another body it is refused.",
            r"^[\x21-\x7E]{1,255}$",
            "7b6ec9e6-9c0f-4c7f-8a3d-1f0a5f6f2a10",
        )]
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "If-Match",
            "Change only the version with one of these entity tags; 412 when there is a newer one.",
            ENTITY_TAGS,
            "\"v3\"",
        )]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![header(
            "If-None-Match",
            "Entity tags that the client already has: 304 without a body when one is current.",
            ENTITY_TAGS,
            "\"v3\"",
        )]
    }
}

fn header(name: &str, description: &str, pattern: &str, example: &str) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}
