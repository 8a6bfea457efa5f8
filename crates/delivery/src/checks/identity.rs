//! Identity and privileges of pods: the namespace's Pod Security labels, no token of the Kubernetes
//! API, no root and no capabilities. The app's pods are checked as admitted.

use serde_json::Value;

use crate::environment::{CLUSTER, Environment};
use crate::finding::{Finding, Findings};
use crate::object::text;
use crate::pod::Pod;

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    namespace(environment, &mut found);
    for pod in environment.pods() {
        token(environment, &pod, &mut found);
        privileges(&pod, &mut found);
    }
    found.into_vec()
}

fn namespace(environment: &Environment, found: &mut Findings) {
    let mut namespaces = environment.of("Namespace");
    let (Some(namespace), None) = (namespaces.next(), namespaces.next()) else {
        found.add("Namespace", "exactly one is required");
        return;
    };
    let labels = namespace.labels();
    // With warnings alone, only the operator would see a violation.
    for name in ["enforce", "warn", "audit"] {
        let label = labels.get(&format!("pod-security.kubernetes.io/{name}"));
        found.expect(
            label.is_some_and(|level| level == "restricted"),
            namespace,
            format!("Pod Security's `{name}` is not `restricted`"),
        );
    }
    for object in environment
        .objects
        .iter()
        .filter(|object| !CLUSTER.contains(&object.kind()))
    {
        let own = text(&object.value()["metadata"]["namespace"]);
        found.expect(
            own == namespace.name(),
            object,
            format!("it is in the namespace `{own}`"),
        );
    }
}

fn token(environment: &Environment, pod: &Pod, found: &mut Findings) {
    let name = text(&pod.spec["serviceAccountName"]);
    let account = environment.find("ServiceAccount", name);
    if account.is_none() && !["", "default"].contains(&name) {
        found.add(&pod.owner, format!("ServiceAccount {name} does not exist"));
    }
    let denies = |value: &Value| value["automountServiceAccountToken"] == false;
    let is_denied = denies(&pod.spec) || account.is_some_and(|account| denies(account.value()));
    found.expect(
        is_denied,
        &pod.owner,
        "its pods get a token of the Kubernetes API",
    );
}

fn privileges(pod: &Pod, found: &mut Findings) {
    let own = &pod.spec["securityContext"];
    let is_confined =
        own["runAsNonRoot"] == true && own["seccompProfile"]["type"] == "RuntimeDefault";
    found.expect(
        is_confined,
        &pod.owner,
        "its pods may run as root or without a seccomp profile",
    );
    for container in pod.containers() {
        let context = &container["securityContext"];
        let is_confined = context["allowPrivilegeEscalation"] == false
            && context["readOnlyRootFilesystem"] == true
            && context["capabilities"]["drop"] == serde_json::json!(["ALL"]);
        let problem = format!(
            "container {} has privileges or a writable root file system",
            text(&container["name"])
        );
        found.expect(is_confined, &pod.owner, problem);
    }
}
