//! Routes of the edge: the paths of spin.toml, each to its group, and no internal path.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, text};

/// Internal paths: metrics, a configuration check, and Spin's own endpoints. `/` belongs to no component
/// and detects a route for every path.
const INSIDE: [&str; 5] = [
    "/metrics",
    "/internal/users/configuration",
    "/.well-known/spin/health",
    "/.well-known/spin/info",
    "/",
];

/// Path that the edge sends to a Service.
struct Routed {
    object: String,
    is_prefix: bool,
    path: String,
    service: String,
}

impl Routed {
    fn matches_path(&self, path: &str) -> bool {
        let prefix = self.path.trim_end_matches('/');
        let rest = path.strip_prefix(prefix);
        match self.is_prefix {
            true => rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            false => self.path == path,
        }
    }
}

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let mut routed = Vec::new();
    for route in environment.of("HTTPRoute") {
        parents(environment, route, &mut found);
        routed.extend(http_route(environment, route, &mut found));
    }
    for ingress in environment.of("Ingress") {
        routed.extend(self::ingress(environment, ingress, &mut found));
    }
    for policy in environment
        .objects
        .iter()
        .filter(|object| object.group() == "gateway.envoyproxy.io")
    {
        for target in list(&policy.spec()["targetRefs"]) {
            let (kind, name) = (text(&target["kind"]), text(&target["name"]));
            let problem = format!("spec.targetRefs: {kind} {name} does not exist");
            found.expect(environment.find(kind, name).is_some(), policy, problem);
        }
    }
    for path in INSIDE {
        for route in routed.iter().filter(|route| route.matches_path(path)) {
            found.add(&route.object, format!("{} exposes {path}", route.path));
        }
    }
    triggers(environment, &routed, &mut found);
    found.into_vec()
}

fn parents(environment: &Environment, route: &Object, found: &mut Findings) {
    for parent in list(&route.spec()["parentRefs"]) {
        let (name, section) = (text(&parent["name"]), &parent["sectionName"]);
        let gateway = environment.find("Gateway", name);
        let listeners = gateway
            .into_iter()
            .flat_map(|gateway| list(&gateway.spec()["listeners"]));
        let problem = format!(
            "spec.parentRefs: Gateway {name} has no listener {}",
            text(section)
        );
        let exists = listeners
            .into_iter()
            .any(|listener| section.is_null() || listener["name"] == *section);
        found.expect(exists, route, problem);
    }
}

fn http_route(environment: &Environment, route: &Object, found: &mut Findings) -> Vec<Routed> {
    let mut routed = Vec::new();
    for rule in list(&route.spec()["rules"]) {
        for backend in list(&rule["backendRefs"]) {
            let service = text(&backend["name"]);
            exists(environment, route, service, &backend["port"], found);
            let add = |kind: &str, path: &str| Routed {
                object: route.to_string(),
                is_prefix: kind != "Exact",
                path: path.to_owned(),
                service: service.to_owned(),
            };
            let matches = list(&rule["matches"]);
            if matches.is_empty() {
                routed.push(add("PathPrefix", "/"));
            }
            for known in matches {
                match text(&known["path"]["value"]) {
                    "" => routed.push(add("PathPrefix", "/")),
                    path => routed.push(add(text(&known["path"]["type"]), path)),
                }
            }
        }
    }
    routed
}

fn ingress(environment: &Environment, ingress: &Object, found: &mut Findings) -> Vec<Routed> {
    let mut routed = Vec::new();
    for path in list(&ingress.spec()["rules"])
        .iter()
        .flat_map(|rule| list(&rule["http"]["paths"]))
    {
        let service = &path["backend"]["service"];
        exists(
            environment,
            ingress,
            text(&service["name"]),
            &service["port"]["number"],
            found,
        );
        routed.push(Routed {
            object: ingress.to_string(),
            is_prefix: path["pathType"] != "Exact",
            path: text(&path["path"]).to_owned(),
            service: text(&service["name"]).to_owned(),
        });
    }
    let default = &ingress.spec()["defaultBackend"];
    found.expect(
        default.is_null(),
        ingress,
        "spec.defaultBackend exposes every path",
    );
    routed
}

fn exists(
    environment: &Environment,
    from: &Object,
    service: &str,
    port: &Value,
    found: &mut Findings,
) {
    let services = environment.services();
    let Some(backend) = services
        .iter()
        .find(|candidate| candidate.name() == service)
    else {
        found.add(from, format!("Service {service} will not exist"));
        return;
    };
    let has = list(&backend.spec()["ports"])
        .iter()
        .any(|known| known["port"] == *port);
    found.expect(has, from, format!("Service {service} has no port {port}"));
}

/// Checks that every route of spin.toml whose component has a group here is a route of the edge to that
/// group; metrics and configuration checks stay internal.
fn triggers(environment: &Environment, routed: &[Routed], found: &mut Findings) {
    let groups: BTreeSet<_> = environment.apps().map(Object::name).collect();
    for route in environment.project.application.routes() {
        let Some(component) = route.component.as_deref() else {
            continue;
        };
        let is_inside = route.route == "/metrics" || route.route.starts_with("/internal/");
        if !groups.contains(component) || is_inside {
            continue;
        }
        // The reason for the parameter is in spin.toml.
        let path = route.route.replace("/:directory/", "/.well-known/");
        let inner = path.strip_suffix("/...");
        let path = inner.unwrap_or(&path);
        let takers = routed
            .iter()
            .filter(|known| known.matches_path(path) && (inner.is_none() || known.is_prefix));
        let takers: Vec<_> = takers.collect();
        // The edge uses the longest path that matches.
        let longest = takers.iter().map(|known| known.path.len()).max();
        let takers = takers
            .iter()
            .filter(|known| Some(known.path.len()) == longest);
        let takers: Vec<_> = takers.map(|known| known.service.as_str()).collect();
        let problem = format!(
            "{} is routed to {takers:?} instead of {component}",
            route.route
        );
        found.expect(takers == [component], "the edge", problem);
    }
}
