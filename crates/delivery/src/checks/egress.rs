//! Egress: a network policy allows every connection that pods have to open, and also at its other end
//! if that is in the environment.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::application::expand;
use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::network::{Peer, Port, lets_in, lets_out};
use crate::object::{Object, list, members, text, texts};
use crate::pod::Pod;

const DNS: [Port; 2] = [Port(53, "UDP"), Port(53, "TCP")];
const DNS_NAMESPACE: &str = "kube-system";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for pod in environment.pods() {
        let variables = variables(environment, &pod);
        // A pod that is configured with a host name needs DNS. A store has none.
        if variables
            .keys()
            .any(|name| name.to_uppercase().ends_with("HOST"))
        {
            let dns = Peer::Elsewhere {
                namespace: DNS_NAMESPACE,
                labels: None,
            };
            let asks = DNS
                .iter()
                .all(|port| lets_out(environment, &pod, &dns, *port));
            found.expect(
                asks,
                &pod.owner,
                "no NetworkPolicy allows egress from its pods to DNS",
            );
        }
        // Variables that psql and PgBouncer's script read.
        if let (Some(host), Some(port)) = (variables.get("PGHOST"), variables.get("PGPORT")) {
            reaches(
                environment,
                &pod,
                &format!("postgres://{host}:{port}"),
                &mut found,
            );
        }
    }
    for app in environment.apps() {
        for pod in environment.pods_of(app) {
            self::app(environment, app, &pod, &mut found);
        }
    }
    found.into_vec()
}

/// Checks the connections of Spin itself, and those that the components may open.
fn app(environment: &Environment, app: &Object, pod: &Pod, found: &mut Findings) {
    let Some(executor) = environment.executor(app) else {
        return;
    };
    let config = &executor.spec()["deploymentConfig"];
    if config["spinImage"].is_string() {
        let registry = text(&app.spec()["image"])
            .split('/')
            .next()
            .unwrap_or_default();
        reaches(environment, pod, &format!("https://{registry}"), found);
    }
    for (_, endpoint) in members(&config["otel"]) {
        reaches(environment, pod, text(endpoint), found);
    }
    let variables = variables(environment, pod);
    let application = &environment.project.application;
    let value = |name: &str| {
        let default = || application.variables.get(name)?.default.clone();
        variables
            .get(&crate::operator::variable(name))
            .cloned()
            .or_else(default)
    };
    for component in texts(&app.spec()["components"]) {
        let Some(component) = application.components.get(component) else {
            continue;
        };
        for template in &component.allowed_outbound_hosts {
            match expand(template, value) {
                // The app itself, in the same pod.
                Ok(url) if url == "http://self" => {}
                Ok(url) => reaches(environment, pod, &url, found),
                Err(name) => found.add(app, format!("{template}: the value of {name} is unknown")),
            }
        }
    }
}

/// Returns the environment variables with a known value, so none from a Secret.
fn variables(environment: &Environment, pod: &Pod) -> BTreeMap<String, String> {
    let value = |variable: &Value| {
        let reference = &variable["valueFrom"]["configMapKeyRef"];
        let value = match &variable["value"] {
            Value::String(value) => Some(value.clone()),
            _ => environment
                .config(text(&reference["name"]))?
                .remove(text(&reference["key"])),
        };
        Some((text(&variable["name"]).to_owned(), value?))
    };
    pod.variables().filter_map(value).collect()
}

/// Returns the host and port of a URL, or `None` if it has no scheme.
fn address(url: &str) -> Option<(&str, Option<u16>)> {
    let (scheme, rest) = url.split_once("://")?;
    let rest = rest.split('/').next().unwrap_or_default();
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (
            rest,
            match scheme {
                "https" => Some(443),
                "http" => Some(80),
                _ => None,
            },
        ),
    };
    Some((host, port))
}

fn reaches(environment: &Environment, pod: &Pod, url: &str, found: &mut Findings) {
    if url.is_empty() {
        return;
    }
    let Some((host, Some(number))) = address(url) else {
        found.add(&pod.owner, format!("{url} is not an address with a port"));
        return;
    };
    let services = environment.services();
    if let Some(service) = services.iter().find(|service| service.name() == host) {
        inside(environment, pod, (url, service, number), found);
        return;
    }
    let peer = match host.split('.').collect::<Vec<_>>().as_slice() {
        [name] => {
            found.add(&pod.owner, format!("{url}: Service {name} does not exist"));
            return;
        }
        [_, namespace] | [_, namespace, "svc", ..] => Peer::Elsewhere {
            namespace,
            labels: None,
        },
        _ => Peer::Outside,
    };
    let is_open = lets_out(environment, pod, &peer, Port(number, "TCP"));
    found.expect(
        is_open,
        &pod.owner,
        format!("no NetworkPolicy allows egress from its pods to {url}"),
    );
}

/// Checks the pods behind a Service and their ports, to which policies apply.
fn inside(environment: &Environment, pod: &Pod, to: (&str, &Object, u16), found: &mut Findings) {
    let (url, service, number) = to;
    let ports = list(&service.spec()["ports"]);
    let Some(port) = ports.iter().find(|port| port["port"] == number) else {
        found.add(&pod.owner, format!("{url}: {service} has no port {number}"));
        return;
    };
    let target = match &port["targetPort"] {
        Value::Null => &port["port"],
        target => target,
    };
    for other in environment.behind(service) {
        let Some(number) = other.port(target) else {
            continue;
        };
        let port = Port(number, "TCP");
        let is_open = lets_out(environment, pod, &Peer::Pod(&other), port);
        found.expect(
            is_open,
            &pod.owner,
            format!("no NetworkPolicy allows egress from its pods to {url}"),
        );
        let is_open = lets_in(environment, &other, &Peer::Pod(pod), port);
        let problem = format!(
            "no NetworkPolicy allows ingress from {}, which needs {url}",
            pod.owner
        );
        found.expect(is_open, &other.owner, problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_into_host_and_port() {
        assert_eq!(address("postgres://db:5432"), Some(("db", Some(5432))));
        assert_eq!(
            address("https://a.example.com/x"),
            Some(("a.example.com", Some(443)))
        );
        assert_eq!(address("redis://cache"), Some(("cache", None)));
        assert_eq!(address("redis://cache:many"), Some(("cache", None)));
        assert_eq!(address(""), None);
    }
}
