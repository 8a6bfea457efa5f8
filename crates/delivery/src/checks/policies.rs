//! Settings that admission has to add to the app's pods and Deployments, because a SpinApp has no fields
//! for them: time to leave the Service, writable folders, spreading over nodes, rollouts that never
//! reduce the number of pods, and spans without personal data. The policies also have to be separate
//! from those of other environments.

use serde_json::{Value, json};

use crate::admission::{BINDING, POLICY};
use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, text};
use crate::pod::Pod;

/// Seconds until every gateway has removed the pod; only then may it end.
const LEAST_PRE_STOP: u64 = 5;

/// Time limit of the gateway for a request, in seconds.
const LONGEST_REQUEST: u64 = 15;

/// Variable that filters Spin's spans; `PERSONAL` are the modules whose spans have personal data.
const TRACING: &str = "SPIN_OTEL_TRACING_LEVEL";
const PERSONAL: [&str; 3] = [
    "spin_factor_outbound_redis=off",
    "spin_factor_outbound_http=off",
    "spin_trigger_http=off",
];

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    names(environment, &mut found);
    for app in environment.apps() {
        let problems = environment.admitted(app).map(|(_, problems)| problems);
        for problem in problems.into_iter().flatten() {
            found.add(app, format!("its pods are not admitted: {problem}"));
        }
    }
    for pod in environment.pods() {
        if pod.owner.starts_with("SpinApp ") {
            app_pod(&pod, &mut found);
        }
        if ["SpinApp ", "Deployment "]
            .iter()
            .any(|kind| pod.owner.starts_with(kind))
        {
            pre_stop(&pod, &mut found);
            spread(&pod, &mut found);
        }
    }
    for deployment in environment
        .made()
        .iter()
        .filter(|made| made.kind() == "Deployment")
    {
        let strategy = &deployment.spec()["strategy"];
        let keeps =
            strategy["type"] == "RollingUpdate" && strategy["rollingUpdate"]["maxUnavailable"] == 0;
        found.expect(
            keeps,
            deployment,
            "a rollout may stop pods before others are ready",
        );
    }
    found.into_vec()
}

/// Checks that the name of each policy ends with that of its environment: policies are cluster-scoped.
fn names(environment: &Environment, found: &mut Findings) {
    let namespace = environment.of("Namespace").map(Object::name).next();
    let ending = format!(".{}", namespace.unwrap_or_default());
    for object in environment.of(POLICY).chain(environment.of(BINDING)) {
        let problem = format!(
            "its name does not end with {ending}, so another environment may have the same name"
        );
        found.expect(object.name().ends_with(&ending), object, problem);
    }
    for binding in environment.of(BINDING) {
        let selector = &binding.spec()["matchResources"]["namespaceSelector"]["matchLabels"];
        let is_own = *selector == json!({"kubernetes.io/metadata.name": namespace});
        found.expect(
            is_own,
            binding,
            "it applies to other namespaces than the environment's",
        );
        let name = text(&binding.spec()["policyName"]);
        let problem = format!("spec.policyName: {POLICY} {name} does not exist");
        found.expect(environment.find(POLICY, name).is_some(), binding, problem);
    }
}

fn pre_stop(pod: &Pod, found: &mut Findings) {
    let grace = pod.spec["terminationGracePeriodSeconds"]
        .as_u64()
        .unwrap_or(30);
    for container in list(&pod.spec["containers"]) {
        let sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
        let sleep = sleep.unwrap_or_default();
        let problem = format!("its pods stop after {sleep} s, while they still receive requests");
        found.expect(sleep >= LEAST_PRE_STOP, &pod.owner, problem);
        let problem =
            format!("its pods are killed after {grace} s, before the longest request ends");
        found.expect(grace >= sleep + LONGEST_REQUEST, &pod.owner, problem);
    }
}

fn spread(pod: &Pod, found: &mut Findings) {
    let rules = list(&pod.spec["topologySpreadConstraints"]).iter();
    let by_node = rules
        .filter(|rule| rule["topologyKey"] == "kubernetes.io/hostname")
        .count();
    found.expect(by_node == 1, &pod.owner, "its pods may all run on one node");
}

fn app_pod(pod: &Pod, found: &mut Findings) {
    let sysctls = list(&pod.spec["securityContext"]["sysctls"]);
    let port = json!({"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"});
    found.expect(
        sysctls.contains(&port),
        &pod.owner,
        "its pods cannot listen on port 80",
    );
    for container in pod.containers() {
        for name in ["HOME", "TMPDIR"] {
            let path = variable(container, name);
            let is_writable = !path.is_empty() && mounts_scratch(pod, container, path);
            let problem = format!("its pods cannot write to {name}, where Spin has its cache");
            found.expect(is_writable, &pod.owner, problem);
        }
        let filter = variable(container, TRACING);
        let is_clean = PERSONAL
            .iter()
            .all(|part| filter.split(',').any(|own| own == *part));
        let problem = format!("{TRACING} enables spans with personal data");
        found.expect(is_clean, &pod.owner, problem);
    }
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a str {
    let mut variables = list(&container["env"]).iter();
    let variable = variables.find(|variable| variable["name"] == name);
    variable.map_or("", |variable| text(&variable["value"]))
}

fn mounts_scratch(pod: &Pod, container: &Value, path: &str) -> bool {
    let mut mounts = list(&container["volumeMounts"]).iter();
    let mut volumes = list(&pod.spec["volumes"]).iter();
    mounts.any(|mount| {
        mount["mountPath"] == path
            && volumes
                .any(|volume| volume["name"] == mount["name"] && volume["emptyDir"].is_object())
    })
}
