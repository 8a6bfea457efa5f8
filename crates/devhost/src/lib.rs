//! The embedded host: serves the manifest and the components that Spin serves, and rejects what Spin
//! rejects.
//!
//! For tests and for machines without Spin. Its protocols come from crates: wasmtime with its WASI, hyper,
//! tokio-postgres and redis.

#![allow(
    clippy::result_large_err,
    reason = "the error types are those of the interfaces, generated from wit/"
)]

mod allowed_hosts;
mod app;
mod bindings;
mod instance;
mod manifest;
mod postgres;
mod redis;
mod request;
mod routes;
mod server;
mod stdio;
mod variables;
mod worker;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use wasmtime::Engine;

use crate::app::App;
use crate::manifest::Manifest;
use crate::server::Served;

/// Manifest, address and further options of a host.
#[derive(Debug)]
pub struct Options {
    /// The manifest, `spin.toml`.
    pub manifest: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Values of application variables; they take precedence over the environment.
    pub variables: Vec<(String, String)>,
    /// Folder for compiled code; `None` when nothing is kept.
    pub cache: Option<PathBuf>,
    /// Maximum of live instances, over all components.
    pub instances: u32,
    /// Sends a small segment even while another is unacknowledged (TCP_NODELAY).
    pub nodelay: bool,
}

/// An application that is loaded and has its port, but does not serve yet.
pub struct Host {
    loader: Arc<Loader>,
    served: Arc<Served>,
    listener: TcpListener,
    nodelay: bool,
}

impl Host {
    /// Loads the application and takes the port.
    ///
    /// # Errors
    /// Returns an error if the manifest, a variable, a component or the address is wrong; the text
    /// names which.
    pub async fn start(options: Options) -> Result<Self> {
        // One provider of cryptography for all connections; a second start finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listen = options.listen;
        let loader = Arc::new(Loader {
            engine: app::engine(options.cache.as_deref(), options.instances)?,
            manifest: options.manifest,
            variables: options.variables,
        });
        let app = loader.clone().load().await?;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        app.serves_at(listener.local_addr()?);
        Ok(Self {
            loader,
            served: Arc::new(Served::new(app)),
            listener,
            nodelay: options.nodelay,
        })
    }

    /// Returns the address that clients connect to.
    ///
    /// # Errors
    /// Returns an error if the system does not report it.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Returns a handle that reloads the application while it is served.
    ///
    /// # Errors
    /// Returns an error if the system does not report the address.
    pub fn reloader(&self) -> Result<Reloader> {
        Ok(Reloader {
            loader: self.loader.clone(),
            served: self.served.clone(),
            address: self.address()?,
        })
    }

    /// Serves until `stop` resolves, then finishes the requests in flight, for ten seconds at most.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        server::serve(self.listener, self.nodelay, self.served, stop).await;
    }
}

/// Loads an application from its manifest, any number of times.
struct Loader {
    engine: Engine,
    manifest: PathBuf,
    variables: Vec<(String, String)>,
}

impl Loader {
    async fn load(self: Arc<Self>) -> Result<App> {
        tokio::task::spawn_blocking(move || {
            let manifest = Manifest::read(&self.manifest)?;
            App::load(&self.engine, &manifest, &self.variables)
        })
        .await?
    }
}

/// Reloads a served application.
pub struct Reloader {
    loader: Arc<Loader>,
    served: Arc<Served>,
    address: SocketAddr,
}

impl Reloader {
    /// Reads manifest, `.env` and components again. New requests get the new application; those in
    /// flight finish with the previous one.
    ///
    /// # Errors
    /// Those of [`Host::start`]; the application then stays as it was.
    pub async fn reload(&self) -> Result<()> {
        let app = self.loader.clone().load().await?;
        app.serves_at(self.address);
        self.served.replace(app);
        Ok(())
    }
}
