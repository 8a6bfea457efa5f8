//! The embedded host: serves the manifest and the components that Spin serves, and refuses what Spin refuses.
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

use crate::app::App;
use crate::manifest::Manifest;

/// What to serve and where.
#[derive(Debug)]
pub struct Options {
    /// The manifest, `spin.toml`.
    pub manifest: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Values of application variables; they come before the environment's.
    pub variables: Vec<(String, String)>,
    /// A folder for compiled code; nothing is kept without one.
    pub cache: Option<PathBuf>,
}

/// An application that is loaded and has its port, but does not answer yet.
pub struct Host {
    app: Arc<App>,
    listener: TcpListener,
}

impl Host {
    /// Loads the application and takes the port.
    ///
    /// # Errors
    /// When the manifest, a variable, a component or the address is wrong; the text names which.
    pub async fn start(options: Options) -> Result<Self> {
        // One provider of cryptography for all connections; a second start finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listen = options.listen;
        let app = tokio::task::spawn_blocking(move || {
            let manifest = Manifest::read(&options.manifest)?;
            App::load(&manifest, &options.variables, options.cache.as_deref())
        })
        .await??;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        let app = Arc::new(app);
        Ok(Self { app, listener })
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop` resolves, then finishes what is under way, for ten seconds at most.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        server::serve(self.listener, self.app, stop).await;
    }
}
