//! Connections that an environment's network policies allow.

use serde_json::Value;

use crate::environment::Environment;
use crate::object::{Labels, Object, labels, list, text};
use crate::pod::Pod;
use crate::selector;

/// Other end of a connection.
pub enum Peer<'a> {
    /// Pod of the environment.
    Pod(&'a Pod),
    /// Pod of another namespace; `labels` is `None` when they are unknown.
    Elsewhere {
        namespace: &'a str,
        labels: Option<Labels>,
    },
    /// Address outside the cluster.
    Outside,
}

/// Port by number and protocol.
#[derive(Clone, Copy)]
pub struct Port(pub u16, pub &'static str);

/// Returns true if a pod may open the connection. Without a policy for the pod, all are allowed.
pub fn lets_out(environment: &Environment, pod: &Pod, to: &Peer, port: Port) -> bool {
    let named = match to {
        Peer::Pod(other) => Some(*other),
        _ => None,
    };
    allows(environment, pod, Direction::Egress, to, port, named)
}

/// Returns true if a pod may receive the connection.
pub fn lets_in(environment: &Environment, pod: &Pod, from: &Peer, port: Port) -> bool {
    allows(environment, pod, Direction::Ingress, from, port, Some(pod))
}

/// Returns true if a policy allows connections to a pod from all pods of a selected namespace.
pub fn is_open_to_a_namespace(environment: &Environment, pod: &Pod, port: Port) -> bool {
    let policies = environment.of("NetworkPolicy");
    let policies =
        policies.filter(|policy| selector::selects(&policy.spec()["podSelector"], &pod.labels));
    policies
        .flat_map(|policy| list(&policy.spec()["ingress"]))
        .any(|rule| {
            has_port(rule, port, Some(pod))
                && list(&rule["from"]).iter().any(|peer| {
                    peer["namespaceSelector"].is_object() && peer["podSelector"].is_null()
                })
        })
}

#[derive(Clone, Copy)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    /// Names of the policy type, of its rules and of their peers.
    const fn fields(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "from"),
            Self::Egress => ("Egress", "egress", "to"),
        }
    }

    fn concerns(self, policy: &Object, pod: &Pod) -> bool {
        let spec = policy.spec();
        let types = list(&spec["policyTypes"]);
        let (kind, rules, _) = self.fields();
        let is_meant = match types {
            [] => matches!(self, Self::Ingress) || spec[rules].is_array(),
            types => types.iter().any(|other| other == kind),
        };
        is_meant && selector::selects(&spec["podSelector"], &pod.labels)
    }
}

fn allows(
    environment: &Environment,
    pod: &Pod,
    direction: Direction,
    peer: &Peer,
    port: Port,
    named: Option<&Pod>,
) -> bool {
    let (_, rules, peers) = direction.fields();
    let mut concerned = environment
        .of("NetworkPolicy")
        .filter(|policy| direction.concerns(policy, pod))
        .peekable();
    if concerned.peek().is_none() {
        return true;
    }
    concerned
        .flat_map(|policy| list(&policy.spec()[rules]))
        .any(|rule| {
            let peers = &rule[peers];
            let is_peer = list(peers).is_empty() || list(peers).iter().any(|known| is(peer, known));
            is_peer && has_port(rule, port, named)
        })
}

fn is(peer: &Peer, known: &Value) -> bool {
    let (namespaces, pods) = (&known["namespaceSelector"], &known["podSelector"]);
    match peer {
        Peer::Pod(pod) => namespaces.is_null() && selector::selects(pods, &pod.labels),
        Peer::Elsewhere {
            namespace,
            labels: of,
        } => {
            let name = serde_json::json!({"kubernetes.io/metadata.name": namespace});
            let is_pod = match of {
                Some(of) => pods.is_null() || selector::selects(pods, of),
                None => pods.is_null(),
            };
            selector::selects(namespaces, &labels(&name)) && is_pod
        }
        Peer::Outside => known["ipBlock"].is_object(),
    }
}

/// Returns true if a rule allows the port. Named ports are those of the destination pod.
fn has_port(rule: &Value, port: Port, reached: Option<&Pod>) -> bool {
    let ports = list(&rule["ports"]);
    ports.is_empty()
        || ports.iter().any(|known| {
            let number = match reached {
                Some(pod) => pod.port(&known["port"]),
                None => known["port"]
                    .as_u64()
                    .and_then(|number| u16::try_from(number).ok()),
            };
            let protocol = match text(&known["protocol"]) {
                "" => "TCP",
                protocol => protocol,
            };
            protocol == port.1 && (known["port"].is_null() || number == Some(port.0))
        })
}
