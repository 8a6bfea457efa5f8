//! Scripts in ConfigMaps: the container that runs one mounts it at the path in its command, and the
//! script reads the container's variables.

use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Labels, list, text, texts};
use crate::pod::Pod;

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for pod in environment.pods() {
        for container in pod.containers() {
            mounts(&pod, container, &mut found);
            script(environment, &pod, container, &mut found);
        }
    }
    found.into_vec()
}

fn mounts(pod: &Pod, container: &Value, found: &mut Findings) {
    for mount in list(&container["volumeMounts"]) {
        let name = text(&mount["name"]);
        let exists = pod.volumes.iter().any(|volume| volume == name);
        found.expect(exists, &pod.owner, format!("volume {name} does not exist"));
    }
}

/// Returns the files of the ConfigMap that is mounted at a path.
fn mounted(
    environment: &Environment,
    pod: &Pod,
    container: &Value,
    folder: &str,
) -> Option<Labels> {
    let mut mounts = list(&container["volumeMounts"]).iter();
    let mount = mounts.find(|mount| mount["mountPath"] == folder)?;
    let mut volumes = list(&pod.spec["volumes"]).iter();
    let volume = volumes.find(|volume| volume["name"] == mount["name"])?;
    environment.config(text(&volume["configMap"]["name"]))
}

fn script(environment: &Environment, pod: &Pod, container: &Value, found: &mut Findings) {
    let paths = texts(&container["command"]).filter(|argument| argument.ends_with(".sh"));
    for (folder, file) in paths.filter_map(|path| path.rsplit_once('/')) {
        let files = mounted(environment, pod, container, folder).unwrap_or_default();
        let Some(script) = files.get(file) else {
            found.add(&pod.owner, format!("nothing mounts {folder}/{file}"));
            continue;
        };
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for variable in list(&container["env"])
            .iter()
            .map(|variable| text(&variable["name"]))
        {
            let is_read = script.split(|c| !is_word(c)).any(|word| word == variable);
            found.expect(
                is_read,
                &pod.owner,
                format!("{file} does not read {variable}"),
            );
        }
    }
}
