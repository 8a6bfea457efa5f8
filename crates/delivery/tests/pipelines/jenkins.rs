//! Prohibitions for the Jenkinsfile: showing a secret, deploying another branch than main, and deploying
//! to production without approval.

use anyhow::{Context, Result};

use crate::groovy::{Call, parse};
use crate::{assert_no_problems, assert_one_problem, changed, read};

/// Bindings allowed in `withCredentials`; `VARIABLES` are the arguments that name a variable.
const BINDINGS: &[&str] = &["file", "sshUserPrivateKey", "string", "usernamePassword"];
const VARIABLES: &[&str] = &[
    "variable:",
    "usernameVariable:",
    "passwordVariable:",
    "keyFileVariable:",
];

/// Returns the problems of a Jenkinsfile's use of secrets.
fn secrets(text: &str) -> Result<Vec<String>> {
    let calls = parse(text)?;
    let all: Vec<&Call> = calls.iter().flat_map(Call::everywhere).collect();
    let mut found = Vec::new();
    let mut variables = Vec::new();
    for call in all.iter().filter(|it| it.name == "withCredentials") {
        for binding in &call.inner {
            let (line, name) = (binding.line, &binding.name);
            if !BINDINGS.contains(&name.as_str()) || !binding.arguments.contains("credentialsId:") {
                found.push(format!(
                    "line {line}: {name} is not bound by a credentialsId"
                ));
            }
            variables.extend(bound(&binding.arguments));
        }
    }
    for call in all.iter().filter(|it| it.name == "sh") {
        let (line, said) = (call.line, &call.arguments);
        // Groovy interpolates double-quoted strings: the value would be on the shell's command line.
        if said.contains('"') && call.text().is_none() {
            found.push(format!(
                "line {line}: Groovy interpolates the argument of sh"
            ));
        }
        let leaks = |name: &&String| call.text().is_some_and(|it| shows(it, name));
        for name in variables.iter().filter(leaks) {
            found.push(format!(
                "line {line}: sh prints {name}, or passes it to a program as an argument"
            ));
        }
    }
    found.extend(written_out(text));
    Ok(found)
}

/// Returns the variables that a binding's arguments name.
fn bound(arguments: &str) -> Vec<String> {
    let value = |(_, rest): (usize, &str)| {
        let mut quoted = rest.split('\'');
        quoted.nth(1).map(str::to_owned)
    };
    let starts = VARIABLES.iter().flat_map(|key| {
        let places = arguments.match_indices(key);
        places.filter_map(move |(at, _)| Some((at, arguments.get(at..)?)))
    });
    starts.filter_map(value).collect()
}

/// Returns true if a shell script uses a secret in any way but to pipe it into another program. The
/// variable of a file may be used: a path is not secret.
fn shows(script: &str, variable: &str) -> bool {
    let secret = variable.ends_with("PASSWORD") || variable.ends_with("TOKEN");
    let uses = |line: &&str| {
        line.contains(&format!("${variable}")) || line.contains(&format!("${{{variable}"))
    };
    let piped = |line: &&str| line.trim().starts_with("printf '%s' ") && line.trim().ends_with('|');
    secret && script.lines().filter(uses).any(|line| !piped(&line))
}

/// Returns the places where the text itself contains the value of a secret.
fn written_out(text: &str) -> Vec<String> {
    let names = ["password", "secret", "token"];
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((name, value)) = line.split_once([':', '=']) else {
            continue;
        };
        let name = name.trim().to_lowercase();
        let value = value.trim();
        let literal = value.starts_with(['\'', '"']) && value.len() > 3;
        if literal && names.iter().any(|it| name.ends_with(it)) {
            found.push(format!("line {}: {name} has a literal value", number + 1));
        }
    }
    found
}

/// Stage, after those that contain it.
type Path<'a> = Vec<&'a Call>;

