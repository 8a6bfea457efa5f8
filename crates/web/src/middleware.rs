//! Wrapper around every router: reads the request identifiers, and adds problem documents, headers, the log
//! line and metrics.

pub mod cors;
pub mod log;
pub mod request_id;

use std::collections::BTreeMap;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tower::ServiceExt;

use crate::auth::access_control::Decision;
use crate::config::HttpConfig;
use crate::response::Waited;
use crate::{Metrics, Problem};
use log::{Log, RequestLine};
use request_id::{RequestContext, X_REQUEST_ID};

/// A router with everything that the components have in common.
#[derive(Clone)]
pub struct App {
    router: Router,
    log: Log,
    metrics: Option<Metrics>,
    switches: BTreeMap<String, bool>,
}

impl App {
    pub fn new(router: Router, config: &HttpConfig) -> Self {
        let mut router = router.layer(from_fn(keep_route));
        if let Some(layer) = cors::layer(&config.allowed_origins) {
            router = router.layer(layer);
        }
        Self {
            router,
            log: config.log.clone(),
            metrics: None,
            switches: BTreeMap::new(),
        }
    }

    /// Counts every response in `metrics`.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Names the features that the configuration switches on and off, for the log line at startup.
    #[must_use]
    pub fn with_switches<'a>(
        mut self,
        switches: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Self {
        let switches = switches.into_iter();
        self.switches = switches.map(|(name, on)| (name.to_owned(), on)).collect();
        self
    }

    /// Features that the configuration switches on (`true`) and off.
    pub fn switches(&self) -> &BTreeMap<String, bool> {
        &self.switches
    }

    /// Handles one request. Every error becomes a problem document, and every response gets its length:
    /// without one, a host that does not set TCP_NODELAY delays the response by 40 ms.
    pub async fn handle(&self, mut request: Request) -> Response {
        let started = Instant::now();
        let context = RequestContext::from_headers(request.headers());
        request.extensions_mut().insert(context.clone());
        let method = request.method().clone();
        let path = request.uri().path().to_owned();

        let mut response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let route = response.extensions_mut().remove::<MatchedPath>();
        let decision = response.extensions_mut().remove::<Decision>();
        let waited = response.extensions_mut().remove::<Waited>().is_some();
        let problem = problem_of(&mut response).map(|problem| problem.for_method(&method));
        if let Some(problem) = &problem {
            write_problem(&mut response, problem.render(&path, &context.request_id));
        }
        set_headers(&mut response, &context);
        set_length(&mut response, &method);

        let route = route.as_ref().map(MatchedPath::as_str);
        let took = started.elapsed();
        if let Some(metrics) = &self.metrics {
            let latency = (!waited).then_some(took);
            metrics.record(&method, route, response.status(), latency);
        }
        let mut line = RequestLine::new(&context, &method, response.status());
        line.route = route;
        line.user_id = decision.and_then(|decision| decision.user);
        line.service_account_id = decision.and_then(|decision| decision.service_account);
        line.rate_limit = decision.filter(|d| d.limit_is_open).map(|_| "open");
        line.ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        line.error = problem.as_ref().and_then(Problem::internal_text);
        self.log.request(&line);
        response
    }
}

/// Responds with `problem` when there is no router, as with an invalid configuration.
pub fn answer_without_router(request: &Request, problem: &Problem) -> Response {
    let context = RequestContext::from_headers(request.headers());
    let mut response = axum::response::IntoResponse::into_response(problem.clone());
    write_problem(
        &mut response,
        problem.render(request.uri().path(), &context.request_id),
    );
    set_headers(&mut response, &context);
    set_length(&mut response, request.method());
    let mut line = RequestLine::new(&context, request.method(), response.status());
    line.error = problem.internal_text();
    Log::unconfigured().request(&line);
    response
}

/// Passes the route's template on with the response, for the log line and the metrics.
async fn keep_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// Returns the problem from the handler, or one for a bare error response of the router.
fn problem_of(response: &mut Response) -> Option<Problem> {
    let stated = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    stated.or_else(|| is_error.then(|| Problem::for_status(status, response.headers())))
}

fn write_problem(response: &mut Response, document: Vec<u8>) {
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(document);
}

fn set_headers(response: &mut Response, context: &RequestContext) {
    let headers = response.headers_mut();
    if let Some(id) = context.header_value() {
        headers.insert(X_REQUEST_ID, id);
    }
    set_default(headers, CACHE_CONTROL, "no-store");
    set_default(
        headers,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    set_default(headers, REFERRER_POLICY, "no-referrer");
    set_default(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set_default(headers, X_FRAME_OPTIONS, "DENY");
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

/// Sets the length (RFC 9110, section 8.6): none on 204 and 304; on HEAD the one that GET would have.
fn set_length(response: &mut Response, method: &Method) {
    if matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        response.headers_mut().remove(CONTENT_LENGTH);
        return;
    }
    if !response.headers().contains_key(CONTENT_LENGTH)
        && let Some(length) = response.body().size_hint().exact()
    {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::log::Level;
    use axum::routing::get;
    use futures::executor::block_on;
    use http_body_util::BodyExt;

    fn app(origins: &'static [&'static str]) -> App {
        let router = Router::new().route("/things/{id}", get(|| async { "thing" }));
        let allowed_origins = origins
            .iter()
            .map(|o| HeaderValue::from_static(o))
            .collect();
        App::new(
            router,
            &HttpConfig {
                allowed_origins,
                log: Log::new(Level::Error, "roster", "test"),
            },
        )
    }

    fn send(app: &App, method: &str, path: &str) -> (http::response::Parts, String) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("origin", "https://a.example")
            .header("x-request-id", "r1");
        let response = block_on(app.handle(request.body(Body::empty()).unwrap()));
        let (parts, body) = response.into_parts();
        let body = block_on(body.collect()).unwrap().to_bytes();
        (parts, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn misses_and_wrong_methods_are_problem_documents() {
        let (parts, body) = send(&app(&[]), "GET", "/nowhere");
        assert_eq!(parts.status, 404);
        assert_eq!(parts.headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(parts.headers[CONTENT_LENGTH], body.len().to_string());
        assert!(
            body.contains("\"instance\":\"/nowhere\"") && body.contains("\"request_id\":\"r1\"")
        );

        let (parts, body) = send(&app(&[]), "DELETE", "/things/1");
        assert_eq!(
            (parts.status.as_u16(), &parts.headers["allow"]),
            (405, &"GET,HEAD".parse().unwrap())
        );
        assert!(body.contains("method_not_allowed"));
    }

    #[test]
    fn head_has_the_length_of_get_and_no_body() {
        let (parts, body) = send(&app(&[]), "HEAD", "/things/1");
        assert_eq!(
            (
                parts.headers[CONTENT_LENGTH].to_str().unwrap(),
                body.as_str()
            ),
            ("5", "")
        );
    }

    #[test]
    fn only_configured_origins_are_allowed() {
        let allow = "access-control-allow-origin";
        let (parts, _) = send(&app(&["https://a.example"]), "GET", "/things/1");
        assert_eq!(parts.headers[allow], "https://a.example");
        assert_eq!(parts.headers["access-control-allow-credentials"], "true");
        assert!(
            !send(&app(&["https://b.example"]), "GET", "/things/1")
                .0
                .headers
                .contains_key(allow)
        );
        assert!(
            !send(&app(&[]), "GET", "/things/1")
                .0
                .headers
                .contains_key(allow)
        );
    }
}
