//! Autoscalers: one a group, of a Deployment that will exist.

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
            format!("spec.scaleTargetRef: there will be no {kind} {name}"),
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
            "it has to have a least and a most number of pods, in order",
        );
        let metrics = [&spec["metrics"], &spec["triggers"]]
            .into_iter()
            .flat_map(list)
            .count();
        found.expect(metrics > 0, scaler, "it scales by nothing");
    }
    for app in environment.apps() {
        let scalers = environment.autoscalers();
        let count = scalers
            .filter(|scaler| scaler.spec()["scaleTargetRef"]["name"] == app.name())
            .count();
        match count {
            1 => {}
            0 => found.add(
                app,
                "it has neither a HorizontalPodAutoscaler nor a ScaledObject",
            ),
            _ => found.add(app, "several autoscalers scale it"),
        }
    }
    found.into_vec()
}
