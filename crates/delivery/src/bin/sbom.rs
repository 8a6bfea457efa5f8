//! Prints the software bill of materials of the artifact, or of the program `roster-admin` if that is the
//! argument: CycloneDX 1.5, JSON.
//!
//! It lists the crates that are compiled into the components or the program, as cargo resolves them for
//! their target, with the checksums of Cargo.lock, and the scripts of the pages that the docs component serves.
//! Crates that only run during the build (build scripts, macros) are left out. The same commit
//! produces the same text.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{Context, Result, bail, ensure};
use cyclonedx_bom::external_models::normalized_string::NormalizedString;
use cyclonedx_bom::external_models::spdx::SpdxExpression;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::validation::Validate;
use delivery::root;

/// Name, version and licence of the npm packages that the docs component serves. Its build script
/// extracts their files from crates and verifies them.
const SCRIPTS: [(&str, &str, &str); 2] = [
    ("redoc", "2.0.0", "MIT"),
    ("swagger-ui-dist", "5.34.1", "Apache-2.0"),
];

/// Name and version of a cargo package.
type Package = (String, String);

#[derive(Default)]
struct Crate {
    license: String,
    dependencies: BTreeSet<Package>,
}

/// Subject of a bill of materials.
struct Subject {
    name: &'static str,
    packages: &'static [&'static str],
    target: &'static str,
}

const ARTIFACT: Subject = Subject {
    name: "roster",
    packages: &settings::Component::NAMES,
    target: "wasm32-wasip2",
};

/// The operators' program, for the target of the pipelines' machines.
const PROGRAM: Subject = Subject {
    name: "roster-admin",
    packages: &["roster-admin"],
    target: "x86_64-unknown-linux-gnu",
};

fn main() -> Result<()> {
    let subject = match env::args().nth(1).as_deref() {
        None => ARTIFACT,
        Some("roster-admin") => PROGRAM,
        Some(other) => bail!("expected roster-admin, got {other}"),
    };
    let bom = bom(&subject, tree(&subject)?, &checksums()?)?;
    let result = bom.validate_version(SpecVersion::V1_5);
    ensure!(
        result.passed(),
        "the bill of materials is invalid: {result:?}"
    );
    bom.output_as_json_v1_5(&mut io::stdout().lock())?;
    println!();
    Ok(())
}

/// Returns every crate that is compiled into the subject.
fn tree(subject: &Subject) -> Result<BTreeMap<Package, Crate>> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args([
        "tree",
        "--locked",
        "--target",
        subject.target,
        "--edges=normal",
        "--prefix=depth",
        "--no-dedupe",
        "--format=|{p}|{l}",
    ]);
    for name in subject.packages {
        command.args(["--package", name]);
    }
    let output = command.output().context("cannot run cargo tree")?;
    ensure!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&String::from_utf8(output.stdout)?)
}

/// Parses lines such as `2|serde v1.0.229|MIT OR Apache-2.0`, each below the crate that depends on it.
fn parse(text: &str) -> Result<BTreeMap<Package, Crate>> {
    let mut crates: BTreeMap<Package, Crate> = BTreeMap::new();
    let mut path: Vec<Package> = Vec::new();
    let mut macros = None;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let mut fields = line.split('|');
        let mut next = || {
            fields
                .next()
                .with_context(|| format!("cannot read `{line}`"))
        };
        let (depth, package, license) = (next()?.parse::<usize>()?, next()?, next()?);
        if macros.is_some_and(|above| depth > above) {
            continue;
        }
        macros = package.contains("(proc-macro)").then_some(depth);
        if macros.is_some() {
            continue;
        }
        let mut words = package.split(' ');
        let name = words.next().context("a package has a name")?.to_owned();
        let version = words.next().and_then(|word| word.strip_prefix('v'));
        let version = version.context("a package has a version")?.to_owned();
        let package = (name, version);
        path.truncate(depth);
        if let Some(above) = path.last().and_then(|above| crates.get_mut(above)) {
            above.dependencies.insert(package.clone());
        }
        crates.entry(package.clone()).or_default().license = license.to_owned();
        path.push(package);
    }
    Ok(crates)
}

/// Returns the SHA-256 of each package from a registry.
fn checksums() -> Result<BTreeMap<Package, String>> {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock"))?.parse()?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let packages = packages.context("Cargo.lock has packages")?.iter();
    let sums = packages.filter_map(|package| {
        let text = |key| Some(package.get(key)?.as_str()?.to_owned());
        Some(((text("name")?, text("version")?), text("checksum")?))
    });
    Ok(sums.collect())
}

