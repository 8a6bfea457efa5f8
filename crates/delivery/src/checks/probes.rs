//! Probes: their paths and ports exist, and they wait long enough for a busy pod.

use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, text};
use crate::pod::Pod;

/// Paths served by Spin itself, and by the component that every pod has.
const LIVENESS: &str = "/.well-known/spin/health";
const READINESS: &str = "/api/v1/health/ready";
const READINESS_COMPONENT: &str = "health";

/// Minimum timeout in seconds; Kubernetes' default of one second ends pods that are only busy.
const LEAST_TIMEOUT: u64 = 3;

/// Minimum delay in seconds, in place of a startup probe, which a SpinApp cannot have.
const LEAST_DELAY: u64 = 30;

/// Seconds of a failover of Postgres. All pods use the same one: if they were not ready meanwhile, the
/// gateway would respond instead of the app.
const LONGEST_FAILOVER: u64 = 90;

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for app in environment.apps() {
        self::app(environment, app, &mut found);
    }
    let pods = environment.pods();
    for pod in pods.iter().filter(|pod| !pod.owner.contains("Job ")) {
        probes(pod, &mut found);
    }
    found.into_vec()
}

fn app(environment: &Environment, app: &Object, found: &mut Findings) {
    let checks = &app.spec()["checks"];
    for (name, path) in [("liveness", LIVENESS), ("readiness", READINESS)] {
        let asked = text(&checks[name]["httpGet"]["path"]);
        found.expect(
            asked == path,
            app,
            format!("spec.checks.{name} requests `{asked}` instead of {path}"),
        );
    }
    let delay = checks["liveness"]["initialDelaySeconds"]
        .as_u64()
        .unwrap_or_default();
    let problem = format!("spec.checks.liveness begins before {LEAST_DELAY} s have passed");
    found.expect(delay >= LEAST_DELAY, app, problem);
    let [period, failures] = ["periodSeconds", "failureThreshold"]
        .map(|field| checks["readiness"][field].as_u64().unwrap_or_default());
    let problem = format!(
        "spec.checks.readiness fails after {} s, before a failover of {LONGEST_FAILOVER} s has ended",
        period * failures
    );
    found.expect(period * failures >= LONGEST_FAILOVER, app, problem);
    let components = &app.spec()["components"];
    let answers =
        crate::object::texts(components).any(|component| component == READINESS_COMPONENT);
    let problem =
        format!("spec.components lacks {READINESS_COMPONENT}, which serves the readiness probe");
    found.expect(answers, app, problem);
    let routes = environment.project.application.routes().iter();
    let mut routes = routes.filter(|route| route.component.as_deref() == Some(READINESS_COMPONENT));
    let exists = routes.any(|route| {
        let prefix = route.route.strip_suffix("...").unwrap_or(&route.route);
        READINESS.starts_with(prefix)
    });
    found.expect(
        exists,
        app,
        format!("spin.toml has no route for {READINESS}"),
    );
}

fn probes(pod: &Pod, found: &mut Findings) {
    for container in pod.containers() {
        for name in ["livenessProbe", "readinessProbe"] {
            let probe: &Value = &container[name];
            found.expect(probe.is_object(), &pod.owner, format!("it has no {name}"));
            let handlers = ["tcpSocket", "httpGet"].map(|handler| &probe[handler]["port"]);
            for port in handlers.into_iter().filter(|port| !port.is_null()) {
                let problem = format!("{name} uses port {port}, which its pods do not have");
                found.expect(pod.port(port).is_some(), &pod.owner, problem);
            }
            let timeout = probe["timeoutSeconds"].as_u64().unwrap_or(1);
            let problem =
                format!("{name} has a timeout of {timeout} s, less than {LEAST_TIMEOUT} s");
            found.expect(timeout >= LEAST_TIMEOUT, &pod.owner, problem);
        }
    }
}
