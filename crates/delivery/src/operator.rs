//! Objects that the Spin operator (0.6.1) creates for a SpinApp: a Deployment and a Service of its
//! name, and the Secret with root certificates. They follow the operator's code, so that checks of
//! pods cover them as well.

use serde_json::{Value, json};

use crate::object::{Object, labels, list, text, texts};
use crate::quantity::thousandths;

/// Port of pods and Services, and its name in the pods.
pub const PORT: u16 = 80;
pub const PORT_NAME: &str = "http-app";

/// Label that identifies an app's pods.
pub const APP_NAME: &str = "core.spinkube.dev/app-name";

/// Returns the Deployment of an app. The executor selects an image that contains Spin, or the app's own
/// image in a runtime class.
pub fn deployment(app: &Object, executor: &Object) -> Object {
    let spec = app.spec();
    let config = &executor.spec()["deploymentConfig"];
    let selected = json!({APP_NAME: app.name(), ready_label(app.name()): "ready"});
    let mut pod_labels = labels(&spec["podLabels"]);
    pod_labels.extend(labels(&selected));
    let (volumes, mounts) = volumes(spec, config);
    let mut pod = json!({
        "serviceAccountName": service_account(spec),
        "containers": [{
            "name": app.name(),
            "image": spec["image"],
            "ports": [{"name": PORT_NAME, "containerPort": PORT}],
            "env": environment(spec, config),
            "volumeMounts": mounts,
            "resources": spec["resources"],
            "livenessProbe": probe(&spec["checks"]["liveness"]),
            "readinessProbe": probe(&spec["checks"]["readiness"]),
        }],
        "imagePullSecrets": spec["imagePullSecrets"],
        "volumes": volumes,
    });
    let container = &mut pod["containers"][0];
    if config["spinImage"].is_string() {
        container["image"] = config["spinImage"].clone();
        container["args"] = arguments(spec);
    } else {
        container["command"] = json!(["/"]);
        pod["runtimeClassName"] = config["runtimeClassName"].clone();
    }
    let mut made = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app),
        "spec": {
            "selector": {"matchLabels": selected},
            "template": {
                "metadata": {"labels": pod_labels, "annotations": spec["podAnnotations"]},
                "spec": pod,
            },
        },
    });
    made["metadata"]["annotations"] = spec["deploymentAnnotations"].clone();
    if spec["enableAutoscaling"] != true {
        made["spec"]["replicas"] = spec["replicas"].clone();
    }
    Object::new(without_null(made))
}

/// Returns the Service of an app.
pub fn service(app: &Object) -> Object {
    let mut made = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(app),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"protocol": "TCP", "port": PORT, "targetPort": PORT_NAME}],
            "selector": {ready_label(app.name()): "ready"},
        },
    });
    made["metadata"]["annotations"] = app.spec()["serviceAnnotations"].clone();
    Object::new(without_null(made))
}

/// Returns the Secret that the operator fills with root certificates, if the executor enables it. It
/// does not exist before the first SpinApp.
pub fn certificates(executor: &Object) -> Option<&str> {
    let config = &executor.spec()["deploymentConfig"];
    let name = text(&config["caCertSecret"]);
    match (config["installDefaultCACerts"] == true, name) {
        (true, "") => Some("spin-ca"),
        (true, name) => Some(name),
        (false, _) => None,
    }
}

fn metadata(app: &Object) -> Value {
    let namespace = &app.value()["metadata"]["namespace"];
    json!({"name": app.name(), "namespace": namespace, "labels": {APP_NAME: app.name()}})
}

fn ready_label(app: &str) -> String {
    format!("core.spinkube.dev/app.{app}.status")
}

fn service_account(spec: &Value) -> &str {
    match text(&spec["serviceAccountName"]) {
        "" => "default",
        name => name,
    }
}

fn arguments(spec: &Value) -> Value {
    let image = text(&spec["image"]);
    let listen = format!("0.0.0.0:{PORT}");
    let mut arguments = vec!["up", "--listen", &listen, "-f", image];
    arguments.extend(["--runtime-config-file", "/runtime-config.toml"]);
    for component in texts(&spec["components"]) {
        arguments.extend(["--component-id", component]);
    }
    json!(arguments)
}

/// Returns a variable's name in a container.
pub fn variable(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_uppercase())
}

fn environment(spec: &Value, config: &Value) -> Vec<Value> {
    let mut variables = Vec::new();
    for bound in list(&spec["variables"]) {
        let mut bound = bound.clone();
        bound["name"] = variable(text(&bound["name"])).into();
        variables.push(bound);
    }
    let listen = format!("0.0.0.0:{PORT}");
    variables.push(json!({"name": "SPIN_HTTP_LISTEN_ADDR", "value": listen}));
    for signal in ["", "traces_", "metrics_", "logs_"] {
        let name = format!("exporter_otlp_{signal}endpoint");
        if let Some(endpoint) = config["otel"][&name].as_str() {
            let name = format!("OTEL_{}", name.to_uppercase());
            variables.push(json!({"name": name, "value": endpoint}));
        }
    }
    if let Some(limit) = thousandths(&spec["invocationLimits"]["memory"]) {
        let bytes = (limit / 1000).to_string();
        variables.push(json!({"name": "SPIN_MAX_INSTANCE_MEMORY", "value": bytes}));
    }
    let components = texts(&spec["components"]).collect::<Vec<_>>().join(",");
    if !components.is_empty() {
        variables.push(json!({"name": "SPIN_COMPONENTS_TO_RETAIN", "value": components}));
    }
    variables
}

/// Adds the port to a probe, as the operator always does; other fields that it omits have defaults.
fn probe(check: &Value) -> Value {
    let mut probe = check.clone();
    if probe["httpGet"].is_object() {
        probe["httpGet"]["port"] = PORT.into();
    }
    probe
}

/// Returns the volumes and their mounts: the app's own, the runtime configuration, the certificates.
fn volumes(spec: &Value, config: &Value) -> (Vec<Value>, Vec<Value>) {
    let mut volumes = list(&spec["volumes"]).to_vec();
    let mut mounts = list(&spec["volumeMounts"]).to_vec();
    let mut add = |name: &str, secret: &str, key: &str, path: &str| {
        let items = json!([{"key": key, "path": key}]);
        let secret = json!({"secretName": secret, "optional": true, "items": items});
        volumes.push(json!({"name": name, "secret": secret}));
        mounts.push(json!({"name": name, "readOnly": true, "mountPath": path, "subPath": key}));
    };
    if let Some(secret) = spec["runtimeConfig"]["loadFromSecret"].as_str() {
        add(
            "spin-runtime-config",
            secret,
            "runtime-config.toml",
            "/runtime-config.toml",
        );
    }
    let certificates = match text(&config["caCertSecret"]) {
        "" if config["installDefaultCACerts"] == true => "spin-ca",
        name => name,
    };
    if !certificates.is_empty() {
        let path = "/etc/ssl/certs/ca-certificates.crt";
        add("spin-ca", certificates, "ca-certificates.crt", path);
    }
    (volumes, mounts)
}

/// Removes fields that are null, as the operator omits them.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_null(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_null).collect(),
        other => other,
    }
}