fn bom(
    subject: &Subject,
    mut crates: BTreeMap<Package, Crate>,
    checksums: &BTreeMap<Package, String>,
) -> Result<Bom> {
    let artifact = component(
        Classification::Application,
        "cargo",
        subject.name,
        version(),
        "Apache-2.0",
    )?;
    // The program is a crate itself; the artifact consists of several.
    let program = crates.remove(&(subject.name.to_owned(), version().to_owned()));
    let parts = program.map_or_else(
        || {
            let is_part = |(name, _): &&Package| subject.packages.contains(&name.as_str());
            crates.keys().filter(is_part).cloned().collect()
        },
        |program| program.dependencies,
    );
    let mut components = Vec::new();
    let mut dependencies = vec![Dependency {
        dependency_ref: reference(&artifact),
        dependencies: parts.iter().map(purl).collect::<Result<_>>()?,
    }];
    for (package, found) in &crates {
        let (name, version) = package;
        let mut entry = component(
            Classification::Library,
            "cargo",
            name,
            version,
            &found.license,
        )?;
        entry.hashes = checksums.get(package).map(|sum| {
            Hashes(vec![Hash {
                alg: HashAlgorithm::SHA_256,
                content: HashValue(sum.clone()),
            }])
        });
        let below = found.dependencies.iter().map(purl);
        let mut below = below.collect::<Result<Vec<_>>>()?;
        if name == "docs" {
            below.extend(SCRIPTS.map(|(name, version, _)| format!("pkg:npm/{name}@{version}")));
        }
        dependencies.push(Dependency {
            dependency_ref: reference(&entry),
            dependencies: below,
        });
        components.push(entry);
    }
    let has_pages = crates.keys().any(|(name, _)| name == "docs");
    for (name, version, license) in SCRIPTS.into_iter().filter(|_| has_pages) {
        components.push(component(
            Classification::Library,
            "npm",
            name,
            version,
            license,
        )?);
    }
    Ok(Bom {
        serial_number: None,
        metadata: Some(Metadata {
            component: Some(artifact),
            ..Metadata::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        ..Bom::default()
    })
}

/// Returns the version of the workspace, which all its packages share.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Returns a package's URL, which other entries use as a reference.
fn purl((name, version): &Package) -> Result<String> {
    Ok(Purl::new("cargo", name, version)?.to_string())
}

fn reference(component: &Component) -> String {
    component.bom_ref.clone().unwrap_or_default()
}

fn component(
    kind: Classification,
    registry: &str,
    name: &str,
    version: &str,
    license: &str,
) -> Result<Component> {
    let purl = Purl::new(registry, name, version)?;
    let mut component = Component::new(kind, name, version, Some(purl.to_string()));
    component.purl = Some(purl);
    component.version = Some(NormalizedString::new(version));
    // Some crates still write the old `MIT/Apache-2.0`.
    let license = SpdxExpression::new(&license.replace('/', " OR "));
    component.licenses = Some(Licenses(vec![LicenseChoice::Expression(license)]));
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_macros_and_their_dependencies_are_omitted() {
        let text = "0|users v1.0.0 (/x)|Apache-2.0\n1|serde v1.0.2|MIT\n\
                    2|serde_derive v1.0.2 (proc-macro)|MIT\n3|syn v2.0.0|MIT\n1|http v1.5.0|MIT\n";
        let crates = parse(text).unwrap();
        let names: Vec<&str> = crates.keys().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["http", "serde", "users"]);
        let users = &crates[&("users".to_owned(), "1.0.0".to_owned())];
        let below: Vec<&str> = users
            .dependencies
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(below, ["http", "serde"]);
    }

    #[test]
    fn a_program_is_the_root_of_its_bill() {
        let text = format!(
            "0|roster-admin v{0} (/x)|Apache-2.0\n1|accounts v{0} (/y)|Apache-2.0\n2|serde v1.0.2|MIT\n",
            version()
        );
        let bom = bom(&PROGRAM, parse(&text).unwrap(), &BTreeMap::new()).unwrap();
        assert!(bom.validate_version(SpecVersion::V1_5).passed());
        let components = bom.components.unwrap().0;
        let names: Vec<String> = components.iter().map(|it| it.name.to_string()).collect();
        assert_eq!(names, ["accounts", "serde"]);
        let root = &bom.dependencies.unwrap().0[0];
        let accounts = format!("pkg:cargo/accounts@{}", version());
        assert_eq!(root.dependencies, [accounts]);
    }
}
