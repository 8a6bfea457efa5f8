//! `devhost`: serves a Spin application from the command line.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use devhost::{Host, Options, Reloader};
use mimalloc::MiMalloc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Allocator for instances and requests, which allocate on one thread and free on another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Serves a Spin application without Spin; SIGHUP reloads it
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The application's manifest
    #[arg(long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Value of a variable; takes precedence over `SPIN_VARIABLE_<NAME>` and .env
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = parse_variable)]
    variables: Vec<(String, String)>,
    /// Folder for compiled components, which makes the next start faster
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Maximum of live instances, over all components; a request that needs one more gets 500
    #[arg(
        long,
        env = "SPIN_MAX_INSTANCE_COUNT",
        value_name = "NUMBER",
        default_value_t = 1000
    )]
    instances: u32,
    /// Leaves TCP_NODELAY off, as Spin does
    #[arg(long)]
    no_nodelay: bool,
}

fn parse_variable(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be NAME=VALUE".to_owned())
}

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "a native program ends itself")]
async fn main() {
    // Instances that still run must not keep the process alive.
    std::process::exit(match run().await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("devhost: {error:#}");
            1
        }
    });
}

async fn run() -> Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    // Installed before the line below is printed: its reader may stop this process at once.
    let (mut terminate, mut interrupt, hangup) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    );
    let host = Host::start(Options {
        manifest: arguments.manifest,
        listen: arguments.listen,
        variables: arguments.variables,
        cache: arguments.cache,
        instances: arguments.instances,
        nodelay: !arguments.no_nodelay,
    })
    .await?;
    print_line(&format!("Serving http://{}", host.address()?))?;
    tokio::spawn(reload_on(hangup, host.reloader()?));
    host.serve(either(&mut terminate, &mut interrupt)).await;
    Ok(())
}

/// Reloads the application at each signal, and prints the outcome on standard output.
async fn reload_on(mut hangup: Signal, reloader: Reloader) {
    while hangup.recv().await.is_some() {
        let outcome = match reloader.reload().await {
            Ok(()) => "Reloaded",
            Err(error) => {
                eprintln!("devhost: {error:#}");
                "Not reloaded"
            }
        };
        // The reader may be gone; serving continues.
        let _ = print_line(outcome);
    }
}

fn print_line(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
