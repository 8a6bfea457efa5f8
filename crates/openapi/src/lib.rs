//! OpenAPI 3.1 document of the API, generated from the endpoints table, the handlers' documentation,
//! the types of bodies and the problem documents themselves.
//!
//! `openapi/v1.json` is the committed result; the docs component serves that file.

pub mod breaking;
pub mod difference;
mod headers;
mod operation;
mod problems;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem, Paths};
use utoipa::openapi::security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, RefOr, Server, Tag};
use utoipa::openapi::{security::SecurityScheme, server::ServerBuilder};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};
use web::auth::endpoints::Endpoint;
use web::response::problem;

use operation::Shared;

const DESCRIPTION: &str = include_str!("description.md");

/// Returns the document as it is committed: JSON with a trailing newline.
///
/// # Errors
/// Names an endpoint without documentation, documentation without an endpoint, or an operation that
/// cannot be completed.
pub fn text() -> Result<String> {
    Ok(document()?.to_pretty_json()? + "\n")
}

/// Returns the document as a JSON value.
pub fn json() -> Result<Value> {
    Ok(serde_json::to_value(document()?)?)
}

fn document() -> Result<OpenApi> {
    let mut document = users::routes::Documentation::openapi();
    document.merge(auth::routes::Documentation::openapi());
    document.merge(health::routes::Documentation::openapi());
    let mut shared = Shared::default();
    let mut handlers = std::mem::take(&mut document.paths);
    for &endpoint in Endpoint::ALL.iter().filter(|e| e.is_documented()) {
        let (method, operation) = take(&mut handlers, endpoint)
            .with_context(|| format!("no handler is documented for {endpoint:?}"))?;
        let operation = operation::complete(endpoint, operation, &mut shared)?;
        document
            .paths
            .add_path_operation(endpoint.path(), vec![method], operation);
    }
    let left = handlers
        .paths
        .iter()
        .find(|(_, item)| **item != PathItem::default());
    ensure!(
        left.is_none(),
        "{:?} is not in the endpoints table",
        left.map(|(path, _)| path)
    );
    describe(&mut document, shared);
    Ok(document)
}

/// Takes the endpoint's operation out of the handlers' documentation.
fn take(handlers: &mut Paths, endpoint: Endpoint) -> Option<(HttpMethod, Operation)> {
    let item = handlers.paths.get_mut(endpoint.path())?;
    let (method, operation) = match endpoint.method() {
        "GET" => (HttpMethod::Get, &mut item.get),
        "POST" => (HttpMethod::Post, &mut item.post),
        "PUT" => (HttpMethod::Put, &mut item.put),
        "PATCH" => (HttpMethod::Patch, &mut item.patch),
        "DELETE" => (HttpMethod::Delete, &mut item.delete),
        _ => return None,
    };
    operation.take().map(|operation| (method, operation))
}

/// Adds the parts that concern no single endpoint.
fn describe(document: &mut OpenApi, shared: Shared) {
    document.info = InfoBuilder::new()
        .title("Roster API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION.trim_end()))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    document.servers = Some(vec![server()]);
    document.tags = Some(tags());
    let components = document.components.get_or_insert_default();
    let mut schemas = Vec::new();
    problem::Document::schemas(&mut schemas);
    schemas.push((
        problem::Document::name().into_owned(),
        problem::Document::schema(),
    ));
    components.schemas.extend(schemas);
    components.examples.extend(shared.examples);
    components.responses.extend(shared.responses);
    components.headers.extend(headers::components());
    components.parameters.extend(headers::parameters());
    components.security_schemes.extend([
        ("bearer".to_owned(), RefOr::T(bearer())),
        ("password".to_owned(), RefOr::T(password_form())),
    ]);
}

fn server() -> Server {
    ServerBuilder::new()
        .url("/")
        .description(Some("The server that serves this document"))
        .build()
}

fn tags() -> Vec<Tag> {
    [
        (
            "users",
            "User accounts: all of them for admins, the own account for other users.",
        ),
        ("me", "The caller's own account."),
        ("auth", "Login, logout, sessions and password resets."),
        (
            "service accounts",
            "Programs that call the API with keys of their own, for admins.",
        ),
        ("audit", "The audit trail, for admins."),
        (
            "operations",
            "Probes and metrics, without rate limits and caching.",
        ),
    ]
    .map(|(name, description)| {
        TagBuilder::new()
            .name(name)
            .description(Some(description))
            .build()
    })
    .to_vec()
}

fn bearer() -> SecurityScheme {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "The `access_token` of POST /api/v1/auth/login, valid for 15 minutes by default; or the key of a service \
             account with the scope of the operation.",
        ));
    SecurityScheme::Http(bearer.build())
}

fn password_form() -> SecurityScheme {
    let flow = Password::new(Endpoint::TokenForm.path(), Scopes::new());
    let description =
        "Email and password, for the Authorize button; leave the client fields empty.";
    SecurityScheme::OAuth2(OAuth2::with_description(
        [Flow::Password(flow)],
        description,
    ))
}
