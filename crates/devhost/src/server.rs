//! The HTTP server: accepts connections, finds the route of each request, and drains on shutdown.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::app::{App, Destination};
use crate::manifest::StaticResponse;
use crate::request::{append_headers, make_absolute, strip_forbidden};
use crate::routes::WELL_KNOWN;

/// Longest time for a client to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for requests in flight after the signal to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept, most likely for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The application that gets the requests; it can be replaced.
pub struct Served(RwLock<Arc<App>>);

impl Served {
    /// Starts with `app`.
    pub fn new(app: App) -> Self {
        Self(RwLock::new(Arc::new(app)))
    }

    /// Serves `app` from the next request on. The previous one is dropped after its requests.
    pub fn replace(&self, app: App) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(app);
    }

    fn current(&self) -> Arc<App> {
        let app = self.0.read().unwrap_or_else(PoisonError::into_inner);
        app.clone()
    }
}

/// Serves until `stop` resolves, then finishes the requests in flight, for ten seconds at most.
pub async fn serve(
    listener: TcpListener,
    nodelay: bool,
    served: Arc<Served>,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, client)) => {
                // Without it a response in several segments waits for the client's delayed
                // acknowledgement.
                if let Err(error) = stream.set_nodelay(nodelay) {
                    tracing::debug!("cannot set TCP_NODELAY: {error}");
                }
                tokio::spawn(serve_connection(
                    served.clone(),
                    stream,
                    client,
                    graceful.watcher(),
                ));
            }
            // A failed connection, or too many of them, must not end the server.
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still in flight after {DRAIN_TIMEOUT:?}");
    }
}

async fn serve_connection(
    served: Arc<Served>,
    stream: TcpStream,
    client: SocketAddr,
    watcher: Watcher,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let service = service_fn(move |request| {
        let app = served.current();
        async move { respond(&app, request, client).await }
    });
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!("connection of {client}: {error}");
    }
}

/// Responds to a request. An error closes the connection without a response, as in Spin.
async fn respond(
    app: &App,
    mut request: Request<Incoming>,
    client: SocketAddr,
) -> Result<Response<WasiBody>> {
    strip_forbidden(&mut request);
    let path = request.uri().path().to_owned();
    if let Some(name) = path.strip_prefix(WELL_KNOWN) {
        return Ok(well_known(app, name));
    }
    let Some(route) = app.routes.find(&path) else {
        return Ok(empty(StatusCode::NOT_FOUND));
    };
    make_absolute(&mut request)?;
    match route.destination {
        Destination::Static(response) => static_response(response),
        Destination::Component(handler) => {
            let response = match append_headers(&mut request, &route, client) {
                Ok(()) => {
                    let request = request.map(|body| body.map_err(HttpError::from).boxed_unsync());
                    handler.handle((), request).await.map_err(Into::into)
                }
                Err(error) => Err(error),
            };
            Ok(response.unwrap_or_else(|error| {
                tracing::error!("{path}: {error:#}");
                empty(StatusCode::INTERNAL_SERVER_ERROR)
            }))
        }
    }
}

fn well_known(app: &App, name: &str) -> Response<WasiBody> {
    match name {
        "health" => Response::new(full("OK")),
        "info" => {
            let mut response = Response::new(full(app.info.clone()));
            let json = http::HeaderValue::from_static("application/json");
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, json);
            response
        }
        _ => empty(StatusCode::NOT_FOUND),
    }
}

fn static_response(declared: &StaticResponse) -> Result<Response<WasiBody>> {
    let mut response = Response::builder().status(declared.status_code.unwrap_or(200));
    for (name, value) in &declared.headers {
        response = response.header(name, value);
    }
    let body = declared.body.clone().unwrap_or_default();
    Ok(response.body(full(body))?)
}

fn empty(status: StatusCode) -> Response<WasiBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn full(body: impl Into<Bytes>) -> WasiBody {
    Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}
