//! The targets that can be measured: how each is built and started.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::dev::host::{Kind, Program, devhost_path};
use crate::tools::build::{self, COMPONENTS};
use crate::tools::cargo::{cargo, check, ensure_wasm_target};
use crate::tools::cargo_tools;
use crate::tools::workspace::{manifest, root, step, target_dir};

const PEERS: &str = "bench/peers";
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A target of the bench.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The app.
    Roster(Kind),
    /// The smallest component: the cost of the host itself.
    Hello(Kind),
    /// The same work in Python.
    FastApi,
    /// The same work in native Rust.
    Axum,
}

/// A target that can be started.
pub struct Built {
    pub command: Vec<String>,
    /// Size of each file that is delivered, in bytes.
    pub shipped: BTreeMap<String, u64>,
}

impl Target {
    /// Every target, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Roster(Kind::Embedded),
        Self::Roster(Kind::Spin),
        Self::Hello(Kind::Embedded),
        Self::Hello(Kind::Spin),
        Self::FastApi,
        Self::Axum,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Roster(Kind::Embedded) => "roster-embedded",
            Self::Roster(Kind::Spin) => "roster-spin",
            Self::Hello(Kind::Embedded) => "hello-embedded",
            Self::Hello(Kind::Spin) => "hello-spin",
            Self::FastApi => "fastapi",
            Self::Axum => "axum",
        }
    }

    /// Returns true if a list names the target or its group. An empty list selects all.
    pub fn is_in(self, names: &[String]) -> bool {
        let name = self.name();
        let group = name.rsplit_once('-').map_or(name, |(group, _)| group);
        names.is_empty() || names.iter().any(|listed| listed == name || listed == group)
    }

    /// Host of a component; `None` when the target is native.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Roster(kind) | Self::Hello(kind) => Some(kind),
            Self::FastApi | Self::Axum => None,
        }
    }

    /// Role and host, as the report names them.
    pub fn role_and_host(self) -> (&'static str, &'static str) {
        let host = |kind| match kind {
            Kind::Embedded => "embedded",
            Kind::Spin => "spin",
        };
        match self {
            Self::Roster(kind) => ("roster", host(kind)),
            Self::Hello(kind) => ("floor", host(kind)),
            Self::FastApi => ("peer", "python"),
            Self::Axum => ("peer", "native"),
        }
    }

    /// Builds the target; an error states why it cannot be measured here.
    pub fn build(self) -> Result<Built> {
        match self {
            Self::Roster(kind) => {
                let files = build::components()?;
                let sizes = COMPONENTS.iter().zip(files);
                let shipped = sizes.map(|(name, file)| Ok((format!("{name}.wasm"), size(&file)?)));
                Ok(Built {
                    command: serve(kind, &manifest())?,
                    shipped: shipped.collect::<Result<_>>()?,
                })
            }
            Self::Hello(kind) => hello(kind),
            Self::FastApi => fastapi(),
            Self::Axum => axum(),
        }
    }
}

/// The command that serves the application of `manifest`.
fn serve(kind: Kind, manifest: &Path) -> Result<Vec<String>> {
    let words: Vec<PathBuf> = match kind {
        Kind::Embedded => vec![devhost_path(), "--manifest".into(), manifest.into()],
        Kind::Spin => {
            Program::prepare(kind)?;
            let mut words = vec!["spin".into(), "up".into(), "--from".into(), manifest.into()];
            // Spin would write beside the manifest by default, in the way of another Spin.
            for flag in ["--state-dir", "--log-dir", "--temp"] {
                words.extend([flag.into(), "{own}".into()]);
            }
            words
        }
    };
    let words = words.into_iter().map(|word| word.display().to_string());
    Ok(words.chain(LISTEN.map(str::to_owned)).collect())
}

fn hello(kind: Kind) -> Result<Built> {
    let folder = peer("hello")?;
    ensure_wasm_target()?;
    step("building the smallest component");
    check(&mut build::wasm(&["peer-hello"], root(), &target_dir())?)?;
    let file = target_dir().join("wasm32-wasip2/release/peer_hello.wasm");
    Ok(Built {
        command: serve(kind, &folder.join("spin.toml"))?,
        shipped: BTreeMap::from([("peer_hello.wasm".to_owned(), size(&file)?)]),
    })
}

fn fastapi() -> Result<Built> {
    let folder = peer("fastapi")?;
    let requirements = format!("{PEERS}/fastapi/requirements.txt");
    let python = cargo_tools::python("bench-fastapi", &requirements)?.join("python");
    let workers = std::thread::available_parallelism()?.to_string();
    let environment = target_dir().join("bench-fastapi");
    let (python, program) = (python.display().to_string(), folder.display().to_string());
    let [listen, address] = LISTEN.map(str::to_owned);
    Ok(Built {
        command: vec![
            python,
            program,
            listen,
            address,
            "--workers".to_owned(),
            workers,
        ],
        shipped: BTreeMap::from([
            ("source".to_owned(), size(&folder)?),
            ("virtual environment".to_owned(), size(&environment)?),
        ]),
    })
}

fn axum() -> Result<Built> {
    peer("axum")?;
    step("building the axum peer");
    check(cargo().args(["build", "--release", "--locked", "--package", "peer-axum"]))?;
    let program = target_dir().join("release").join("peer-axum");
    Ok(Built {
        shipped: BTreeMap::from([("peer-axum".to_owned(), size(&program)?)]),
        command: [program.display().to_string()]
            .into_iter()
            .chain(LISTEN.map(str::to_owned))
            .collect(),
    })
}

/// The folder of a peer.
fn peer(name: &str) -> Result<PathBuf> {
    let folder = root().join(PEERS).join(name);
    if !folder.is_dir() {
        bail!("{PEERS}/{name} does not exist");
    }
    Ok(folder)
}

/// The script that checks a target against the contract of the bench, if it exists.
pub fn contract() -> Option<PathBuf> {
    let script = root().join(PEERS).join("contract.py");
    script.is_file().then_some(script)
}

/// Bytes of a file, or of all files in a folder.
fn size(path: &Path) -> Result<u64> {
    let about = fs::symlink_metadata(path);
    let about = about.with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    let entries = fs::read_dir(path)?;
    entries.map(|entry| size(&entry?.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::dev::host::Kind;

    #[test]
    fn targets_are_chosen_by_name_or_by_group() {
        let chosen = |names: &[&str]| -> Vec<&str> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let chosen = Target::ALL
                .into_iter()
                .filter(|target| target.is_in(&names));
            chosen.map(Target::name).collect()
        };
        assert_eq!(chosen(&[]).len(), Target::ALL.len());
        assert_eq!(chosen(&["roster"]), ["roster-embedded", "roster-spin"]);
        assert_eq!(chosen(&["hello-spin", "axum"]), ["hello-spin", "axum"]);
        assert!(chosen(&["rost"]).is_empty());
        assert_eq!(Target::Roster(Kind::Spin).kind(), Some(Kind::Spin));
    }
}
