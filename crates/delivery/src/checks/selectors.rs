//! Selectors and targets by label: each has to match an object that will exist, and each group's pods
//! have to be matched by one disruption budget.

use serde_json::{Value, json};

use crate::admission::POLICY;
use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, labels, list, text, texts};
use crate::selector;

/// Labels of pods that other programs start in the namespace: cert-manager's, for challenges.
const PODS_OF_OTHERS: [(&str, &str); 1] = [("acme.cert-manager.io/http01-solver", "true")];

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for object in &environment.objects {
        for (path, selector) in selectors(object) {
            let problem = format!("{path} matches no pod");
            found.expect(meets(environment, &selector), object, problem);
        }
        workload(environment, object, &mut found);
    }
    for service in environment.services() {
        self::service(environment, &service, &mut found);
    }
    for app in environment.apps() {
        budgets(environment, app, &mut found);
    }
    for scrape in environment.of("ScrapeConfig") {
        self::scrape(environment, scrape, &mut found);
    }
    found.into_vec()
}

/// Returns the selectors of an object that have to match pods of its own namespace, with their paths.
fn selectors(object: &Object) -> Vec<(String, Value)> {
    let spec = object.spec();
    match object.kind() {
        "PodDisruptionBudget" => vec![("spec.selector".to_owned(), spec["selector"].clone())],
        "NetworkPolicy" => policy(spec),
        POLICY => {
            let path = "spec.matchConstraints.objectSelector".to_owned();
            vec![(path, spec["matchConstraints"]["objectSelector"].clone())]
        }
        _ => Vec::new(),
    }
}

fn policy(spec: &Value) -> Vec<(String, Value)> {
    let mut selectors = vec![("spec.podSelector".to_owned(), spec["podSelector"].clone())];
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(&spec[rules]).iter().enumerate() {
            for peer in list(&rule[peers]) {
                if peer["podSelector"].is_object() && peer["namespaceSelector"].is_null() {
                    let path = format!("spec.{rules}.{index}.{peers}.podSelector");
                    selectors.push((path, peer["podSelector"].clone()));
                }
            }
        }
    }
    selectors
}

fn meets(environment: &Environment, selector: &Value) -> bool {
    let others = PODS_OF_OTHERS
        .iter()
        .map(|(name, value)| labels(&json!({*name: value})));
    !environment.selected(selector).is_empty()
        || others
            .into_iter()
            .any(|labels| selector::selects(selector, &labels))
}

/// Checks that a workload and its spread constraints select its own pods.
fn workload(environment: &Environment, object: &Object, found: &mut Findings) {
    if !["Deployment", "StatefulSet"].contains(&object.kind()) {
        return;
    }
    let spec = object.spec();
    let of = labels(&spec["template"]["metadata"]["labels"]);
    let is_own = selector::selects(&spec["selector"], &of);
    found.expect(
        is_own,
        object,
        "spec.selector does not match the pods of its template",
    );
    for rule in list(&spec["template"]["spec"]["topologySpreadConstraints"]) {
        let is_own = selector::selects(&rule["labelSelector"], &of);
        found.expect(
            is_own,
            object,
            "topologySpreadConstraints matches pods other than its own",
        );
    }
    let service = text(&spec["serviceName"]);
    if object.kind() == "StatefulSet" && environment.find("Service", service).is_none() {
        found.add(
            object,
            format!("spec.serviceName: Service {service} does not exist"),
        );
    }
}

fn service(environment: &Environment, service: &Object, found: &mut Findings) {
    let pods = environment.behind(service);
    found.expect(!pods.is_empty(), service, "spec.selector matches no pod");
    for port in list(&service.spec()["ports"]) {
        let target = match &port["targetPort"] {
            Value::Null => &port["port"],
            target => target,
        };
        let problem = format!("targetPort {target} is not a port of the pods");
        found.expect(
            pods.iter().all(|pod| pod.port(target).is_some()),
            service,
            problem,
        );
    }
}

/// Checks that a group's pods have exactly one budget: with two, no pod can be evicted.
fn budgets(environment: &Environment, app: &Object, found: &mut Findings) {
    for pod in environment.pods_of(app) {
        let budgets = environment.of("PodDisruptionBudget");
        let budgets =
            budgets.filter(|budget| selector::selects(&budget.spec()["selector"], &pod.labels));
        match budgets.count() {
            1 => {}
            0 => found.add(app, "no PodDisruptionBudget selects its pods"),
            _ => found.add(app, "several PodDisruptionBudgets select its pods"),
        }
    }
}

/// Checks that a scrape configuration uses a path of the app and Services that exist.
fn scrape(environment: &Environment, scrape: &Object, found: &mut Findings) {
    let path = text(&scrape.spec()["metricsPath"]);
    let mut routes = environment.project.application.routes().iter();
    let problem = format!("spec.metricsPath: spin.toml has no route {path}");
    found.expect(routes.any(|route| route.route == path), scrape, problem);
    let own = environment.of("Namespace").map(Object::name).next();
    for discovery in list(&scrape.spec()["kubernetesSDConfigs"]) {
        let names: Vec<_> = texts(&discovery["namespaces"]["names"]).collect();
        // `ownNamespace` is the namespace of Prometheus.
        let is_own = own.is_some_and(|own| names == [own])
            && discovery["namespaces"]["ownNamespace"] != true;
        let problem = format!("it discovers targets in {names:?} instead of its namespace");
        found.expect(is_own, scrape, problem);
    }
    for (label, services) in environment.scraped(scrape) {
        let problem = format!("the selector {label} matches no Service");
        found.expect(!services.is_empty(), scrape, problem);
    }
}
