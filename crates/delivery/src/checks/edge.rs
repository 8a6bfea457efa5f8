//! Treatment of requests at the edge: it serves no API over http://, retries only requests that reached
//! no pod, and limits no client by whole IPv6 addresses, of which it has many.

use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, text, texts};

/// Pages that people open. API calls over http:// get no redirect, so that the client notices.
const PAGES: [&str; 2] = ["/api/docs", "/api/redoc"];

/// Failures after which a request has reached no pod.
const RETRYABLE_FAILURES: [&str; 2] = ["connect-failure", "refused-stream"];

/// Annotation and value of Traefik's entry point for HTTPS only.
const ENTRY: (&str, &str) = (
    "traefik.ingress.kubernetes.io/router.entrypoints",
    "websecure",
);

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for route in environment.of("HTTPRoute") {
        if is_open(environment, route) {
            open_route(route, &mut found);
        }
    }
    for ingress in environment.of("Ingress") {
        let entry = &ingress.value()["metadata"]["annotations"][ENTRY.0];
        found.expect(*entry == ENTRY.1, ingress, "it also serves http://");
    }
    for policy in environment.of("BackendTrafficPolicy") {
        retries(policy, &mut found);
        limits(policy, &mut found);
    }
    found.into_vec()
}

/// Returns true if a route is attached to a listener without encryption.
fn is_open(environment: &Environment, route: &Object) -> bool {
    list(&route.spec()["parentRefs"]).iter().any(|parent| {
        let gateway = environment.find("Gateway", text(&parent["name"]));
        let mut listeners = gateway
            .into_iter()
            .flat_map(|gateway| list(&gateway.spec()["listeners"]));
        let section = &parent["sectionName"];
        listeners.any(|listener| {
            listener["protocol"] == "HTTP" && (section.is_null() || listener["name"] == *section)
        })
    })
}

fn open_route(route: &Object, found: &mut Findings) {
    for rule in list(&route.spec()["rules"]) {
        let redirects = |filter: &Value| filter["requestRedirect"]["scheme"] == "https";
        let only_redirects =
            list(&rule["filters"]).iter().any(redirects) && list(&rule["backendRefs"]).is_empty();
        found.expect(
            only_redirects,
            route,
            "it serves more than a redirect over http://",
        );
        let matches = list(&rule["matches"]);
        let paths = matches.iter().map(|known| text(&known["path"]["value"]));
        let are_pages = !matches.is_empty() && paths.into_iter().all(|path| PAGES.contains(&path));
        found.expect(
            are_pages,
            route,
            "it serves more than pages over http://, where passwords would be sent in clear text",
        );
    }
}

fn retries(policy: &Object, found: &mut Findings) {
    let mut triggers: Vec<_> = texts(&policy.spec()["retry"]["retryOn"]["triggers"]).collect();
    triggers.sort_unstable();
    let problem = format!("it retries on {triggers:?} instead of {RETRYABLE_FAILURES:?}");
    found.expect(triggers == RETRYABLE_FAILURES, policy, problem);
}

fn limits(policy: &Object, found: &mut Findings) {
    let rules = list(&policy.spec()["rateLimit"]["local"]["rules"]).iter();
    for selector in rules.flat_map(|rule| list(&rule["clientSelectors"])) {
        let source = &selector["sourceCIDR"];
        let is_by_address = source["type"] == "Distinct" && text(&source["value"]).contains(':');
        let problem = "it limits each IPv6 address, of which a client has 2^64";
        found.expect(!is_by_address, policy, problem);
    }
}
