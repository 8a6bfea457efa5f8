//! Endpoints for the pages, the OpenAPI document, and the files that the pages load.

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use web::Problem;
use web::auth::access_control::Routes;
use web::auth::endpoints::Endpoint;
use web::extract::conditional::IfNoneMatch;
use web::response::entity_tag::ContentTag;

use crate::encoding::accepts_gzip;
use crate::files::{ASSETS, File, OPENAPI, REDOC, SWAGGER_UI};

/// `Cache-Control` of URLs whose content changes with the next release.
const REVALIDATE: &str = "no-cache";
/// `Cache-Control` of URLs that contain a hash.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Content security policy: scripts and data from this origin only.
const SWAGGER_UI_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; style-src 'self'; form-action 'none'; base-uri 'none'; \
    frame-ancestors 'none'";
/// The same, plus the search worker and two inline styles by their hashes: the empty one, which ReDoc fills
/// through the object model, and one that it writes as it is.
const REDOC_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
    'sha256-DLDPR1ic47WIdK2WyeLkblb/tm2mQH+Jt/NNhZWu1k0='; \
    worker-src blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Creates the router. If the documentation is switched off, there are no routes, and every path is 404.
pub fn router(enabled: bool) -> Router {
    if !enabled {
        return Router::new();
    }
    Routes::open()
        .serve(Endpoint::Docs, swagger_ui)
        .serve(Endpoint::Redoc, redoc)
        .serve(Endpoint::OpenApi, openapi)
        .serve(Endpoint::DocsAsset, asset)
        .with_state(())
}

async fn swagger_ui(client: Client) -> Result<Response, Problem> {
    page(&SWAGGER_UI, SWAGGER_UI_POLICY, &client)
}

async fn redoc(client: Client) -> Result<Response, Problem> {
    page(&REDOC, REDOC_POLICY, &client)
}

async fn openapi(client: Client) -> Result<Response, Problem> {
    respond(&OPENAPI, REVALIDATE, &client)
}

async fn asset(Path(name): Path<String>, client: Client) -> Result<Response, Problem> {
    let file = ASSETS.iter().find(|file| file.name == name);
    respond(file.ok_or_else(Problem::not_found)?, IMMUTABLE, &client)
}

/// Support of gzip, and the entity tags that the client already has.
struct Client {
    gzip: bool,
    has: IfNoneMatch,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self {
            gzip: accepts_gzip(&parts.headers),
            has: IfNoneMatch::from_request_parts(parts, state).await?,
        })
    }
}

/// Responds with a page. A 304 has the policy too: a browser applies the headers of a 304 to its cached copy.
fn page(file: &'static File, policy: &'static str, client: &Client) -> Result<Response, Problem> {
    let mut response = respond(file, REVALIDATE, client)?;
    let policy = HeaderValue::from_static(policy);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn respond(
    file: &'static File,
    caching: &'static str,
    client: &Client,
) -> Result<Response, Problem> {
    let tag = ContentTag {
        hash: file.hash,
        encoding: client.gzip.then_some("gzip"),
    };
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(ETAG, tag.into());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if client.has.has(tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    *response.body_mut() = if client.gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Body::from(file.gzip)
    } else {
        let content = file.inflate();
        Body::from(
            content.ok_or_else(|| Problem::internal("a stored file cannot be decompressed"))?,
        )
    };
    Ok(response)
}

#[cfg(test)]
mod tests;
