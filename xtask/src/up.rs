//! `cargo xtask up`: the app with everything that it needs.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use devservices::random_hex;
use tokio::signal::unix::{SignalKind, signal};

use crate::host::{Host, Kind, Program};
use crate::servers::Servers;
use crate::settings::Settings;
use crate::workspace::{root, state_dir, step};
use crate::{build, migrate};

/// Builds, provides Postgres and Redis, migrates and serves. Ctrl-C stops all that it started.
#[derive(clap::Args)]
pub struct Arguments {
    /// Address to serve at; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// What serves; by default Spin when 4.1 or later is on PATH, else the embedded host.
    #[arg(long, value_enum)]
    host: Option<Kind>,
}

/// Runs the command until a signal or the end of the host.
pub async fn run(arguments: Arguments) -> Result<()> {
    build::components()?;
    let program = Program::prepare(arguments.host.unwrap_or_else(Kind::detect))?;
    let state = state_dir();
    fs::create_dir_all(&state)?;
    let _lock = lock(&state)?;
    // From here on a signal must not end the process: it has servers to stop.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut servers = Servers::default();
    let result = tokio::select! {
        result = serve(&program, arguments.listen, &state, &mut servers) => result,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    // The host went with `serve`: the app has answered its last request before its servers stop.
    step("stopping Redis and Postgres");
    drop(servers);
    result
}

async fn serve(
    program: &Program,
    listen: SocketAddr,
    state: &Path,
    servers: &mut Servers,
) -> Result<()> {
    let mut settings = Settings::load(&root().join(".env"))?;
    *servers = Servers::provide(&mut settings, state).await?;
    add_secrets(&mut settings, &state.join("secrets.env"))?;
    let url = settings.database_url()?.context("there is no database")?;
    step("migrating");
    migrate::apply(&url).await?;
    let mut host = Host::start(program, listen, &settings)?;
    host.ready().await?;
    print_welcome(&host.url);
    host.watch().await
}

/// Two of them on one data folder would stop each other's servers.
fn lock(state: &Path) -> Result<File> {
    let path = state.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("`cargo xtask up` already runs in this folder"),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data folder"),
    }
}

/// Secrets that nothing names are made once: cursors stay valid from one start to the next.
fn add_secrets(settings: &mut Settings, path: &Path) -> Result<()> {
    if settings.get("cursor_key").is_some() {
        return Ok(());
    }
    if !path.exists() {
        let line = format!("SPIN_VARIABLE_CURSOR_KEY={}\n", random_hex(32)?);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(path).context("cannot write the secrets")?;
        file.write_all(line.as_bytes())?;
    }
    let secrets = Settings::load(path)?;
    let key = secrets
        .get("cursor_key")
        .context("secrets.env has no cursor key")?;
    settings.set("cursor_key", key);
    Ok(())
}

fn print_welcome(url: &str) {
    let users = format!("{url}/api/v1/users");
    println!(
        "\nRoster serves at {url}\n  users   {users}\n  health  {url}/api/v1/health\n\nTry:\n  \
         curl -i {users} -H 'content-type: application/json' \
         -d '{{\"email\":\"ada@example.com\",\"full_name\":\"Ada Lovelace\"}}'\n  \
         curl -i '{users}?limit=5'\n  \
         curl -i {users}/<id>\n\nCtrl-C stops."
    );
}
