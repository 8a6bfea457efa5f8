//! Ingress: pods are unreachable unless a network policy allows it; the gateway reaches the groups, and
//! Prometheus its targets.

use serde_json::json;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::network::{Peer, Port, is_open_to_a_namespace, lets_in, lets_out};
use crate::object::labels;
use crate::operator::PORT;

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for pod in environment.pods() {
        // An unused port: only a policy that denies by default closes it.
        let nobody = Peer::Elsewhere {
            namespace: "nobody",
            labels: None,
        };
        let port = Port(1, "TCP");
        let is_shut = !lets_in(environment, &pod, &nobody, port)
            && !lets_out(environment, &pod, &nobody, port);
        found.expect(
            is_shut,
            &pod.owner,
            "no NetworkPolicy denies connections of its pods by default",
        );
    }
    let pods = environment.pods();
    let port = Port(PORT, "TCP");
    for pod in pods.iter().filter(|pod| pod.owner.starts_with("SpinApp ")) {
        let problem = format!("no NetworkPolicy allows ingress from the gateway on port {PORT}");
        found.expect(
            is_open_to_a_namespace(environment, pod, port),
            &pod.owner,
            problem,
        );
    }
    for scrape in environment.of("ScrapeConfig") {
        let prometheus = Peer::Elsewhere {
            namespace: "monitoring",
            labels: Some(labels(&json!({"app.kubernetes.io/name": "prometheus"}))),
        };
        for (_, services) in environment.scraped(scrape) {
            let pods = services
                .iter()
                .flat_map(|service| environment.behind(service));
            for pod in pods {
                let problem = format!(
                    "no NetworkPolicy allows ingress from Prometheus, which {scrape} needs"
                );
                found.expect(
                    lets_in(environment, &pod, &prometheus, port),
                    &pod.owner,
                    problem,
                );
            }
        }
    }
    found.into_vec()
}
