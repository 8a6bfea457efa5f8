//! Installs the servers' programs with the system's package manager.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

use crate::binaries;

/// A server that the app needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// The database.
    Postgres,
    /// The cache.
    Redis,
}

/// A package manager: its program, what runs before an install, how it installs, and the packages.
struct PackageManager {
    program: &'static str,
    refresh: Option<&'static [&'static str]>,
    install: &'static [&'static str],
    postgres: &'static str,
    redis: &'static str,
}

const MANAGERS: [PackageManager; 3] = [
    PackageManager {
        program: "apt-get",
        refresh: Some(&["update"]),
        install: &["install", "-y", "--no-install-recommends"],
        postgres: "postgresql",
        redis: "redis-server",
    },
    PackageManager {
        program: "dnf",
        refresh: None,
        install: &["install", "-y"],
        postgres: "postgresql-server",
        redis: "redis",
    },
    PackageManager {
        program: "apk",
        refresh: None,
        install: &["add", "--no-cache"],
        postgres: "postgresql",
        redis: "redis",
    },
];

/// Which of `wanted` have no program on this machine.
pub fn missing(wanted: &[Service]) -> Vec<Service> {
    wanted
        .iter()
        .copied()
        .filter(|service| match service {
            Service::Postgres => binaries::postgres().is_empty(),
            Service::Redis => binaries::redis().is_none(),
        })
        .collect()
}

/// Installs the programs of `services`, which takes root and apt-get, dnf or apk. The package
/// manager's output goes to standard error. Without either, the error says what to install.
pub fn install(services: &[Service]) -> Result<()> {
    let manager = MANAGERS.iter().find(|manager| is_on_path(manager.program));
    let Some(manager) = manager.filter(|_| geteuid().is_root()) else {
        bail!("{}", instructions(services, manager));
    };
    if let Some(refresh) = manager.refresh {
        run(manager.program, refresh)?;
    }
    let packages = packages(services, manager);
    let arguments: Vec<_> = manager.install.iter().copied().chain(packages).collect();
    run(manager.program, &arguments)?;
    let left = missing(services);
    if !left.is_empty() {
        bail!("{} installed no program for {left:?}", manager.program);
    }
    Ok(())
}

fn packages<'a>(
    services: &'a [Service],
    manager: &'a PackageManager,
) -> impl Iterator<Item = &'static str> + 'a {
    services.iter().map(|service| match service {
        Service::Postgres => manager.postgres,
        Service::Redis => manager.redis,
    })
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Debian starts a service with its package unless the system is in single-user mode.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    if !status.success() {
        bail!("`{program} {}` failed: {status}", arguments.join(" "));
    }
    Ok(())
}

fn instructions(services: &[Service], manager: Option<&PackageManager>) -> String {
    let names: Vec<_> = services
        .iter()
        .map(|service| format!("{service:?}"))
        .collect();
    let how = match manager {
        Some(manager) => {
            let packages: Vec<_> = packages(services, manager).collect();
            let install = manager.install.join(" ");
            format!(
                "`sudo {} {install} {}`",
                manager.program,
                packages.join(" ")
            )
        }
        None => "with Homebrew: `brew install postgresql@17 redis`".to_owned(),
    };
    format!(
        "missing on this machine: {}. Install it ({how}), start Docker, or name running servers in \
         .env (see .env.example)",
        names.join(" and ")
    )
}

fn is_on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
