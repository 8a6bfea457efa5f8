//! Pods of an environment: those of rendered workloads, and those that the operator creates.

use serde_json::Value;

use crate::object::{Labels, Object, labels, list, text};

#[derive(Debug, Clone)]
pub struct Pod {
    /// Kind and name of the rendered object that has these pods.
    pub owner: String,
    pub labels: Labels,
    pub annotations: Labels,
    pub spec: Value,
    /// Names of its volumes, including those of volume claim templates.
    pub volumes: Vec<String>,
    /// Maximum number of pods; `surge` is the number that a rollout adds.
    pub most: u64,
    pub surge: u64,
}

impl Pod {
    /// Pods of a Deployment, StatefulSet, Job or CronJob; `most` is the maximum of its autoscaler.
    pub fn of(owner: String, workload: &Object, most: Option<u64>) -> Self {
        let spec = match workload.kind() {
            "CronJob" => &workload.spec()["jobTemplate"]["spec"],
            _ => workload.spec(),
        };
        let replicas = match workload.kind() {
            "Job" | "CronJob" => &spec["parallelism"],
            _ => &spec["replicas"],
        };
        let most = most.or_else(|| replicas.as_u64()).unwrap_or(1);
        let surge = match workload.kind() {
            "Deployment" => surge(&spec["strategy"], most),
            _ => 0,
        };
        let template = &spec["template"];
        let own = labels(&template["metadata"]["labels"]);
        let claimed = list(&spec["volumeClaimTemplates"])
            .iter()
            .map(|claim| &claim["metadata"]);
        let volumes = list(&template["spec"]["volumes"]).iter().chain(claimed);
        Self {
            owner,
            labels: own,
            annotations: labels(&template["metadata"]["annotations"]),
            spec: template["spec"].clone(),
            volumes: volumes
                .map(|volume| text(&volume["name"]).to_owned())
                .collect(),
            most,
            surge,
        }
    }

    /// Replaces the spec with that of one of these pods after admission.
    pub fn admitted(mut self, pod: &Object) -> Self {
        self.spec = pod.spec().clone();
        let volumes = list(&self.spec["volumes"]).iter();
        self.volumes = volumes
            .map(|volume| text(&volume["name"]).to_owned())
            .collect();
        self
    }

    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        let first = list(&self.spec["initContainers"]).iter();
        first.chain(list(&self.spec["containers"]))
    }

    /// Returns the environment variables of its containers.
    pub fn variables(&self) -> impl Iterator<Item = &Value> {
        self.containers()
            .flat_map(|container| list(&container["env"]))
    }

    /// Returns the number of the port with this name, or the given number.
    pub fn port(&self, port: &Value) -> Option<u16> {
        if let Some(number) = port.as_u64() {
            return u16::try_from(number).ok();
        }
        let mut ports = self
            .containers()
            .flat_map(|container| list(&container["ports"]));
        let port = ports.find(|candidate| candidate["name"] == *port)?;
        u16::try_from(port["containerPort"].as_u64()?).ok()
    }
}

/// Returns the pods that a rollout adds: a quarter, rounded up, unless the strategy sets another number.
fn surge(strategy: &Value, most: u64) -> u64 {
    if strategy["type"] == "Recreate" {
        return 0;
    }
    let surge = &strategy["rollingUpdate"]["maxSurge"];
    let percent = text(surge)
        .strip_suffix('%')
        .and_then(|percent| percent.parse().ok());
    match surge.as_u64() {
        Some(pods) => pods,
        None => (most * percent.unwrap_or(25)).div_ceil(100),
    }
}
