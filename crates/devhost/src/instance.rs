//! State of one instance of a component: its WASI context, its handles, and its permissions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView, default_send_request,
};

use crate::allowed_hosts::AllowedHosts;
use crate::postgres::Pools;
use crate::stdio::GuestOutput;

/// State that all instances of a component share.
pub struct Component {
    /// The id in the manifest.
    pub id: String,
    /// Values of the variables that it may read.
    pub variables: BTreeMap<String, String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Hosts that it may connect to.
    pub allowed_hosts: AllowedHosts,
    /// Its Postgres clients.
    pub pools: Pools,
    /// Address of the application itself, once it has its port.
    pub origin: Arc<OnceLock<SocketAddr>>,
}

/// The data of one store: one instance, alive for as long as its worker keeps it.
pub struct Instance {
    /// Shared with the component's other instances.
    pub component: Arc<Component>,
    /// Handles of the guest; they end with the instance.
    pub table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
}

impl Instance {
    /// Creates the data of an instance: no files, no sockets, the component's environment, output to
    /// stderr.
    pub fn new(component: Arc<Component>) -> Self {
        let wasi = WasiCtxBuilder::new()
            .envs(&component.environment)
            .stdout(GuestOutput::new())
            .stderr(GuestOutput::new())
            .build();
        Self {
            outbound: OutboundHttp(component.clone()),
            component,
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
        }
    }
}

impl WasiView for Instance {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Instance {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outbound,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Host name by which a component reaches its own application.
const APPLICATION: &str = "self.alt";

/// Sends requests of the guest to the hosts that its component may reach.
struct OutboundHttp(Arc<Component>);

type Finished = Box<dyn Future<Output = Result<(), HttpError>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Finished), HttpError>;

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _finished: Finished,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if request.uri().host() == Some(APPLICATION) {
            let component = self.0.clone();
            return Box::new(async move {
                if !component.allowed_hosts.allows_self() {
                    return Err(HttpError::HttpRequestDenied);
                }
                to_application(&component, &mut request).ok_or(HttpError::HttpRequestUriInvalid)?;
                send(request, options).await
            });
        }
        let uri = request.uri();
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTPS);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let address = format!("{scheme}://{authority}");
        let allowed = self.0.allowed_hosts.allows(&address, scheme.as_str());
        Box::new(async move {
            if !allowed {
                tracing::warn!(
                    "connection to {address} denied: not listed in allowed_outbound_hosts"
                );
                return Err(HttpError::HttpRequestDenied);
            }
            send(request, options).await
        })
    }
}

async fn send(request: http::Request<WasiBody>, options: Option<RequestOptions>) -> Sent {
    let (response, finished) = default_send_request(request, options).await?;
    let response = response.map(http_body_util::BodyExt::boxed_unsync);
    Ok((response, Box::new(finished) as Finished))
}

/// Directs a request for the application itself to the address that it serves at.
fn to_application(component: &Component, request: &mut http::Request<WasiBody>) -> Option<()> {
    let address = component.origin.get()?.to_string();
    let host = HeaderValue::from_str(&address).ok()?;
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(address.parse::<Authority>().ok()?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    request.headers_mut().insert(HOST, host);
    Some(())
}
