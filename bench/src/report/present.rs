//! Present sizes in `k8s/`, which the capacity page compares with the measurements.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// Values of users, which carries most requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    pub base: Size,
    pub prod: Size,
    /// Percentage of the CPU request at which the autoscaler adds pods.
    pub utilization: f64,
    pub max_pods: f64,
    /// Percentage by which the pods may grow per minute.
    pub growth: f64,
    /// Postgres connections per pod.
    pub pod_connections: f64,
    /// Pool size of one PgBouncer, and the number of them.
    pub pool_size: f64,
    pub poolers: f64,
}

/// Cores and MiB of a pod.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    pub cpu_request: f64,
    pub cpu_limit: f64,
    pub memory_request: f64,
    pub memory_limit: f64,
}

impl Present {
    /// Reads the values from the folder `k8s`.
    pub fn read(k8s: &Path) -> Result<Self> {
        let users = documents(&k8s.join("base/apps/users.yaml"))?;
        let scaler = find(&users, "/kind", "HorizontalPodAutoscaler")?;
        let pooler = documents(&k8s.join("components/pgbouncer/pgbouncer.yaml"))?;
        let pooler = find(&pooler, "/kind", "Deployment")?;
        let policies = at(scaler, "/spec/behavior/scaleUp/policies")?.as_array();
        let policies = policies.context("no scaleUp policies")?;
        let growth = find(policies, "/type", "Percent")?;
        Ok(Self {
            base: size(at(find(&users, "/kind", "SpinApp")?, "/spec/resources")?)?,
            prod: prod(&k8s.join("overlays/prod/sizes/kustomization.yaml"))?,
            utilization: number(scaler, "/spec/metrics/0/resource/target/averageUtilization")?,
            max_pods: number(scaler, "/spec/maxReplicas")?,
            growth: number(growth, "/value")?,
            pod_connections: setting(&k8s.join("base/runtime-config.toml"), "max_connections")?,
            pool_size: setting(
                &k8s.join("components/pgbouncer/start.sh"),
                "default_pool_size",
            )?,
            poolers: number(pooler, "/spec/replicas")?,
        })
    }
}

/// Reads the size that the first patch in an overlay's sizes sets.
fn prod(file: &Path) -> Result<Size> {
    let sizes = documents(file)?;
    let patch = at(
        sizes.first().context("the file has no document")?,
        "/patches/0/patch",
    )?;
    let patch: Value =
        serde_yaml_ng::from_str(patch.as_str().context("the patch is not a string")?)?;
    size(at(&patch, "/0/value")?)
}

fn documents(file: &Path) -> Result<Vec<Value>> {
    let text = read(file)?;
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).map_err(Into::into))
        .collect::<Result<_>>()
        .with_context(|| format!("cannot read {}", file.display()))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn at<'a>(document: &'a Value, pointer: &str) -> Result<&'a Value> {
    let value = document.pointer(pointer);
    value.with_context(|| format!("{pointer} does not exist"))
}

/// Returns the value that has `word` at `pointer`.
fn find<'a>(values: &'a [Value], pointer: &str, word: &str) -> Result<&'a Value> {
    let mut values = values.iter();
    let found = values.find(|value| value.pointer(pointer).is_some_and(|found| found == word));
    found.with_context(|| format!("no value has {word} at {pointer}"))
}

fn size(resources: &Value) -> Result<Size> {
    let of = |pointer| quantity(at(resources, pointer)?);
    Ok(Size {
        cpu_request: of("/requests/cpu")?,
        cpu_limit: of("/limits/cpu")?,
        memory_request: of("/requests/memory")?,
        memory_limit: of("/limits/memory")?,
    })
}

fn number(document: &Value, pointer: &str) -> Result<f64> {
    let number = at(document, pointer)?.as_f64();
    number.with_context(|| format!("{pointer} is not a number"))
}

/// Reads cores of `200m` and `"1"`, MiB of `256Mi` and `1Gi`.
fn quantity(value: &Value) -> Result<f64> {
    let text = value
        .as_str()
        .with_context(|| format!("{value:?} is not a quantity"))?;
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: f64 = digits
        .parse()
        .with_context(|| format!("{text} is not a quantity"))?;
    Ok(match text.strip_prefix(digits) {
        Some("m") => number / 1000.0,
        Some("Gi") => number * 1024.0,
        _ => number,
    })
}

/// Reads the number in a line `name = number`.
fn setting(file: &Path, name: &str) -> Result<f64> {
    let text = read(file)?;
    let values = text.lines().filter_map(|line| line.split_once('='));
    let mut values = values.filter(|(key, _)| key.trim() == name);
    let (_, value) = values
        .next()
        .with_context(|| format!("no {name} in {}", file.display()))?;
    Ok(value.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Present, quantity};

    #[test]
    fn quantities_are_cores_and_mebibytes() {
        let of = |text: &str| quantity(&text.into()).unwrap();
        assert_eq!(
            (of("200m"), of("2"), of("256Mi"), of("1Gi")),
            (0.2, 2.0, 256.0, 1024.0)
        );
        assert!(quantity(&"much".into()).is_err());
    }

    #[test]
    fn the_manifests_of_this_project_are_parsed() {
        let k8s = Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s");
        let present = Present::read(&k8s).unwrap();
        for size in [present.base, present.prod] {
            assert!(size.cpu_request < size.cpu_limit && size.memory_request < size.memory_limit);
        }
        assert!(present.max_pods > 1.0 && present.pool_size > 1.0);
    }
}
