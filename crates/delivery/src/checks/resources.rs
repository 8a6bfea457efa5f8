//! Requests and limits: every container has them, and the maximum number of pods fits into the
//! namespace's quota, including those that a rollout adds and those that it ends.

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, members, text};
use crate::pod::Pod;
use crate::quantity::{shown, thousandths};

const KINDS: [&str; 2] = ["requests", "limits"];
const NAMES: [&str; 2] = ["cpu", "memory"];

/// Pods during a rollout of a SpinApp at its maximum: a quarter more, and as many that are ending, each
/// during its preStop and its last requests. A quota counts them all, and a ReplicaSet that it rejects
/// backs off for so long that a healthy digest would be rolled back.
const ROLLOUT_PERCENT: u64 = 225;

/// Pods of other programs, such as cert-manager's, with the defaults of the LimitRange.
const OTHERS: u64 = 5;

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let pods = environment.pods();
    for pod in &pods {
        for container in pod.containers() {
            self::container(environment, pod, container, &mut found);
        }
    }
    for range in environment.of("LimitRange") {
        limit_range(range, &mut found);
    }
    let mut quotas = environment.of("ResourceQuota").peekable();
    found.expect(
        quotas.peek().is_some(),
        "ResourceQuota",
        "it does not exist",
    );
    for quota in quotas {
        self::quota(environment, quota, &pods, &mut found);
    }
    found.into_vec()
}

fn container(environment: &Environment, pod: &Pod, container: &Value, found: &mut Findings) {
    let (owner, resources) = (&pod.owner, &container["resources"]);
    for name in NAMES {
        for kind in KINDS {
            let is_there = thousandths(&resources[kind][name]).is_some();
            let problem = format!(
                "container {} has no {kind} of {name}",
                text(&container["name"])
            );
            found.expect(is_there, owner, problem);
        }
        let [request, limit] = KINDS.map(|kind| thousandths(&resources[kind][name]));
        found.expect(
            request <= limit,
            owner,
            format!("it requests more {name} than its limit"),
        );
        for range in environment
            .of("LimitRange")
            .flat_map(|range| list(&range.spec()["limits"]))
        {
            let most = thousandths(&range["max"][name]);
            let fits = most.is_none() || limit <= most;
            found.expect(
                fits,
                owner,
                format!("its limit of {name} is more than the LimitRange allows"),
            );
        }
    }
}

/// Checks that the defaults, which a container without values of its own gets, are allowed.
fn limit_range(range: &Object, found: &mut Findings) {
    for limit in list(&range.spec()["limits"]) {
        for name in NAMES {
            let [least, most, max] =
                ["defaultRequest", "default", "max"].map(|kind| thousandths(&limit[kind][name]));
            let ordered = least.is_some() && least <= most && (max.is_none() || most <= max);
            found.expect(
                ordered,
                range,
                format!("defaultRequest, default and max of {name} are not in order"),
            );
        }
    }
}

fn quota(environment: &Environment, quota: &Object, pods: &[Pod], found: &mut Findings) {
    let hard = &quota.spec()["hard"];
    let defaults = environment
        .of("LimitRange")
        .flat_map(|range| list(&range.spec()["limits"]));
    let others = defaults.map(|limit| {
        json!({"resources": {"requests": limit["defaultRequest"], "limits": limit["default"]}})
    });
    let others = json!({"containers": others.collect::<Vec<_>>()});
    for (name, allowed) in members(hard) {
        let Some(allowed) = thousandths(allowed) else {
            found.add(quota, format!("spec.hard.{name} is not a quantity"));
            continue;
        };
        let needed: u128 = pods
            .iter()
            .map(|pod| u128::from(most(pod)) * share(&pod.spec, name))
            .chain([u128::from(OTHERS) * share(&others, name)])
            .sum();
        let problem = format!(
            "spec.hard.{name} is {}, but a rollout at the maximum number of pods needs {}",
            shown(allowed),
            shown(needed)
        );
        found.expect(needed <= allowed, quota, problem);
    }
    for name in KINDS
        .iter()
        .flat_map(|kind| NAMES.map(|name| format!("{kind}.{name}")))
        .chain(["pods".to_owned()])
    {
        found.expect(
            !hard[&name].is_null(),
            quota,
            format!("spec.hard has no {name}"),
        );
    }
}

/// Returns the maximum number of these pods at once.
fn most(pod: &Pod) -> u64 {
    match pod.owner.starts_with("SpinApp ") {
        true => (pod.most * ROLLOUT_PERCENT).div_ceil(100),
        false => pod.most + pod.surge,
    }
}

/// Returns the share of one pod in a quota, in thousandths.
fn share(spec: &Value, name: &str) -> u128 {
    let Some((kind, name)) = name.split_once('.') else {
        return if name == "pods" { 1000 } else { 0 };
    };
    let containers = list(&spec["containers"]).iter();
    containers
        .filter_map(|container| thousandths(&container["resources"][kind][name]))
        .sum()
}
