//! Migrations: the pod of the one Job has every file of migrations/. `cargo xtask check` compares the list of
//! files and the name of the Job.

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, members, text};

const COMPONENT: &str = "app.kubernetes.io/component";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let is_of_migrations =
        |job: &&Object| job.value()["metadata"]["labels"][COMPONENT] == "migrations";
    let jobs: Vec<_> = environment.of("Job").filter(is_of_migrations).collect();
    let [job] = jobs.as_slice() else {
        let problem = "exactly one Job must have the component label `migrations`";
        found.add("Job migrate", problem);
        return found.into_vec();
    };
    let volumes = list(&job.spec()["template"]["spec"]["volumes"]).iter();
    let maps = volumes
        .filter_map(|volume| environment.find("ConfigMap", text(&volume["configMap"]["name"])));
    let files: BTreeSet<_> = maps
        .flat_map(|map| members(&map.value()["data"]))
        .map(|(file, _)| file.to_owned())
        .collect();
    for name in environment.project.migrations.difference(&files) {
        found.add(job, format!("its pod does not mount {name}"));
    }
    found.into_vec()
}
