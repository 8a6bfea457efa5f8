//! Runs every check on the manifests of every environment, unchanged and with each optional component;
//! and, for each rule, on a manifest that violates it, which has to be reported (`violations`).
//!
//! Needs ROSTER_KUBECTL, a kubectl with kustomize 5, and ROSTER_TOOLS, the folder of squawk and
//! kubernetes-validate; `cargo xtask test` provides both.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "manifests/files.rs"]
mod files;
#[path = "manifests/violations.rs"]
mod violations;

use std::process::Command;
use std::sync::{Arc, LazyLock, OnceLock};

use delivery::checks::{self, Check, core_kinds};
use delivery::environment::Environment;
use delivery::finding::Finding;
use delivery::kustomize::{self, OVERLAYS, Optional};
use delivery::object::list;
use delivery::project::Project;

static PROJECT: LazyLock<Arc<Project>> = LazyLock::new(|| {
    for name in ["ROSTER_KUBECTL", "ROSTER_TOOLS"] {
        devservices::provided_or_exit(name);
    }
    Arc::new(Project::read(&delivery::root()).unwrap())
});

/// Returns a rendered overlay, with or without an optional component; renders it once per process.
fn rendered(overlay: &str, component: Option<Optional>) -> &'static Environment {
    static RENDERED: [[OnceLock<Environment>; Optional::ALL.len() + 1]; OVERLAYS.len()] =
        [const { [const { OnceLock::new() }; Optional::ALL.len() + 1] }; OVERLAYS.len()];
    let row = OVERLAYS.iter().position(|other| *other == overlay).unwrap();
    let column = Optional::ALL
        .iter()
        .position(|other| Some(*other) == component);
    RENDERED[row][column.map_or(0, |column| column + 1)].get_or_init(|| {
        let environment = match component {
            Some(component) => kustomize::with(&PROJECT, overlay, component),
            None => kustomize::overlay(&PROJECT, overlay),
        };
        environment.unwrap_or_else(|error| panic!("{error:#}"))
    })
}

fn overlays() -> impl Iterator<Item = &'static Environment> {
    OVERLAYS.iter().map(|overlay| rendered(overlay, None))
}

fn overlays_with(component: Optional) -> impl Iterator<Item = &'static Environment> {
    OVERLAYS
        .iter()
        .map(move |overlay| rendered(overlay, Some(component)))
}

