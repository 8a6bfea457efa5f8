//! Building, describing, pushing and signing.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::fixture::{Fixture, SECRET, ScriptOutput, assert_order, digest};

const ARTIFACT: &str = "registry.example.com/roster/api";

/// Checksums of the second build, a file of the fixture.
const REBUILT: &str = "target/rebuilt.sha256";

const PROGRAM: &str = "target/release/roster-admin";

/// Returns a fixture with a committed tree and everything that publishing requires.
fn fixture() -> Fixture {
    let fixture = Fixture::new()
        .with("REGISTRY", ARTIFACT)
        .with("BUILDER_ID", "https://jenkins.example.com/job/roster")
        .with("COSIGN_KEY", "env://SIGNING_KEY")
        .with("SIGNING_KEY", SECRET)
        .with("COSIGN_PASSWORD", SECRET)
        .with("PUSHED", "d");
    fs::write(fixture.project().join(".gitignore"), "/target\n").unwrap();
    git(&fixture, &["init", "--quiet"]);
    let remote = format!("https://robot:{SECRET}@git.example.com/team/roster.git");
    git(&fixture, &["remote", "add", "origin", &remote]);
    git(&fixture, &["add", "."]);
    git(&fixture, &["commit", "--quiet", "--message", "Begin"]);
    fixture
}

