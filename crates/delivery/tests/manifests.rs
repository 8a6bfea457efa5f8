//! The manifests of every environment, as they are and with each optional component, held against
//! every check; and for each rule a manifest that breaks it, which has to be named.
//!
//! Needs ROSTER_KUBECTL, a kubectl with kustomize 5, and ROSTER_TOOLS, the folder of
//! kubernetes-validate; `cargo xtask test` provides both.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

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
#[path = "manifests/routes.rs"]
mod routes;
#[path = "manifests/schemas.rs"]
mod schemas;

use std::sync::{Arc, LazyLock, OnceLock};

use delivery::checks::{self, Check, core_kinds};
use delivery::environment::Environment;
use delivery::finding::Finding;
use delivery::kustomize::{self, OVERLAYS, Optional};
use delivery::project::Project;

static PROJECT: LazyLock<Arc<Project>> =
    LazyLock::new(|| Arc::new(Project::read(&delivery::root()).unwrap()));

/// What an overlay renders, with an optional component or without; once a process.
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
fn is_empty(found: impl IntoIterator<Item = Finding>) {
    let lines: Vec<_> = found
        .into_iter()
        .map(|finding| finding.to_string())
        .collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn every_environment_has_its_groups() {
    for environment in overlays() {
        let apps: Vec<_> = environment.apps().map(|app| app.name()).collect();
        let expected = match environment.name.as_str() {
            "prod" => vec!["auth", "health", "users"],
            _ => vec!["auth", "docs", "health", "users"],
        };
        assert_eq!(apps, expected, "{}", environment.name);
    }
}

#[test]
fn core_kinds_have_the_fields_of_kubernetes() {
    let others = Optional::ALL.into_iter().flat_map(overlays_with);
    is_empty(core_kinds::check(overlays().chain(others)).unwrap());
}

/// With the component in it, every overlay passes every check.
#[track_caller]
fn fits_in(component: Optional) {
    let found = overlays_with(component).flat_map(|environment| {
        let checks = checks::ALL.iter();
        checks.flat_map(move |(_, check)| check(environment))
    });
    is_empty(found);
}

#[test]
fn keda_takes_the_place_of_the_autoscalers() {
    fits_in(Optional::Keda);
    for environment in overlays_with(Optional::Keda) {
        assert_eq!(
            environment.of("ScaledObject").count(),
            environment.apps().count()
        );
        assert_eq!(environment.of("HorizontalPodAutoscaler").count(), 0);
    }
}

#[test]
fn ingress_takes_the_place_of_the_gateway() {
    fits_in(Optional::Ingress);
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
fn the_shim_takes_the_place_of_spin_in_a_container() {
    fits_in(Optional::Shim);
    for environment in overlays_with(Optional::Shim) {
        let executors: Vec<_> = environment
            .of("SpinAppExecutor")
            .map(|executor| executor.name())
            .collect();
        assert_eq!(executors, ["containerd-shim-spin"]);
    }
}

#[test]
fn kyverno_adds_its_policies() {
    fits_in(Optional::Kyverno);
    for environment in overlays_with(Optional::Kyverno) {
        assert_eq!(environment.of("Policy").count(), 2);
    }
}

#[track_caller]
fn holds(check: Check) {
    is_empty(overlays().flat_map(check));
}

/// One test a check, so that a failure says by its name what is wrong.
macro_rules! checks {
    ($($name:ident: $check:ident,)*) => {
        $(#[test]
        fn $name() {
            holds(checks::$check::check);
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
    scripts_are_mounted_and_read_their_variables: scripts,
    images_are_named_by_digest: images,
    no_secret_is_rendered: secrets,
    requests_and_limits_fit_into_the_quota: resources,
    pods_have_no_token_and_few_privileges: identity,
    probes_ask_what_exists: probes,
    connections_are_capped_as_described: connections,
    the_migration_job_has_every_migration: migrations,
    dashboards_ask_for_exported_metrics: dashboards,
}
