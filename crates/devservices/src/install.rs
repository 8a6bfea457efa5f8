//! Installs programs for the servers and for tests with the system's package manager.

use std::fmt::{self, Display, Formatter};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

use crate::binaries;

/// A program that the app or its tests need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// The database.
    Postgres,
    /// The cache.
    Redis,
    /// Chromium and its driver, for tests.
    Browser,
    /// Python with its `venv`, for tests.
    Python,
    /// The linter of shell scripts.
    ShellCheck,
    /// A registry of OCI images, for a test.
    Registry,
    /// Prometheus' linter of rules, for tests.
    Promtool,
    /// Groovy with a Java runtime, which runs the Jenkinsfiles in tests.
    Groovy,
    /// The proxy of an example, for a test.
    Nginx,
}

impl Program {
    /// Every program.
    pub const ALL: [Self; 9] = [
        Self::Postgres,
        Self::Redis,
        Self::Browser,
        Self::Python,
        Self::ShellCheck,
        Self::Registry,
        Self::Promtool,
        Self::Groovy,
        Self::Nginx,
    ];
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
            Self::Browser => "Chromium with chromedriver",
            Self::Python => "Python 3.10 or later with venv",
            Self::ShellCheck => "ShellCheck",
            Self::Registry => "docker-registry",
            Self::Promtool => "promtool",
            Self::Groovy => "Groovy",
            Self::Nginx => "nginx",
        })
    }
}

/// A package manager: its program, the command before an install, the install command, and the
/// packages.
struct PackageManager {
    program: &'static str,
    refresh: Option<&'static [&'static str]>,
    install: &'static [&'static str],
    postgres: &'static [&'static str],
    redis: &'static [&'static str],
    browser: &'static [&'static str],
    python: &'static [&'static str],
    shellcheck: &'static [&'static str],
    registry: &'static [&'static str],
    promtool: &'static [&'static str],
    groovy: &'static [&'static str],
    nginx: &'static [&'static str],
}

const MANAGERS: [PackageManager; 3] = [
    PackageManager {
        program: "apt-get",
        refresh: Some(&["update"]),
        install: &["install", "-y", "--no-install-recommends"],
        postgres: &["postgresql"],
        redis: &["redis-server"],
        browser: &["chromium", "chromium-driver"],
        python: &["python3-venv"],
        shellcheck: &["shellcheck"],
        registry: &["docker-registry"],
        promtool: &["prometheus"],
        // Debian's Groovy starts the default runtime, but any other satisfies its dependency.
        groovy: &["groovy", "default-jre-headless"],
        nginx: &["nginx"],
    },
    PackageManager {
        program: "dnf",
        refresh: None,
        install: &["install", "-y"],
        postgres: &["postgresql-server"],
        redis: &["redis"],
        browser: &["chromium", "chromedriver"],
        python: &["python3"],
        shellcheck: &["ShellCheck"],
        registry: &["docker-registry"],
        promtool: &["golang-github-prometheus"],
        groovy: &["groovy"],
        nginx: &["nginx"],
    },
    PackageManager {
        program: "apk",
        refresh: None,
        install: &["add", "--no-cache"],
        postgres: &["postgresql"],
        redis: &["redis"],
        browser: &["chromium", "chromium-chromedriver"],
        python: &["python3"],
        shellcheck: &["shellcheck"],
        registry: &["docker-registry"],
        promtool: &["prometheus"],
        groovy: &["groovy"],
        nginx: &["nginx"],
    },
];

/// Returns those of `wanted` that this machine lacks.
pub fn missing(wanted: &[Program]) -> Vec<Program> {
    wanted
        .iter()
        .copied()
        .filter(|program| match program {
            Program::Postgres => binaries::postgres().is_empty(),
            Program::Redis => binaries::redis().is_none(),
            Program::Browser => binaries::Browser::find().is_none(),
            Program::Python => !binaries::has_python(),
            Program::ShellCheck => binaries::on_path("shellcheck").is_none(),
            Program::Registry => binaries::on_path("docker-registry").is_none(),
            Program::Promtool => binaries::on_path("promtool").is_none(),
            Program::Groovy => binaries::on_path("groovy").is_none(),
            Program::Nginx => binaries::nginx().is_none(),
        })
        .collect()
}

/// Installs `programs`, which requires root and apt-get, dnf or apk. The package manager's output goes
/// to standard error. If either is missing, the error lists what to install.
pub fn install(programs: &[Program]) -> Result<()> {
    let manager = MANAGERS
        .iter()
        .find(|manager| binaries::on_path(manager.program).is_some());
    let Some(manager) = manager.filter(|_| geteuid().is_root()) else {
        bail!("{}", instructions(programs, manager));
    };
    if let Some(refresh) = manager.refresh {
        run(manager.program, refresh)?;
    }
    let packages = packages(programs, manager);
    let arguments: Vec<_> = manager.install.iter().copied().chain(packages).collect();
    run(manager.program, &arguments)?;
    let left = missing(programs);
    if !left.is_empty() {
        let left: Vec<_> = left.iter().map(ToString::to_string).collect();
        bail!("{} did not install {}", manager.program, left.join(" and "));
    }
    Ok(())
}

fn packages(programs: &[Program], manager: &PackageManager) -> Vec<&'static str> {
    let of = |program: &Program| match program {
        Program::Postgres => manager.postgres,
        Program::Redis => manager.redis,
        Program::Browser => manager.browser,
        Program::Python => manager.python,
        Program::ShellCheck => manager.shellcheck,
        Program::Registry => manager.registry,
        Program::Promtool => manager.promtool,
        Program::Groovy => manager.groovy,
        Program::Nginx => manager.nginx,
    };
    programs.iter().flat_map(of).copied().collect()
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Debian starts a package's service unless the system is in single-user mode.
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

fn instructions(programs: &[Program], manager: Option<&PackageManager>) -> String {
    let how = match manager {
        Some(manager) => format!(
            "`sudo {} {} {}`",
            manager.program,
            manager.install.join(" "),
            packages(programs, manager).join(" ")
        ),
        None => {
            "with Homebrew: `brew install postgresql@17 redis python shellcheck groovy nginx`, `brew \
                 install --cask chromium chromedriver`"
                .to_owned()
        }
    };
    let instead = match programs {
        [
            Program::Browser
            | Program::Python
            | Program::ShellCheck
            | Program::Registry
            | Program::Promtool
            | Program::Groovy
            | Program::Nginx,
        ] => "",
        _ => ", start Docker, or name running servers in .env (see .env.example)",
    };
    let names: Vec<_> = programs.iter().map(ToString::to_string).collect();
    format!(
        "missing on this machine: {}. Install it ({how}){instead}",
        names.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{MANAGERS, Program, packages};

    /// Its user is not root, so that commands cannot install what it lacks.
    #[test]
    fn the_development_container_installs_every_program() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../.devcontainer/devcontainer.json"
        );
        let [debian, ..] = &MANAGERS;
        let command = format!(
            "sudo {} {} build-essential {}\"",
            debian.program,
            debian.install.join(" "),
            packages(&Program::ALL, debian).join(" ")
        );
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&command), "{file} lacks `{command}`");
    }
}
