//! Migrations: the Job has every file of migrations/, and its name changes with the last one.

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{list, members, text, texts};

const COMPONENT: &str = "app.kubernetes.io/component";
const FILE: &str = "migrations/kustomization.yaml";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let project = &environment.project;
    let generators = list(&project.migrations_list["configMapGenerator"]).iter();
    let listed: BTreeSet<_> = generators
        .flat_map(|generator| texts(&generator["files"]))
        .map(str::to_owned)
        .collect();
    for name in project.migrations.difference(&listed) {
        found.add(FILE, format!("it does not list {name}"));
    }
    for name in listed.difference(&project.migrations) {
        found.add(FILE, format!("it lists {name}, which does not exist"));
    }
    let last = project
        .migrations
        .last()
        .and_then(|name| name.split('_').next())
        .unwrap_or_default();
    let jobs = environment
        .of("Job")
        .filter(|job| job.labels().get(COMPONENT).map(String::as_str) == Some("migrations"));
    let jobs: Vec<_> = jobs.collect();
    let [job] = jobs.as_slice() else {
        found.add(
            "Job migrate",
            "exactly one Job must have the component label `migrations`",
        );
        return found.into_vec();
    };
    let expected = format!("migrate-{last}");
    found.expect(
        job.name() == expected,
        job,
        format!("its name must be {expected}"),
    );
    let volumes = list(&job.spec()["template"]["spec"]["volumes"]).iter();
    let maps = volumes
        .filter_map(|volume| environment.find("ConfigMap", text(&volume["configMap"]["name"])));
    let files: BTreeSet<_> = maps
        .flat_map(|map| members(&map.value()["data"]))
        .map(|(file, _)| file.to_owned())
        .collect();
    for name in project.migrations.difference(&files) {
        found.add(job, format!("its pod does not mount {name}"));
    }
    found.into_vec()
}