#[track_caller]
fn assert_no_findings(found: impl IntoIterator<Item = Finding>) {
    let lines: Vec<_> = found
        .into_iter()
        .map(|finding| finding.to_string())
        .collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn every_environment_has_the_expected_spin_apps() {
    for environment in overlays() {
        let apps: Vec<_> = environment.apps().map(|app| app.name()).collect();
        let mut expected = delivery::groups();
        expected.retain(|group| environment.name != "prod" || *group != "docs");
        assert_eq!(apps, expected, "{}", environment.name);
    }
}

#[test]
fn core_kinds_match_the_schemas_of_kubernetes() {
    let others = Optional::ALL.into_iter().flat_map(overlays_with);
    assert_no_findings(core_kinds::check(overlays().chain(others)).unwrap());
    violations::assert_reported("core_kinds", |environment| {
        core_kinds::check([environment].into_iter()).unwrap()
    });
}

/// Asserts that every overlay with the component passes every check.
#[track_caller]
fn assert_component_passes(component: Optional) {
    let found = overlays_with(component).flat_map(|environment| {
        let checks = checks::ALL.iter();
        checks.flat_map(move |(_, check)| check(environment))
    });
    assert_no_findings(found);
}

#[test]
fn keda_replaces_the_autoscalers() {
    assert_component_passes(Optional::Keda);
    for environment in overlays_with(Optional::Keda) {
        assert_eq!(environment.of("HorizontalPodAutoscaler").count(), 0);
        let overlay = environment.name.split(' ').next().unwrap();
        let limits = |environment: &Environment, [least, most]: [&str; 2]| -> Vec<_> {
            let scalers = environment.autoscalers();
            let limits = scalers.map(|scaler| {
                let spec = scaler.spec();
                (
                    scaler.name().to_owned(),
                    spec[least].clone(),
                    spec[most].clone(),
                )
            });
            limits.collect()
        };
        assert_eq!(
            limits(environment, ["minReplicaCount", "maxReplicaCount"]),
            limits(rendered(overlay, None), ["minReplicas", "maxReplicas"]),
            "{overlay}"
        );
        // KEDA takes over the autoscaler that an earlier deploy has left in the cluster.
        for scaler in environment.of("ScaledObject") {
            let annotations = &scaler.value()["metadata"]["annotations"];
            assert_eq!(
                annotations["scaledobject.keda.sh/transfer-hpa-ownership"],
                "true"
            );
            let taken = &scaler.spec()["advanced"]["horizontalPodAutoscalerConfig"]["name"];
            assert_eq!(*taken, scaler.name());
        }
    }
}

#[test]
fn ingress_replaces_the_gateway() {
    assert_component_passes(Optional::Ingress);
    for environment in overlays_with(Optional::Ingress) {
        assert_eq!(
            environment.of("Ingress").count(),
            environment.apps().count()
        );
        assert_eq!(
            environment
                .of("HTTPRoute")
                .chain(environment.of("Gateway"))
                .count(),
            0
        );
    }
}

#[test]
fn the_shim_replaces_the_spintainer_executor() {
    assert_component_passes(Optional::Shim);
    for environment in overlays_with(Optional::Shim) {
        let executors: Vec<_> = environment
            .of("SpinAppExecutor")
            .map(|executor| executor.name())
            .collect();
        assert_eq!(executors, ["containerd-shim-spin"]);
    }
}

#[test]
fn the_other_components_pass_every_check() {
    assert_component_passes(Optional::Kyverno);
    assert_component_passes(Optional::Otlp);
    assert_component_passes(Optional::PrivateCa);
    assert_component_passes(Optional::RegistryLogin);
}

#[test]
fn every_tls_client_mounts_the_private_ca_certificates() {
    for environment in overlays_with(Optional::PrivateCa) {
        for pod in environment.pods() {
            let is_store = pod.owner.starts_with("StatefulSet ");
            let mut mounts = pod
                .containers()
                .flat_map(|container| list(&container["volumeMounts"]));
            let has_roots =
                mounts.any(|mount| mount["mountPath"] == "/etc/ssl/certs/ca-certificates.crt");
            assert_eq!(has_roots, !is_store, "{}: {}", environment.name, pod.owner);
        }
    }
}

#[test]
fn registry_credentials_are_mounted_for_spin() {
    for environment in overlays_with(Optional::RegistryLogin) {
        for pod in environment.pods() {
            if !pod.owner.starts_with("SpinApp ") {
                continue;
            }
            for container in pod.containers() {
                let mut variables = list(&container["env"]).iter();
                let home = variables
                    .find(|variable| variable["name"] == "HOME")
                    .unwrap();
                let folder = format!("{}/.docker", home["value"].as_str().unwrap());
                let mut mounts = list(&container["volumeMounts"]).iter();
                assert!(
                    mounts.any(|mount| mount["mountPath"] == *folder),
                    "{}",
                    pod.owner
                );
            }
        }
    }
}

/// Checks the rules with promtool, and runs them against synthetic series.
#[test]
fn alerts_fire_as_specified() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rendered("prod", None)
        .find("PrometheusRule", "roster")
        .unwrap();
    let rules = serde_yaml_ng::to_string(rules.spec()).unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
    let tests = delivery::root().join("crates/delivery/tests/alerts.yaml");
    std::fs::copy(tests, folder.path().join("alerts.yaml")).unwrap();
    for (command, file) in [("check", "rules.yaml"), ("test", "alerts.yaml")] {
        let output = Command::new("promtool")
            .args([command, "rules", file])
            .current_dir(folder.path())
            .output()
            .expect("promtool of Debian's package prometheus, which `cargo xtask test` installs");
        let printed = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&printed)
        );
    }
}

/// Asserts that the check passes every overlay, and reports its violations.
#[track_caller]
fn assert_check_works(name: &str, check: Check) {
    assert_no_findings(overlays().flat_map(check));
    violations::assert_reported(name, check);
}

/// Generates one test per check, so that the name of a failed test states the problem.
macro_rules! checks {
    ($($name:ident: $check:ident,)*) => {
        $(#[test]
        fn $name() {
            assert_check_works(stringify!($check), checks::$check::check);
        })*

        #[test]
        fn every_check_is_tested() {
            let mut tested = vec![$(stringify!($check)),*];
            tested.sort_unstable();
            assert_eq!(tested, checks::ALL.map(|(name, _)| name));
        }
    };
}

checks! {
    custom_kinds_match_their_schemas: schemas,
    the_spin_operator_admits_apps_and_executors: admission,
    every_selector_has_a_match: selectors,
    every_group_has_one_autoscaler_or_fixed_replicas: scaling,
    admission_adds_pod_fields_that_spin_apps_lack: policies,
    a_rotated_secret_restarts_every_pod_that_reads_it: rotation,
    the_deployer_may_apply_every_kind: deployer,
    alerts_query_exported_metrics_and_have_runbook_sections: alerts,
    the_edge_accepts_no_passwords_over_http: edge,
    the_edge_routes_the_paths_of_the_app: routes,
    every_variable_is_bound: variables,
    every_referenced_key_exists: references,
    network_policies_allow_required_egress: egress,
    network_policies_allow_required_ingress: ingress,
    scripts_are_mounted_and_read_their_variables: scripts,
    images_are_pinned_by_digest: images,
    no_secret_is_rendered: secrets,
    requests_and_limits_fit_into_the_quota: resources,
    pods_have_no_token_and_minimal_privileges: identity,
    probes_target_existing_endpoints: probes,
    connections_are_limited_as_documented: connections,
    the_migration_job_has_every_migration: migrations,
    dashboards_query_exported_metrics: dashboards,
}
