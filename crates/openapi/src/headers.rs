//! Headers that responses and requests share, each described once.

use serde_json::Value;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Required, Type};

/// Name, description, example.
const RESPONSE_HEADERS: [(&str, &str, &str); 14] = [
    (
        "Accept",
        "Media type that the request body must have.",
        "application/json",
    ),
    (
        "Accept-Encoding",
        "Content codings that a request body may have (RFC 9110, section 15.5.16).",
        "identity",
    ),
    (
        "Accept-Patch",
        "Media types that a patch may have (RFC 5789).",
        "application/merge-patch+json, application/json",
    ),
    (
        "ETag",
        "Entity tag of this version, for If-Match and If-None-Match.",
        "\"v3\"",
    ),
    (
        "Link",
        "Link to the next page (RFC 8288); absent on the last page.",
        "</api/v1/users?cursor=bmV4dA>; rel=\"next\"",
    ),
    (
        "Location",
        "Path of the new resource.",
        "/api/v1/users/019927e0-59f4-7c60-b0a5-3a7f4b1f2c11",
    ),
    (
        "RateLimit",
        "Remaining requests, and seconds until more are allowed \
         (draft-ietf-httpapi-ratelimit-headers); absent if requests are not counted.",
        "\"default\";r=99;t=60",
    ),
    (
        "RateLimit-Policy",
        "Requests allowed per window, and length of the window in seconds.",
        "\"default\";q=100;w=60",
    ),
    (
        "Retry-After",
        "Seconds to wait before the next attempt.",
        "1",
    ),
    (
        "WWW-Authenticate",
        "Authentication scheme and the error of the credentials (RFC 6750).",
        "Bearer",
    ),
    ("X-Request-ID", REQUEST_ID, REQUEST_ID_EXAMPLE),
    (
        "X-Session-Id",
        "Id of the session of the token.",
        "019927e0-6a10-7b22-9c41-5d1e0f3a2b77",
    ),
    (
        "X-User-Id",
        "Id of the user of the token.",
        "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11",
    ),
    (
        "X-User-Role",
        "Role of the user: `user` or `admin`.",
        "user",
    ),
];

const REQUEST_ID: &str = "Id of the request: the client's, if it has up to 128 letters, digits and `-_.:`, \
     else a new one.";
pub const REQUEST_ID_EXAMPLE: &str = "019927e1-0b29-7aa0-8f31-2b4c6d8e0f13";

/// `components.headers`.
pub fn components() -> impl Iterator<Item = (String, RefOr<Header>)> {
    RESPONSE_HEADERS
        .into_iter()
        .map(|(name, description, example)| {
            let (schema_type, example): (_, Value) = match example.parse::<u32>() {
                Ok(number) => (Type::Integer, number.into()),
                Err(_) => (Type::String, example.into()),
            };
            let header = HeaderBuilder::new()
                .schema(Some(ObjectBuilder::new().schema_type(schema_type)))
                .description(Some(description))
                .example(Some(example))
                .build();
            (name.to_owned(), RefOr::T(header))
        })
}

/// Returns the name of a described header; case-insensitive.
pub fn named(name: &str) -> Option<&'static str> {
    let found = RESPONSE_HEADERS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name));
    found.map(|(known, ..)| *known)
}

pub fn reference(name: &str) -> RefOr<Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// `components.parameters`: headers that every request may have.
pub fn parameters() -> impl Iterator<Item = (String, RefOr<Parameter>)> {
    [
        ("X-Request-ID", REQUEST_ID),
        (
            "traceparent",
            "Trace of the request (W3C Trace Context); the log contains its id.",
        ),
    ]
    .into_iter()
    .map(|(name, description)| {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build();
        (name.to_owned(), RefOr::T(parameter))
    })
}

pub fn parameter_references() -> impl Iterator<Item = RefOr<Parameter>> {
    let reference = |(name, _)| RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")));
    parameters().map(reference)
}
