//! Variables of the SpinApps in `k8s/base/apps`, with their sources in the cluster.

use anyhow::Result;
use settings::{Component, Setting, Source};

use super::variables::replace;

/// Comment on the value of a required setting that no component of the pod reads.
const UNUSED: &str = "    # Spin requires a value for every required variable of the app; no component of this pod reads \
                      this one.\n";

/// `app` with the variables of the component's SpinApp replaced.
pub(super) fn of(app: &str, component: Component) -> Result<String> {
    // `health` is in every pod: its own group adds nothing to it.
    with(
        app,
        settings::of(component).filter(|_| component != Component::Health),
    )
}

/// `app` with the variables of its SpinApp replaced. The pods contain a component that reads the settings of
/// `group`, and `health`.
pub(crate) fn with(app: &str, group: impl Iterator<Item = &'static Setting>) -> Result<String> {
    let group: Vec<_> = group.map(|setting| setting.name).collect();
    let health: Vec<_> = settings::of(Component::Health)
        .map(|setting| setting.name)
        .collect();
    let line = |setting: &Setting| {
        let name = setting.name;
        if group.contains(&name) {
            binding(setting, name)
        } else if health.contains(&name) {
            binding(setting, setting.probe_key.unwrap_or(name))
        } else if setting.default.is_none() {
            format!("{UNUSED}    - {{name: {name}, value: unused}}\n")
        } else {
            String::new()
        }
    };
    let variables: String = settings::all().map(line).collect();
    replace(app, "\n  variables:\n", "---\n", &variables)
}

/// Line that binds the setting to its source; empty if the pods use the default.
fn binding(setting: &Setting, key: &str) -> String {
    let from = match setting.source {
        Source::Default => return String::new(),
        Source::ConfigMap => format!("configMapKeyRef: {{name: roster-config, key: {key}}}"),
        Source::Secret => format!("secretKeyRef: {{name: roster-secrets, key: {key}}}"),
        Source::OptionalSecret => {
            format!("secretKeyRef: {{name: roster-secrets, key: {key}, optional: true}}")
        }
        Source::PodName => "fieldRef: {fieldPath: metadata.name}".to_owned(),
    };
    format!("    - {{name: {}, valueFrom: {{{from}}}}}\n", setting.name)
}

#[cfg(test)]
mod tests {
    use settings::Component;

    use super::of;

    #[track_caller]
    fn assert_lines(component: Component, present: &[&str], absent: &[&str]) {
        let before = "spec:\n  variables:\n    - {name: old}\n---\nkind: Service\n";
        let after = of(before, component).unwrap();
        assert!(
            after.starts_with("spec:\n  variables:\n    - {name: db_host, "),
            "{after}"
        );
        assert!(after.ends_with("}\n---\nkind: Service\n"), "{after}");
        for line in present {
            assert!(
                after.contains(&format!("    - {{name: {line}}}\n")),
                "{line}\n{after}"
            );
        }
        for name in absent.iter().chain(&["old"]) {
            assert!(
                !after.contains(&format!("name: {name},")),
                "{name}\n{after}"
            );
        }
    }

    #[test]
    fn a_pod_gets_the_settings_of_its_components() {
        assert_lines(
            Component::Auth,
            &[
                "db_user, valueFrom: {configMapKeyRef: {name: roster-config, key: db_user}}",
                "db_password, valueFrom: {secretKeyRef: {name: roster-secrets, key: db_password}}",
                "jwt_public_key_next, valueFrom: {secretKeyRef: {name: roster-secrets, key: jwt_public_key_next, \
                 optional: true}}",
                "host_id, valueFrom: {fieldRef: {fieldPath: metadata.name}}",
            ],
            &["password_hash_export_enabled", "jwt_secret"],
        );
        assert_lines(Component::Users, &[], &["jwt_private_key"]);
    }

    #[test]
    fn a_pod_that_only_checks_the_stores_has_the_role_of_the_probes() {
        for component in [Component::Health, Component::Docs] {
            assert_lines(
                component,
                &[
                    "db_user, valueFrom: {configMapKeyRef: {name: roster-config, key: db_probe_user}}",
                    "db_password, valueFrom: {secretKeyRef: {name: roster-secrets, key: db_probe_password}}",
                    "cursor_key, value: unused",
                ],
                &["jwt_algorithm"],
            );
        }
    }

    #[test]
    fn a_file_without_variables_is_reported() {
        assert!(of("spec: {}\n---\n", Component::Users).is_err());
    }
}
