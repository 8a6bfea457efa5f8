//! Autoscalers: one per group without a fixed number of pods, for a Deployment that will exist.

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{list, text};

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let made = environment.made();
    for scaler in environment.autoscalers() {
        let target = &scaler.spec()["scaleTargetRef"];
        let (kind, name) = (text(&target["kind"]), text(&target["name"]));
        let exists = made
            .iter()
            .any(|object| object.is(kind, name) && *object.api_version() == target["apiVersion"])
            || environment.find(kind, name).is_some();
        found.expect(
            exists,
            scaler,
            format!("spec.scaleTargetRef: {kind} {name} will not exist"),
        );
        let spec = scaler.spec();
        let bound =
            |replicas: &str, count: &str| spec[replicas].as_u64().or_else(|| spec[count].as_u64());
        let (least, most) = (
            bound("minReplicas", "minReplicaCount"),
            bound("maxReplicas", "maxReplicaCount"),
        );
        let ordered = least.is_some_and(|least| least > 0) && least <= most;
        found.expect(
            ordered,
            scaler,
            "it must have a minimum and a maximum number of pods, in order",
        );
        let metrics = [&spec["metrics"], &spec["triggers"]];
        let metrics: Vec<_> = metrics.into_iter().flat_map(list).collect();
        found.expect(!metrics.is_empty(), scaler, "it has no metrics");
        // A pod keeps the memory that it has used for connections, so the number of pods would only grow.
        let by_memory = metrics
            .iter()
            .any(|metric| metric["type"] == "memory" || metric["resource"]["name"] == "memory");
        found.expect(!by_memory, scaler, "it scales by memory");
    }
    for app in environment.apps() {
        let scalers = environment.autoscalers();
        let count = scalers
            .filter(|scaler| scaler.spec()["scaleTargetRef"]["name"] == app.name())
            .count();
        let is_fixed = app.spec()["enableAutoscaling"] != true;
        match (is_fixed, count) {
            (false, 1) | (true, 0) => {}
            (false, 0) => found.add(
                app,
                "it has neither a HorizontalPodAutoscaler nor a ScaledObject",
            ),
            (false, _) => found.add(app, "several autoscalers scale it"),
            (true, _) => found.add(
                app,
                "an autoscaler scales it, though its spec.replicas are fixed",
            ),
        }
    }
    found.into_vec()
}