/// Returns the deployments and publications that lack a required guard.
fn guards(text: &str) -> Result<Vec<String>> {
    let calls = parse(text)?;
    let pipeline = calls.iter().find(|it| it.name == "pipeline");
    let pipeline = pipeline.context("no pipeline")?;
    let mut found = Vec::new();
    let mut limits = pipeline.named("options").flat_map(|it| it.named("timeout"));
    if limits.next().is_none() {
        found.push("the pipeline lacks the option timeout".to_owned());
    }
    let deploys = |it: &&Call| it.name == "deployNow";
    let all = || calls.iter().flat_map(Call::everywhere);
    let locks = || all().filter(|it| it.name == "lock");
    if all().filter(deploys).count() != locks().flat_map(Call::everywhere).filter(deploys).count() {
        found.push("scripts/deploy.sh runs without a lock".to_owned());
    }
    // Builds run concurrently, because one may wait for its approval for hours.
    if locks().any(|it| it.named("milestone").next().is_none()) {
        found.push("an older build may overtake a newer one behind a lock".to_owned());
    }
    identities(pipeline, &mut found);
    let mut paths = Vec::new();
    for stages in pipeline.named("stages") {
        leaves(stages, &[], &mut paths);
    }
    for path in &paths {
        guarded(path, &mut found);
    }
    Ok(found)
}

/// Checks that no agent that compiles third-party code has credentials.
fn identities(pipeline: &Call, found: &mut Vec<String>) {
    let stages = pipeline.everywhere().into_iter();
    for stage in stages.filter(|it| it.name == "stage" && it.named("agent").next().is_some()) {
        let calls = stage.everywhere();
        let compiles = |text: &str| {
            ["cargo ", "rustup ", "build.sh build"]
                .iter()
                .any(|it| text.contains(it))
        };
        let has_code = calls
            .iter()
            .any(|it| it.name == "sh" && it.text().is_some_and(compiles));
        if has_code && calls.iter().any(|it| it.name == "withCredentials") {
            let name = stage.arguments.as_str();
            found.push(format!("stage{name} compiles with access to credentials"));
        }
    }
}

/// Collects the stages that have steps.
fn leaves<'a>(call: &'a Call, above: &[&'a Call], paths: &mut Vec<Path<'a>>) {
    for stage in call.named("stage") {
        let path: Path = above.iter().copied().chain([stage]).collect();
        for part in stage.block.iter().flatten() {
            match part.name.as_str() {
                "steps" => paths.push(path.clone()),
                "stages" | "parallel" => leaves(part, &path, paths),
                _ => {}
            }
        }
    }
}

fn guarded(path: &Path, found: &mut Vec<String>) {
    let Some(stage) = path.last() else { return };
    let name = stage.text().unwrap_or_default();
    let calls: Vec<&Call> = stage.named("steps").flat_map(Call::everywhere).collect();
    let publishes = |it: &&&Call| {
        it.text()
            .is_some_and(|text| text.contains("scripts/build.sh"))
    };
    let published = calls.iter().find(publishes);
    let deployed = calls.iter().find(|it| it.name == "deploy");
    if published.or(deployed).is_none() {
        return;
    }
    let only_main = path.iter().flat_map(|it| it.named("when")).any(|when| {
        let mut branches = when.named("branch");
        branches.any(|it| it.text() == Some("main"))
    });
    if !only_main {
        found.push(format!("{name} runs on every branch"));
    }
    // Anything but the literals dev and staging may be production, so a variable as well.
    let free = |it: &&Call| {
        let first = it.arguments.trim_start_matches('(');
        first.starts_with("'dev'") || first.starts_with("'staging'")
    };
    let mut submitters = stage.named("input").flat_map(|it| it.named("submitter"));
    if deployed.is_some_and(|it| !free(it)) && submitters.next().is_none() {
        found.push(format!(
            "{name} may deploy to production without an approval"
        ));
    }
}

#[test]
fn the_jenkinsfile_exposes_no_secret() -> Result<()> {
    assert_no_problems(&secrets(&read("Jenkinsfile")?)?)
}

#[test]
fn the_jenkinsfile_guards_deployments() -> Result<()> {
    assert_no_problems(&guards(&read("Jenkinsfile")?)?)
}

#[test]
fn jenkins_and_the_overlays_use_one_image_name() -> Result<()> {
    let calls = parse(&read("Jenkinsfile")?)?;
    let mut all = calls.iter().flat_map(Call::everywhere);
    let registry = all.find(|it| it.assigns && it.name == "REGISTRY");
    let registry = registry.and_then(Call::text).context("no REGISTRY")?;
    for environment in ["dev", "staging", "prod"] {
        let path = format!("k8s/overlays/{environment}/kustomization.yaml");
        let overlay: serde_json::Value = serde_yaml_ng::from_str(&read(&path)?)?;
        let name = overlay.pointer("/images/0/newName");
        assert_eq!(name, Some(&registry.into()), "{path}");
    }
    Ok(())
}

