//! Rotation of the Secret: pods do not notice a change, so all that read it have one annotation, with
//! the same value everywhere. Changing it rolls them.

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::pod::Pod;

const ANNOTATION: &str = "roster/secrets";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let mut values = BTreeSet::new();
    for pod in environment.pods() {
        // A Job is created anew, and a store keeps its password.
        let is_rolled = ["SpinApp ", "Deployment "]
            .iter()
            .any(|kind| pod.owner.starts_with(kind));
        if !is_rolled || !reads(&pod, environment.project.secret_name()) {
            continue;
        }
        match pod.annotations.get(ANNOTATION) {
            Some(value) => {
                values.insert(value.clone());
            }
            None => {
                let problem = format!(
                    "its pods lack the annotation {ANNOTATION}, whose change restarts them"
                );
                found.add(&pod.owner, problem);
            }
        }
    }
    let problem = format!("pods have different values of the annotation {ANNOTATION}");
    found.expect(values.len() <= 1, "the overlay", problem);
    found.into_vec()
}

fn reads(pod: &Pod, secret: &str) -> bool {
    let mut variables = pod.variables();
    variables.any(|variable| variable["valueFrom"]["secretKeyRef"]["name"] == secret)
}
