//! `cargo xtask up`: runs the app with everything that it needs.

use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use roster_admin::{FirstAdmin, Operator, migrate};
use tokio::signal::unix::{SignalKind, signal};

use crate::dev::banner;
use crate::dev::first_admin;
use crate::dev::host::{Host, Kind, Program};
use crate::dev::running_app::Running;
use crate::dev::secrets;
use crate::dev::servers::Servers;
use crate::dev::settings::Settings;
use crate::dev::watch;
use crate::tools::build;
use crate::tools::workspace::{self, root, state_dir, step};

/// Builds, provides Postgres and Redis, migrates and serves. Ctrl-C stops everything that it started.
#[derive(clap::Args)]
pub struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Folder of the servers' data and of generated secrets; default: .roster.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// File of settings; default: .env.
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// Host; default: Spin if 4.1 or later is on PATH, else the embedded host.
    #[arg(long, value_enum)]
    host: Option<Kind>,
    /// Rebuilds and reloads the components whose files change, on the embedded host; with Spin, `spin
    /// watch` does that.
    #[arg(long)]
    watch: bool,
}

impl Arguments {
    /// Returns the host to use.
    fn kind(&self) -> Result<Kind> {
        match (self.host, self.watch) {
            (Some(Kind::Spin), true) => {
                bail!("--watch reloads the embedded host; with Spin, use `spin watch`")
            }
            (Some(kind), _) => Ok(kind),
            (None, true) => Ok(Kind::Embedded),
            (None, false) => Ok(Kind::detect()),
        }
    }
}

/// Runs the command until a signal or the end of the host.
pub async fn run(arguments: Arguments) -> Result<()> {
    let kind = arguments.kind()?;
    let env = arguments.env.unwrap_or_else(|| root().join(".env"));
    let mut settings = Settings::load(&env)?;
    // Before all the work: an invalid password ends the command here.
    let first_admin = first_admin::take(&mut settings)?;
    let state = arguments.state.unwrap_or_else(state_dir);
    fs::create_dir_all(&state)?;
    let _lock = lock(&state)?;
    let manifest = match arguments.watch {
        true => watch::prepare(&state).await?,
        false => {
            build::components()?;
            workspace::manifest()
        }
    };
    let program = Program::prepare(kind)?;
    // From here on a signal must not end the process: servers have to be stopped.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut servers = Servers::default();
    let app = App {
        program,
        manifest,
        listen: arguments.listen,
        watch: arguments.watch,
    };
    let result = tokio::select! {
        result = serve(&app, &state, settings, &first_admin, &mut servers) => result,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    // `serve` dropped the host: the app has sent its last response before its servers stop.
    step("stopping Redis and Postgres");
    drop(servers);
    result
}

/// Application to serve.
struct App {
    program: Program,
    manifest: PathBuf,
    listen: SocketAddr,
    watch: bool,
}

async fn serve(
    app: &App,
    state: &Path,
    mut settings: Settings,
    first_admin: &FirstAdmin,
    servers: &mut Servers,
) -> Result<()> {
    *servers = Servers::provide(&mut settings, state).await?;
    secrets::complete(&mut settings, &state.join("secrets.env"))?;
    open_for_development(&mut settings);
    let database_url = servers.owner_url(&settings)?;
    step("migrating");
    migrate::apply(&database_url).await?;
    let mut host = Host::start(&app.manifest, &app.program, app.listen, &settings)?;
    host.ready().await?;
    let operator = Operator::connect(&database_url).await?;
    let running = Running {
        database_url,
        app_url: host.url.clone(),
    };
    let _announcement = running.announce(state)?;
    // Printed last: a new admin's password is shown only once and must not scroll away.
    let admin = first_admin.provide(&operator).await?;
    drop(operator);
    println!("{}", banner::text(&host.url, &admin));
    match app.watch {
        true => watch::follow(&mut host, state).await,
        false => host.watch().await,
    }
}

/// Locks the data folder: two commands on one folder would stop each other's servers.
fn lock(state: &Path) -> Result<File> {
    let path = state.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another `cargo xtask up` is running in this folder")
        }
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data folder"),
    }
}

/// Turns on features that are off by default but useful when trying the app out.
fn open_for_development(settings: &mut Settings) {
    for name in ["registration_enabled", "token_form_enabled"] {
        if settings.get(name).is_none() {
            settings.set(name, "true");
        }
    }
}