#[test]
fn reports_groovy_interpolation_in_a_shell_command() -> Result<()> {
    let [from, to] = ["sh 'scripts/deploy.sh", "sh \"kubectl --token $KUBECONFIG"];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    let text = changed(&text, "\"$ENVIRONMENT\" \"$WHAT\"'", "\"")?;
    assert_one_problem(&secrets(&text)?, "Groovy interpolates");
    Ok(())
}

#[test]
fn reports_a_secret_on_a_command_line() -> Result<()> {
    let [from, to] = ["--password-stdin", "--password \"$REGISTRY_PASSWORD\""];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    assert_one_problem(&secrets(&text)?, "sh prints REGISTRY_PASSWORD");
    Ok(())
}

#[test]
fn reports_a_hardcoded_secret() -> Result<()> {
    let [from, to] = ["NO_COLOR = '1'", "COSIGN_PASSWORD = 'hunter2'"];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    assert_one_problem(&secrets(&text)?, "cosign_password has a literal value");
    Ok(())
}

#[test]
fn reports_a_credential_without_an_id() -> Result<()> {
    let [from, to] = [
        "string(credentialsId: 'roster-cosign-password'",
        "string(id: 'roster-cosign-password'",
    ];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    assert_one_problem(&secrets(&text)?, "string is not bound by a credentialsId");
    Ok(())
}

#[test]
fn reports_production_without_approval() -> Result<()> {
    let input =
        "                        ok 'Deploy'\n                        submitter 'roster-release'\n";
    let text = changed(&read("Jenkinsfile")?, input, "")?;
    assert_one_problem(
        &guards(&text)?,
        "Production may deploy to production without",
    );
    Ok(())
}

#[test]
fn reports_publishing_from_a_branch() -> Result<()> {
    let only = "                    when {\n                        branch 'main'\n";
    let text = changed(&read("Jenkinsfile")?, only, "                    when {\n")?;
    assert_one_problem(&guards(&text)?, "Components runs on every branch");
    Ok(())
}

#[test]
fn reports_a_deployment_without_a_lock() -> Result<()> {
    let text = changed(&read("Jenkinsfile")?, "    lock(", "    echo(")?;
    assert_one_problem(&guards(&text)?, "without a lock");
    Ok(())
}

#[test]
fn reports_a_lock_without_a_milestone() -> Result<()> {
    let within = "        milestone(ordinal: order + 1, label: environment)\n";
    let text = changed(&read("Jenkinsfile")?, within, "")?;
    assert_one_problem(&guards(&text)?, "may overtake a newer one");
    Ok(())
}

#[test]
fn reports_compilation_in_a_stage_with_credentials() -> Result<()> {
    let [from, to] = [
        "                unstash 'second'\n",
        "                sh 'scripts/build.sh build 1.0.0'\n",
    ];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    assert_one_problem(&guards(&text)?, "stage('Publish') compiles");
    Ok(())
}

/// Returns the steps that could delay a rollback, or make it more than a rollback.
fn waits(text: &str) -> Result<Vec<String>> {
    let calls = parse(text)?;
    let all: Vec<&Call> = calls.iter().flat_map(Call::everywhere).collect();
    let mut found: Vec<String> = ["input", "lock", "milestone", "build"]
        .iter()
        .filter(|name| all.iter().any(|it| it.name == **name))
        .map(|name| format!("a rollback waits for {name}"))
        .collect();
    for script in all.iter().filter(|it| it.name == "sh") {
        if !script.text().is_some_and(|it| it.ends_with(" --rollback")) {
            found.push(format!("line {}: this is not a rollback", script.line));
        }
    }
    Ok(found)
}

#[test]
fn a_rollback_requires_neither_build_nor_approval() -> Result<()> {
    let text = read("Jenkinsfile.rollback")?;
    assert_no_problems(&secrets(&text)?)?;
    assert_no_problems(&crate::declarative::problems(&text)?)?;
    assert_no_problems(&waits(&text)?)?;
    let from = "            steps {\n";
    let text = changed(
        &text,
        from,
        "            input {\n                message 'Sure?'\n            }\n            steps {\n",
    )?;
    assert_one_problem(&waits(&text)?, "waits for input");
    Ok(())
}
