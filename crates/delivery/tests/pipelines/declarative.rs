//! Structure of a declarative pipeline: mistakes that Jenkins would reject before it runs anything.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::groovy::{Call, parse};
use crate::{assert_no_problems, assert_one_problem, changed, read};

const PIPELINE: &[&str] = &[
    "agent",
    "environment",
    "options",
    "parameters",
    "post",
    "stages",
    "tools",
    "triggers",
];
const STAGE: &[&str] = &[
    "agent",
    "environment",
    "input",
    "options",
    "parallel",
    "post",
    "stages",
    "steps",
    "tools",
    "when",
];
const PIPELINE_OPTIONS: &[&str] = &[
    "buildDiscarder",
    "disableConcurrentBuilds",
    "quietPeriod",
    "retry",
    "skipDefaultCheckout",
    "timeout",
    "timestamps",
];
const STAGE_OPTIONS: &[&str] = &["retry", "skipDefaultCheckout", "timeout", "timestamps"];
const PARAMETERS: &[&str] = &["booleanParam", "choice", "string", "text"];
const TRIGGERS: &[&str] = &["cron", "githubPush", "pollSCM", "upstream"];
const POST: &[&str] = &[
    "aborted",
    "always",
    "changed",
    "cleanup",
    "failure",
    "fixed",
    "regression",
    "success",
    "unstable",
    "unsuccessful",
];
const CONDITIONS: &[&str] = &[
    "allOf",
    "anyOf",
    "beforeAgent",
    "beforeInput",
    "beforeOptions",
    "branch",
    "buildingTag",
    "changeRequest",
    "environment",
    "equals",
    "expression",
    "not",
    "tag",
    "triggeredBy",
];
const INPUT: &[&str] = &["id", "message", "ok", "parameters", "submitter"];
/// Kinds of work, of which a stage has one.
const WORK: &[&str] = &["parallel", "stages", "steps"];

/// Returns the problems of the structure of a Jenkinsfile.
pub fn problems(text: &str) -> Result<Vec<String>> {
    let calls = parse(text)?;
    let mut found = Vec::new();
    let pipelines: Vec<&Call> = calls.iter().filter(|it| it.name == "pipeline").collect();
    match pipelines.as_slice() {
        [pipeline] => {
            sections(pipeline, PIPELINE, &["agent", "stages"], &mut found);
            directives(pipeline, PIPELINE_OPTIONS, &mut found);
            for stages in pipeline.named("stages") {
                stages_of(stages, false, &mut found);
            }
        }
        _ => found.push(format!("{} blocks are called pipeline", pipelines.len())),
    }
    Ok(found)
}

/// Checks that the block has only allowed parts, each at most once, and all needed ones.
fn sections(call: &Call, allowed: &[&str], needed: &[&str], found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for part in call.block.iter().flatten() {
        let (line, name, place) = (part.line, part.name.as_str(), &call.name);
        if part.assigns || !allowed.contains(&name) {
            found.push(format!("line {line}: {place} has no {name}"));
        } else if !seen.insert(name) {
            found.push(format!("line {line}: {place} has {name} twice"));
        }
    }
    for name in needed.iter().filter(|name| !seen.contains(**name)) {
        let (line, place) = (call.line, &call.name);
        found.push(format!("line {line}: {place} lacks {name}"));
    }
}

/// Checks the directives that pipeline and stage have in common.
fn directives(call: &Call, options: &[&str], found: &mut Vec<String>) {
    for part in call.block.iter().flatten() {
        match part.name.as_str() {
            "options" => sections(part, options, &[], found),
            "post" => sections(part, POST, &[], found),
            "input" => sections(part, INPUT, &["message"], found),
            "triggers" => sections(part, TRIGGERS, &[], found),
            "parameters" => repeated(part, PARAMETERS, found),
            "when" => conditions(part, found),
            "environment" => variables(part, found),
            _ => {}
        }
    }
}

