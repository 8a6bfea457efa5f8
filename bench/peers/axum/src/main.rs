//! The API of the bench on native axum: the same work as Roster's components, in one process.

mod admission;
mod app;
mod body;
mod cache;
mod cursor;
mod fingerprint;
mod login;
mod metrics;
mod passwords;
mod problem;
mod settings;
mod shell;
mod store;
mod tokens;
mod user;
mod users;

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use settings::Settings;

#[tokio::main]
async fn main() -> Result<()> {
    let settings = Settings::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(settings.listen).await?;
    let router = app::router(&settings).await?;
    let address = listener.local_addr()?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "Serving http://{address}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")?;
    // Small responses must not wait for the client's acknowledgement of the previous one.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}
