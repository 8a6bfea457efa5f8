//! Checks that no deploy reads a Secret's value, passes one on a command line, or creates the Secret.

use super::fixture::{Fixture, SECRET, digest};

/// Asserts that output, calls and applied objects do not contain the value.
fn assert_no_secret(fixture: &Fixture, output: &str) {
    assert!(!output.contains(SECRET), "{output}");
    for call in fixture.calls() {
        assert!(!call.contains(SECRET), "{call}");
        assert!(
            !call.contains("get secret")
                || call.ends_with("get secret roster-secrets --output name")
                || (call.contains("get secret runtime-config") && call.ends_with("--output name")),
            "{call}"
        );
        assert!(!call.contains("secret.example"), "{call}");
    }
    for yaml in fixture.applied() {
        assert!(
            !yaml.contains("replace-me"),
            "secret.example.yaml is applied"
        );
        assert!(!yaml.contains(SECRET));
        for object in yaml.split("\n---\n") {
            let made = object.contains("\nkind: Secret\n");
            assert!(
                !made || object.contains("\n  name: runtime-config"),
                "{object}"
            );
        }
    }
}

#[test]
fn no_deploy_outcome_prints_a_secret() {
    let cases = [
        ("NOTHING_FAILS", String::new()),
        ("JOB_FAILS", "yes".to_owned()),
        ("ROLLOUT_FAILS_FOR", digest('b')),
        ("SMOKE_FAILS_FOR", digest('b')),
        ("NO_SECRET", "yes".to_owned()),
        ("SIGNATURE_FAILS_FOR", digest('b')),
    ];
    for (setting, value) in cases {
        let fixture = Fixture::new()
            .released("a")
            .with("COSIGN_PASSWORD", SECRET)
            .with(setting, &value);
        let output = fixture.run("deploy.sh", &["dev", &digest('b')]).output();
        assert_no_secret(&fixture, &output);
    }
}

#[test]
fn failure_logs_of_the_cluster_are_redacted() {
    let fixture = Fixture::new();
    let text = std::fs::read_to_string(fixture.path("programs/kubectl")).unwrap();
    assert!(text.contains("SECRET_VALUE"));
    let fixture = fixture.with("JOB_FAILS", "yes");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(1);
    assert!(
        output.contains("postgres://roster:***@postgres"),
        "{output}"
    );
    assert!(output.contains("password=***"), "{output}");
}