/// Checks as `sections` does, but allows repeated parts.
fn repeated(call: &Call, allowed: &[&str], found: &mut Vec<String>) {
    let parts = call.block.iter().flatten();
    for part in parts.filter(|it| !allowed.contains(&it.name.as_str())) {
        let (line, name, place) = (part.line, &part.name, &call.name);
        found.push(format!("line {line}: {place} has no {name}"));
    }
}

fn conditions(call: &Call, found: &mut Vec<String>) {
    repeated(call, CONDITIONS, found);
    let within = |it: &&Call| matches!(it.name.as_str(), "allOf" | "anyOf" | "not");
    for part in call.block.iter().flatten().filter(within) {
        conditions(part, found);
    }
}

fn variables(call: &Call, found: &mut Vec<String>) {
    for part in call.block.iter().flatten().filter(|it| !it.assigns) {
        let (line, name) = (part.line, &part.name);
        found.push(format!(
            "line {line}: expected an assignment in environment, found {name}"
        ));
    }
}

fn stages_of(call: &Call, parallel: bool, found: &mut Vec<String>) {
    repeated(call, &["stage"], found);
    if call.named("stage").next().is_none() {
        found.push(format!("line {}: {} lacks a stage", call.line, call.name));
    }
    for stage in call.named("stage") {
        sections(stage, STAGE, &[], found);
        directives(stage, STAGE_OPTIONS, found);
        let parts = stage.block.iter().flatten();
        let work: Vec<&Call> = parts.filter(|it| WORK.contains(&&*it.name)).collect();
        let (line, name) = (stage.line, &stage.arguments);
        match work.as_slice() {
            [one] if one.name == "parallel" && parallel => {
                found.push(format!(
                    "line {line}: stage{name} is parallel within parallel"
                ));
            }
            [one] if one.name == "steps" => {
                if one.block.as_ref().is_none_or(Vec::is_empty) {
                    found.push(format!("line {line}: stage{name} has no step"));
                }
            }
            [one] => stages_of(one, parallel || one.name == "parallel", found),
            _ => {
                let many = work.len();
                let what = WORK.join("|");
                found.push(format!("line {line}: stage{name} has {many} of {what}"));
            }
        }
    }
}

#[test]
fn the_jenkinsfile_is_a_valid_declarative_pipeline() -> Result<()> {
    assert_no_problems(&problems(&read("Jenkinsfile")?)?)
}

/// Breaks one place of the Jenkinsfile and expects a report of it.
fn assert_change_is_reported(from: &str, to: &str, what: &str) -> Result<()> {
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    assert_one_problem(&problems(&text)?, what);
    Ok(())
}

#[test]
fn reports_a_misspelt_section() -> Result<()> {
    assert_change_is_reported("    triggers {", "    trigger {", "pipeline has no trigger")
}

#[test]
fn reports_a_misspelt_condition() -> Result<()> {
    assert_change_is_reported(
        "            post {\n                always {\n                    archiveArtifacts(\n",
        "            post {\n                finally {\n                    archiveArtifacts(\n",
        "post has no finally",
    )
}

#[test]
fn reports_a_pipeline_without_an_agent() -> Result<()> {
    assert_change_is_reported("    agent none\n", "", "pipeline lacks agent")
}

#[test]
fn reports_an_unknown_option() -> Result<()> {
    assert_change_is_reported(
        "        timestamps()",
        "        ansiColor('xterm')",
        "options has no ansiColor",
    )
}

#[test]
fn reports_a_step_outside_of_steps() -> Result<()> {
    let steps = "steps {\n                        sh 'cargo xtask check'\n                    }";
    let text = changed(&read("Jenkinsfile")?, steps, "sh 'cargo xtask check'")?;
    let found = problems(&text)?.join("\n");
    assert!(found.contains("stage has no sh"), "{found}");
    assert!(
        found.contains("stage('Check') has 0 of parallel|stages|steps"),
        "{found}"
    );
    Ok(())
}

#[test]
fn reports_a_stage_without_a_step() -> Result<()> {
    let step = "\n                        sh 'cargo xtask reproducible'";
    assert_change_is_reported(step, "", "stage('Reproducible') has no step")
}
