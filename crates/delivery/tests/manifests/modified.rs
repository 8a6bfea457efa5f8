//! Breaks rendered manifests and expects the finding.

use std::sync::Arc;

use delivery::checks::Check;
use delivery::environment::Environment;
use delivery::finding::Finding;
use delivery::kustomize::Optional;
use delivery::object::Object;
use delivery::project::Project;
use serde_json::Value;

use crate::{PROJECT, rendered};

/// Name of the migration Job in tests, for any number of the last migration.
const JOB: &str = "migrate-NNNN";

/// Returns the text with the real name of the migration Job.
fn with_job(text: &str) -> String {
    let last = PROJECT.migrations.last().unwrap();
    let (number, _) = last.split_once('_').unwrap();
    text.replace(JOB, &format!("migrate-{number}"))
}

/// Prod with changes.
pub struct ModifiedEnvironment(Environment);

impl ModifiedEnvironment {
    pub fn prod() -> Self {
        Self(rendered("prod", None).clone())
    }

    pub fn dev() -> Self {
        Self(rendered("dev", None).clone())
    }

    pub fn with(component: Optional) -> Self {
        Self(rendered("prod", Some(component)).clone())
    }

    pub fn environment(&self) -> &Environment {
        &self.0
    }

    /// Sets the value at a pointer of an object, and creates missing parents.
    #[track_caller]
    pub fn set(mut self, kind: &str, name: &str, pointer: &str, value: impl Into<Value>) -> Self {
        let mut at = self.object(kind, name).value_mut();
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/");
            at = match step.parse::<usize>() {
                Ok(index) if at.is_array() => at.get_mut(index).unwrap(),
                _ => &mut at[&step],
            };
        }
        *at = value.into();
        self
    }

    /// Removes a member of an object.
    #[track_caller]
    pub fn unset(mut self, kind: &str, name: &str, pointer: &str, member: &str) -> Self {
        let value = self.object(kind, name).value_mut();
        let parent = value.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        parent.remove(member).unwrap();
        self
    }

    /// Changes the item with this name in a list.
    #[track_caller]
    pub fn edit(
        mut self,
        object: (&str, &str),
        pointer: &str,
        item: &str,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let value = self.object(object.0, object.1).value_mut();
        let items = value.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
        change(
            items
                .iter_mut()
                .find(|candidate| candidate["name"] == item)
                .unwrap(),
        );
        self
    }

    #[track_caller]
    pub fn without(mut self, kind: &str, name: &str) -> Self {
        let before = self.0.objects.len();
        self.0.objects.retain(|object| !object.is(kind, name));
        assert_eq!(self.0.objects.len() + 1, before, "{kind} {name}");
        self
    }

    /// Adds a copy under another name.
    #[track_caller]
    pub fn copy(mut self, kind: &str, name: &str, copy: &str) -> Self {
        let mut object = self.object(kind, name).clone();
        object.value_mut()["metadata"]["name"] = copy.into();
        self.0.objects.push(object);
        self
    }

    pub fn add(mut self, value: Value) -> Self {
        self.0.objects.push(Object::new(value));
        self
    }

    /// Changes a file that the manifests have to match.
    pub fn project(mut self, change: impl FnOnce(&mut Project)) -> Self {
        change(Arc::make_mut(&mut self.0.project));
        self
    }

    /// Asserts that the check reports this line, among others that follow from the change.
    #[track_caller]
    pub fn assert_reported(&self, check: Check, line: &str) {
        assert_finding(check(&self.0), &with_job(line));
    }

    /// Returns the full name of an object with a hash in its name.
    #[track_caller]
    pub fn hashed(&self, kind: &str, start: &str) -> String {
        let is_hashed =
            |object: &&Object| object.kind() == kind && object.name().starts_with(start);
        self.0
            .objects
            .iter()
            .find(is_hashed)
            .unwrap()
            .name()
            .to_owned()
    }

    #[track_caller]
    fn object(&mut self, kind: &str, name: &str) -> &mut Object {
        let name = with_job(name);
        let mut objects = self.0.objects.iter_mut();
        objects.find(|object| object.is(kind, &name)).unwrap()
    }
}

#[track_caller]
pub fn assert_finding(findings: Vec<Finding>, line: &str) {
    let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
    let is_there = lines.iter().any(|found| found == line);
    assert!(is_there, "\nexpected: {line}\nfound:\n{}", lines.join("\n"));
}
