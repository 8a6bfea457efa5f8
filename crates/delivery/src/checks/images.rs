//! Images: named by digest, so that the reviewed content is what runs; all groups run one artifact.

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, text};

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let pods = environment.pods();
    for pod in &pods {
        for container in pod.containers() {
            pinned(text(&container["image"]), &pod.owner, &mut found);
        }
    }
    for executor in environment.of("SpinAppExecutor") {
        if let Some(image) = executor.spec()["deploymentConfig"]["spinImage"].as_str() {
            pinned(image, &executor.to_string(), &mut found);
        }
    }
    let mut first = None;
    for app in environment.apps() {
        let image = text(&app.spec()["image"]);
        pinned(image, &app.to_string(), &mut found);
        let (other, expected): (&Object, &str) = *first.get_or_insert((app, image));
        found.expect(
            image == expected,
            app,
            format!("its image differs from that of {other}"),
        );
    }
    found.into_vec()
}

fn pinned(image: &str, owner: &str, found: &mut Findings) {
    let (name, digest) = image.split_once("@sha256:").unwrap_or((image, ""));
    let is_digest = digest.len() == 64
        && digest
            .chars()
            .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase());
    found.expect(
        is_digest,
        owner,
        format!("the image {image} is not pinned by digest"),
    );
    found.expect(
        !name.ends_with(":latest"),
        owner,
        format!("the image {image} has the tag `latest`"),
    );
}