fn git(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .current_dir(fixture.project())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_COMMITTER_DATE", "2026-11-24T12:00:00+01:00")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs build.sh with these words, asserts the exit status, and returns the output.
#[track_caller]
fn run(fixture: &Fixture, words: &str, status: i32) -> ScriptOutput {
    let words: Vec<_> = words.split(' ').collect();
    let ran = fixture.run("build.sh", &words);
    ran.assert_status(status);
    ran
}

/// Publishes 1.2.3, asserts the exit status, and returns the output.
#[track_caller]
fn publish(fixture: &Fixture, status: i32) -> String {
    run(fixture, &format!("publish 1.2.3 {REBUILT}"), status).output()
}

/// Builds in the fixture with `roster-admin`, and copies the checksums as those of a second build.
fn built(fixture: &Fixture) {
    run(fixture, "build 1.2.3", 0);
    let project = fixture.project();
    fs::copy(
        project.join("target/reports/wasm.sha256"),
        project.join(REBUILT),
    )
    .unwrap();
    fs::create_dir_all(project.join("target/release")).unwrap();
    fs::write(project.join(PROGRAM), "program").unwrap();
    fs::remove_file(fixture.path("calls")).unwrap();
}

fn report(fixture: &Fixture, name: &str) -> String {
    fs::read_to_string(fixture.project().join("target/reports").join(name)).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_build_writes_checksums_and_provenance() {
    let fixture = fixture();
    let ran = run(&fixture, "build 1.2.3", 0);
    assert_eq!(fixture.calls(), ["cargo xtask build", "cargo xtask sbom"]);
    assert_eq!(ran.stdout, "");
    let sums = report(&fixture, "wasm.sha256");
    assert_eq!(sums.lines().count(), 4);
    assert!(sums.contains("  target/wasm32-wasip2/release/health.wasm\n"));

    let statement = json(&report(&fixture, "provenance.json"));
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let names: Vec<_> = statement["subject"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 4);
    for (subject, line) in names.iter().zip(sums.lines()) {
        let (sum, file) = line.split_once("  ").unwrap();
        assert_eq!(subject["digest"]["sha256"], sum);
        assert!(file.ends_with(subject["name"].as_str().unwrap()));
    }
}

#[test]
fn a_push_signs_the_digest_and_never_the_tag() {
    let fixture = fixture();
    built(&fixture);
    let ran = run(&fixture, &format!("publish 1.2.3-rc.1 {REBUILT}"), 0);
    assert_eq!(ran.stdout, format!("{}\n", digest('d')));
    assert_eq!(report(&fixture, "digest"), ran.stdout);
    let artifact = format!("{ARTIFACT}@{}", digest('d'));
    let calls = fixture.calls();
    let order = "spin --version
        spin registry push --from spin.toml
        cosign sign --yes --key env://SIGNING_KEY {artifact}
        cosign attest --yes --key env://SIGNING_KEY --type cyclonedx --predicate target/reports/sbom.cdx.json
        cosign attest --yes --key env://SIGNING_KEY --type slsaprovenance1
        cosign verify --key awskms:///alias/roster --output text {artifact}
        cosign sign-blob --yes --key env://SIGNING_KEY --bundle {program}.sigstore.json {program}";
    let order = order
        .replace("{artifact}", &artifact)
        .replace("{program}", PROGRAM);
    assert_order(&calls, &order);
    for call in &calls {
        assert!(!call.contains(SECRET), "{call}");
        assert!(!call.starts_with("cargo"), "{call}");
        let is_signed = !call.starts_with("cosign")
            || call.ends_with(&artifact)
            || call.starts_with("cosign sign-blob ");
        assert!(is_signed, "{call}");
    }
    assert!(!ran.output().contains(SECRET), "{}", ran.output());
}

#[test]
fn the_artifact_has_source_annotations_and_provenance() {
    let fixture = fixture();
    built(&fixture);
    publish(&fixture, 0);
    let commit = git(&fixture, &["rev-parse", "HEAD"]);
    let push = fixture
        .calls()
        .into_iter()
        .find(|call| call.contains("registry push"));
    let push = push.unwrap();
    for label in [
        "source=https://git.example.com/team/roster",
        &format!("revision={commit}"),
        "version=1.2.3",
        "created=2026-11-24T11:00:00Z",
        "title=roster",
        "licenses=Apache-2.0",
    ] {
        let option = format!("--annotation org.opencontainers.image.{label} ");
        assert!(push.contains(&option), "{option}: {push}");
    }
    assert!(push.ends_with(" registry.example.com/roster/api:1.2.3"));

    let statement = json(&report(&fixture, "provenance.json"));
    let subject = &statement["subject"][0];
    assert_eq!(subject["name"], ARTIFACT);
    assert_eq!(subject["digest"]["sha256"], "d".repeat(64));
    let predicate = &statement["predicate"];
    let builder = &predicate["runDetails"]["builder"];
    assert_eq!(builder["id"], "https://jenkins.example.com/job/roster");
    let definition = &predicate["buildDefinition"];
    let materials = &definition["resolvedDependencies"];
    let uri = format!("git+https://git.example.com/team/roster@{commit}");
    assert_eq!(materials[0]["uri"], uri);
    assert_eq!(materials[0]["digest"]["gitCommit"], commit);
    assert_eq!(definition["externalParameters"]["version"], "1.2.3");
    // The predicate alone is attested: cosign adds the digest.
    let attested = fs::read_to_string(fixture.path("attested-slsaprovenance1.json")).unwrap();
    assert_eq!(json(&attested), *predicate);
    assert!(!statement.to_string().contains(SECRET));
}

#[test]
fn unreproduced_components_are_not_pushed() {
    let fixture = fixture();
    let publish = |told: &str| {
        let output = publish(&fixture, 1);
        assert!(output.contains(told), "{output}");
        assert_eq!(fixture.calls(), ["spin --version"]);
        fs::remove_file(fixture.path("calls")).unwrap();
    };
    publish("build first");
    built(&fixture);
    let rebuilt = fixture.project().join(REBUILT);
    let sums = fs::read_to_string(&rebuilt).unwrap();
    fs::remove_file(&rebuilt).unwrap();
    publish("no second build confirms the first");
    let first = fixture.project().join("target/reports/wasm.sha256");
    fs::hard_link(first, &rebuilt).unwrap();
    publish("of the same build");
    fs::remove_file(&rebuilt).unwrap();
    fs::write(&rebuilt, format!("0{sums}")).unwrap();
    publish("the second build has other hashes");
    fs::write(&rebuilt, sums).unwrap();
    let component = "target/wasm32-wasip2/release/users.wasm";
    fs::write(fixture.project().join(component), "other").unwrap();
    publish("the components do not match wasm.sha256");
}

#[test]
fn the_artifact_is_signed_without_roster_admin() {
    let fixture = fixture();
    built(&fixture);
    fs::remove_file(fixture.project().join(PROGRAM)).unwrap();
    let output = publish(&fixture, 0);
    assert!(output.contains("only the artifact is signed"), "{output}");
    let calls = fixture.calls();
    assert!(calls.iter().any(|call| call.starts_with("cosign sign ")));
    assert!(!calls.iter().any(|call| call.contains("sign-blob")));
}

#[test]
fn the_log_has_size_and_commit() {
    let output = run(&fixture(), "build 1.2.3", 0).output();
    let has_size = output.contains("KiB in 4 components, version 1.2.3, commit ");
    assert!(has_size && output.contains(" Begin\n"), "{output}");
}

#[test]
fn builds_of_one_commit_have_equal_reports() {
    let fixture = fixture();
    built(&fixture);
    publish(&fixture, 0);
    let first = report(&fixture, "provenance.json");
    built(&fixture);
    publish(&fixture, 0);
    assert_eq!(report(&fixture, "provenance.json"), first);
}

#[test]
fn git_remotes_are_converted_to_urls() {
    let fixture = fixture();
    for remote in [
        "git@git.example.com:team/roster.git",
        "ssh://git@git.example.com:2222/team/roster.git",
        "https://git.example.com/team/roster",
    ] {
        git(&fixture, &["remote", "set-url", "origin", remote]);
        run(&fixture, "build 1.2.3", 0);
        let statement = json(&report(&fixture, "provenance.json"));
        let uri = &statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]["uri"];
        let start = "git+https://git.example.com/team/roster@";
        assert!(uri.as_str().unwrap().starts_with(start), "{uri}");
    }
}

#[test]
fn invalid_versions_run_nothing() {
    let fixture = fixture();
    let versions = [
        "latest", "v1.2.3", "1.2", "1.2.3+4", "01.2.3", "1.2.3-", "1.2.3 ", "",
    ];
    for version in versions {
        let output = fixture
            .run("build.sh", &["build", version])
            .assert_status(2);
        assert!(output.contains("VERSION must be like 1.2.3"), "{output}");
    }
    for words in [
        "",
        "1.2.3",
        "publish 1.2.3",
        "build 1.2.3 1.2.4",
        "build 1.2.3 --sign",
    ] {
        let words: Vec<_> = words.split_whitespace().collect();
        fixture.run("build.sh", &words).assert_status(2);
    }
    assert_eq!(fixture.calls(), [""; 0]);
}

#[test]
fn uncommitted_changes_are_not_pushed() {
    let fixture = fixture();
    built(&fixture);
    fs::write(fixture.project().join("new.rs"), "//! New.\n").unwrap();
    let output = publish(&fixture, 1);
    assert!(output.contains("uncommitted changes: nothing was pushed"));
    assert_eq!(fixture.calls(), ["spin --version"]);
    run(&fixture, "build 1.2.3", 0);
}

#[test]
fn a_push_lists_all_missing_requirements() {
    let fixture = fixture()
        .with("SPIN_VERSION", "4.0.2")
        .with("REGISTRY", "https://registry.example.com/roster/api:1.0.0")
        .with("BUILDER_ID", "")
        .with("COSIGN_KEY", "")
        .with("COSIGN_KEY_PUB", "")
        .without("cosign");
    let output = publish(&fixture, 1);
    let parts = "spin 4.1.0 or later|cosign|REGISTRY|BUILDER_ID|COSIGN_KEY_PUB";
    for part in parts.split('|') {
        assert!(output.contains(part), "{part}: {output}");
    }
    assert_eq!(output.lines().count(), 1, "{output}");
    assert_eq!(fixture.calls(), ["spin --version"]);
}

#[test]
fn an_inline_key_is_rejected_and_not_printed() {
    let key = format!("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{SECRET}");
    let fixture = fixture().with("COSIGN_KEY", &key);
    let output = publish(&fixture, 1);
    assert!(output.contains("COSIGN_KEY as a reference to a key"));
    assert!(!output.contains(SECRET), "{output}");
}

#[test]
fn an_unverified_artifact_has_no_digest() {
    let untold = fixture().with("PUSHED", "");
    built(&untold);
    let ran = run(&untold, &format!("publish 1.2.3 {REBUILT}"), 1);
    assert!(ran.stderr.contains("the registry returned no digest"));
    assert_eq!(ran.stdout, "");
    assert!(!untold.calls().iter().any(|call| call.starts_with("cosign")));

    let unverified = fixture().with("SIGNATURE_FAILS_FOR", "d");
    built(&unverified);
    let ran = run(&unverified, &format!("publish 1.2.3 {REBUILT}"), 1);
    assert!(ran.stderr.contains("does not verify"));
    assert_eq!(ran.stdout, "");
    assert!(!unverified.project().join("target/reports/digest").exists());
}

#[test]
fn a_dry_run_prints_every_step_and_runs_none() {
    let fixture = fixture();
    let ran = run(&fixture, &format!("publish 1.2.3 {REBUILT} --dry-run"), 0);
    let lines: Vec<_> = ran.output().lines().map(str::to_owned).collect();
    let order = "compares target/reports/wasm.sha256
        spin registry push
        cosign sign
        cosign attest
        cosign attest
        cosign verify
        cosign sign-blob";
    assert_order(&lines, order);
    assert_eq!(fixture.calls(), ["spin --version"]);
    assert!(!fixture.project().join("target").exists());
}
