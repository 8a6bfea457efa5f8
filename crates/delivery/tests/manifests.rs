//! The manifests of every environment, as they are and with each optional component, held against
//! every check; and for each rule a manifest that breaks it, which has to be named.
//!
//! Needs ROSTER_KUBECTL, a kubectl with kustomize 5, and ROSTER_TOOLS, the folder of
//! kubernetes-validate; `cargo xtask test` provides both.

#[path = "manifests/broken.rs"]
mod broken;
#[path = "manifests/files.rs"]
mod files;
#[path = "manifests/groups.rs"]
mod groups;
#[path = "manifests/network.rs"]
mod network;
#[path = "manifests/pods.rs"]
mod pods;
#[path = "manifests/schemas.rs"]
mod schemas;

use std::sync::{Arc, LazyLock};

use delivery::checks::{self, Check, core_kinds};
use delivery::environment::Environment;
use delivery::kustomize::{self, OVERLAYS, Optional};
use delivery::project::Project;

static PROJECT: LazyLock<Arc<Project>> =
    LazyLock::new(|| Arc::new(Project::read(&delivery::root()).unwrap()));

static ENVIRONMENTS: LazyLock<Vec<Environment>> = LazyLock::new(|| {
    let mut environments = Vec::new();
    for overlay in OVERLAYS {
        environments.push(kustomize::overlay(&PROJECT, overlay).unwrap());
        for component in Optional::ALL {
            environments.push(kustomize::with(&PROJECT, overlay, component).unwrap());
        }
    }
    environments
});

fn environment(name: &str) -> Environment {
    let mut environments = ENVIRONMENTS.iter();
    environments
        .find(|environment| environment.name == name)
        .unwrap()
        .clone()
}

#[track_caller]
fn nothing_is_wrong(check: Check) {
    let found = ENVIRONMENTS.iter().flat_map(check);
    let lines: Vec<_> = found.map(|finding| finding.to_string()).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn every_environment_renders_the_app() {
    for environment in ENVIRONMENTS.iter() {
        let apps: Vec<_> = environment.apps().map(|app| app.name()).collect();
        let expected = match environment.name.starts_with("prod") {
            true => vec!["auth", "health", "users"],
            false => vec!["auth", "docs", "health", "users"],
        };
        assert_eq!(apps, expected, "{}", environment.name);
    }
}

#[test]
fn an_optional_component_takes_the_place_of_another() {
    let kinds = |name: &str, kind: &str| environment(name).of(kind).count();
    for overlay in OVERLAYS {
        let groups = environment(overlay).apps().count();
        let with = |component: &str| format!("{overlay} with {component}");
        assert_eq!(kinds(&with("keda"), "ScaledObject"), groups);
        assert_eq!(kinds(&with("keda"), "HorizontalPodAutoscaler"), 0);
        assert_eq!(kinds(&with("ingress"), "Ingress"), groups);
        assert_eq!(kinds(&with("ingress"), "HTTPRoute"), 0);
        assert_eq!(kinds(&with("kyverno"), "Policy"), 2);
        let shim = environment(&with("shim"));
        let executors: Vec<_> = shim
            .of("SpinAppExecutor")
            .map(|executor| executor.name())
            .collect();
        assert_eq!(executors, ["containerd-shim-spin"]);
    }
}

#[test]
fn core_kinds_have_the_fields_of_kubernetes() {
    let found = core_kinds::check(ENVIRONMENTS.iter()).unwrap();
    let lines: Vec<_> = found.iter().map(|finding| finding.to_string()).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

/// One test a check, so that a failure says by its name what is wrong.
macro_rules! checks {
    ($($name:ident: $check:ident,)*) => {
        $(#[test]
        fn $name() {
            nothing_is_wrong(checks::$check::check);
        })*

        #[test]
        fn no_check_is_left_out() {
            let mut tested = vec![$(stringify!($check)),*];
            tested.sort_unstable();
            assert_eq!(tested, checks::ALL.map(|(name, _)| name));
        }
    };
}

checks! {
    custom_kinds_have_the_fields_of_their_schemas: schemas,
    the_spin_operator_admits_apps_and_executors: admission,
    selectors_meet_what_will_exist: selectors,
    every_group_has_one_autoscaler: scaling,
    the_edge_routes_the_paths_of_the_app: routes,
    every_variable_is_bound: variables,
    configuration_and_secrets_have_the_keys_that_pods_read: references,
    network_policies_let_out_what_pods_need: egress,
    network_policies_let_in_who_has_to: ingress,
    images_are_named_by_digest: images,
    no_secret_is_rendered: secrets,
    requests_and_limits_fit_into_the_quota: resources,
    pods_have_no_token_and_few_privileges: identity,
    probes_ask_what_exists: probes,
    connections_are_capped_as_described: connections,
    the_migration_job_has_every_migration: migrations,
    dashboards_ask_for_exported_metrics: dashboards,
}
