//! Roles of the deployer: they allow applying every object of an environment and, among cluster-scoped
//! kinds, only the objects of this environment.

use crate::environment::{CLUSTER, Environment};
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, texts};

/// Verbs that server-side apply requires.
const VERBS: [&str; 3] = ["get", "create", "patch"];

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let overlay = environment.overlay();
    let file = format!("k8s/deployer/{overlay}");
    let Some(roles) = environment.project.deployers.get(overlay) else {
        found.add(file, "it does not exist");
        return found.into_vec();
    };
    for object in &environment.objects {
        let is_of_cluster = CLUSTER.contains(&object.kind());
        let role = if is_of_cluster { "ClusterRole" } else { "Role" };
        let verbs = VERBS
            .iter()
            .filter(|verb| !is_of_cluster || **verb != "create");
        for verb in verbs {
            let is_allowed = roles
                .iter()
                .filter(|known| known.kind() == role)
                .any(|known| allows(known, verb, object));
            let problem = format!("the {role} does not allow `{verb}` of {object}");
            found.expect(is_allowed, &file, problem);
        }
    }
    for rule in roles
        .iter()
        .filter(|role| role.kind() == "ClusterRole")
        .flat_map(|role| list(&role.value()["rules"]))
    {
        let problem =
            "a rule of the ClusterRole has no resourceNames, so it applies to every environment";
        found.expect(!list(&rule["resourceNames"]).is_empty(), &file, problem);
    }
    found.into_vec()
}

fn allows(role: &Object, verb: &str, object: &Object) -> bool {
    let resource = plural(object.kind());
    list(&role.value()["rules"]).iter().any(|rule| {
        let mut names = texts(&rule["resourceNames"]).peekable();
        texts(&rule["apiGroups"]).any(|group| group == object.group())
            && texts(&rule["resources"]).any(|name| name == resource)
            && texts(&rule["verbs"]).any(|known| known == verb)
            && (names.peek().is_none() || names.any(|name| name == object.name()))
    })
}

/// Returns the resource name of a kind.
fn plural(kind: &str) -> String {
    let name = kind.to_lowercase();
    match name.strip_suffix('y') {
        Some(stem) if !name.ends_with("ay") => format!("{stem}ies"),
        _ if name.ends_with('s') => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_pluralized_to_resources() {
        for (kind, resource) in [
            ("NetworkPolicy", "networkpolicies"),
            ("Gateway", "gateways"),
            ("Ingress", "ingresses"),
            ("SpinApp", "spinapps"),
        ] {
            assert_eq!(plural(kind), resource);
        }
    }
}
