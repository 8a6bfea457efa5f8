//! Environment: all objects that applying an overlay creates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::object::{Labels, Object, labels, list, members, text};
use crate::pod::Pod;
use crate::project::Project;
use crate::{admission, operator, selector};

/// Kinds that have pods.
const WORKLOADS: [&str; 5] = ["Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet"];

/// Cluster-scoped kinds. An administrator creates their objects once.
pub const CLUSTER: [&str; 3] = ["Namespace", admission::POLICY, admission::BINDING];

/// Secrets that optional components need and that are created by hand, with their key.
pub const BY_HAND: [(&str, &str); 2] = [
    ("roster-roots", "ca-certificates.crt"),
    ("roster-registry", ".dockerconfigjson"),
];

#[derive(Debug, Clone)]
pub struct Environment {
    /// `prod`, or `prod with keda`.
    pub name: String,
    pub objects: Vec<Object>,
    pub project: Arc<Project>,
}

impl Environment {
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects
            .iter()
            .filter(move |object| object.kind() == kind)
    }

    /// Returns the name of its overlay, which it has in common with those with optional components.
    pub fn overlay(&self) -> &str {
        self.name.split(' ').next().unwrap_or_default()
    }

    pub fn find(&self, kind: &str, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.is(kind, name))
    }

    pub fn apps(&self) -> impl Iterator<Item = &Object> {
        self.of("SpinApp")
    }

    pub fn executor(&self, app: &Object) -> Option<&Object> {
        self.find("SpinAppExecutor", text(&app.spec()["executor"]))
    }

    /// Returns the objects that the operator creates, as admitted. An app without an executor has none.
    pub fn made(&self) -> Vec<Object> {
        let apps = self.apps();
        let made = apps.filter_map(|app| Some([self.deployment(app)?, operator::service(app)]));
        made.flatten().collect()
    }

    /// Returns the Deployment of an app, as admitted.
    fn deployment(&self, app: &Object) -> Option<Object> {
        let mut deployment = operator::deployment(app, self.executor(app)?);
        // Problems of the policies are reported by their own check.
        let _ = admission::admit(self, "deployments", deployment.value_mut());
        Some(deployment)
    }

    /// Returns a pod of an app, as admitted, and the problems of the policies.
    pub fn admitted(&self, app: &Object) -> Option<(Object, Vec<String>)> {
        let deployment = self.deployment(app)?;
        let template = &deployment.spec()["template"];
        let mut pod = template.clone();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["name"] = app.name().into();
        pod["metadata"]["namespace"] = app.value()["metadata"]["namespace"].clone();
        // Set by the ReplicaSet that creates the pod.
        pod["metadata"]["labels"]["pod-template-hash"] = "0".into();
        let problems = admission::admit(self, "pods", &mut pod);
        Some((Object::new(pod), problems))
    }

    pub fn services(&self) -> Vec<Object> {
        let made = self
            .made()
            .into_iter()
            .filter(|object| object.kind() == "Service");
        self.of("Service").cloned().chain(made).collect()
    }

    pub fn pods(&self) -> Vec<Pod> {
        let rendered = self
            .objects
            .iter()
            .filter(|object| WORKLOADS.contains(&object.kind()));
        let mut pods: Vec<_> = rendered
            .map(|workload| Pod::of(workload.to_string(), workload, self.most(workload.name())))
            .collect();
        for app in self.apps() {
            if let Some((deployment, (admitted, _))) = self.deployment(app).zip(self.admitted(app))
            {
                let pod = Pod::of(app.to_string(), &deployment, self.most(app.name()));
                pods.push(pod.admitted(&admitted));
            }
        }
        pods
    }

    /// Returns the pods of one workload or SpinApp.
    pub fn pods_of(&self, owner: &Object) -> Vec<Pod> {
        let owner = owner.to_string();
        let pods = self.pods().into_iter();
        pods.filter(|pod| pod.owner == owner).collect()
    }

    /// Returns the Services that a ScrapeConfig finds, per selector: `name=value`.
    pub fn scraped<'a>(&self, scrape: &'a Object) -> Vec<(&'a str, Vec<Object>)> {
        let discoveries = list(&scrape.spec()["kubernetesSDConfigs"]).iter();
        let selectors = discoveries.flat_map(|discovery| list(&discovery["selectors"]));
        let found = selectors.map(|selector| {
            let label = text(&selector["label"]);
            let services = self.services().into_iter().filter(|service| {
                let (name, value) = label.split_once('=').unwrap_or_default();
                service.labels().get(name).is_some_and(|own| own == value)
            });
            (label, services.collect())
        });
        found.collect()
    }

    /// Returns the pods that a selector selects.
    pub fn selected(&self, by: &Value) -> Vec<Pod> {
        let pods = self.pods().into_iter();
        pods.filter(|pod| selector::selects(by, &pod.labels))
            .collect()
    }

    /// Returns the pods behind a Service.
    pub fn behind(&self, service: &Object) -> Vec<Pod> {
        let wanted = labels(&service.spec()["selector"]);
        let pods = self.pods().into_iter();
        pods.filter(|pod| !wanted.is_empty() && selector::contains(&pod.labels, &wanted))
            .collect()
    }

    /// Returns the autoscalers of both kinds.
    pub fn autoscalers(&self) -> impl Iterator<Item = &Object> {
        self.of("HorizontalPodAutoscaler")
            .chain(self.of("ScaledObject"))
    }

    /// Returns the maximum number of pods that an autoscaler allows a Deployment, `None` without one.
    fn most(&self, deployment: &str) -> Option<u64> {
        let mut scalers = self.autoscalers();
        let scaler =
            scalers.find(|scaler| scaler.spec()["scaleTargetRef"]["name"] == deployment)?;
        let spec = scaler.spec();
        spec["maxReplicas"]
            .as_u64()
            .or_else(|| spec["maxReplicaCount"].as_u64())
    }

    /// Returns the values of a ConfigMap.
    pub fn config(&self, name: &str) -> Option<Labels> {
        let map = self.find("ConfigMap", name)?;
        Some(labels(&map.value()["data"]))
    }

    /// Returns the Secrets that will exist, with their keys: rendered ones, those that External Secrets
    /// or the operator create, and those created by hand.
    pub fn secrets(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut secrets = BTreeMap::new();
        if self.of("ExternalSecret").next().is_none() {
            let example = self.project.secret_name().to_owned();
            secrets.insert(example, self.project.secret_keys());
        }
        for secret in self.of("Secret") {
            let keys = ["data", "stringData"].map(|field| &secret.value()[field]);
            let keys = keys
                .into_iter()
                .flat_map(members)
                .map(|(key, _)| key.to_owned());
            secrets.insert(secret.name().to_owned(), keys.collect());
        }
        for external in self.of("ExternalSecret") {
            let spec = external.spec();
            let target = text(&spec["target"]["name"]).to_owned();
            let keys = list(&spec["data"]).iter();
            let keys = keys.map(|entry| text(&entry["secretKey"]).to_owned());
            secrets.insert(target, keys.collect());
        }
        for (name, key) in BY_HAND {
            secrets.insert(name.to_owned(), BTreeSet::from([key.to_owned()]));
        }
        for executor in self.of("SpinAppExecutor") {
            if let Some(name) = operator::certificates(executor) {
                let keys = BTreeSet::from(["ca-certificates.crt".to_owned()]);
                secrets.insert(name.to_owned(), keys);
            }
        }
        secrets
    }
}
