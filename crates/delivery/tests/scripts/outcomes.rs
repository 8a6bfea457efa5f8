//! Deploys and rollbacks that fail, or are dry runs: their report, and what they leave.

use super::fixture::{Fixture, digest};

/// Generates one test per row: the releases before, settings and arguments; the exit status and a part of the
/// output; the digest that runs afterwards, or `-` if nothing was written. The record of releases is unchanged.
macro_rules! outcomes {
    ($($name:ident: $releases:literal, $settings:literal, $arguments:literal =>
        $status:literal, $output:literal, $after:literal;)*) => {$(
        #[test]
        fn $name() {
            let fixture = Fixture::new().released($releases);
            let fixture = $settings.split_whitespace().fold(fixture, |fixture, setting: &str| {
                let (name, value) = setting.split_once('=').unwrap();
                fixture.with(name, value)
            });
            let output = fixture.deploy($arguments, $status);
            assert!(output.contains(&filled($output)), "{output}");
            match $after {
                "-" => fixture.assert_unchanged(),
                after => fixture.assert_state(after, $releases),
            }
            match fixture.path("lease").exists() {
                true => fixture.assert_lease_released(),
                false => assert_eq!(($releases, $after), ("", "-")),
            }
        }
    )*};
}

/// Replaces `{a}` and `{b}` by digests, and `{groups}` by the names of the groups.
fn filled(text: &str) -> String {
    let text = text.replace("{groups}", &delivery::groups().join(" "));
    text.replace("{a}", &digest('a'))
        .replace("{b}", &digest('b'))
}

outcomes! {
    an_unsigned_digest_changes_nothing: "a", "SIGNATURE_FAILS_FOR=b", "dev b" =>
        1, "has no signature from a trusted signer; nothing was changed", "-";
    a_failed_rollout_is_rolled_back: "ca", "ROLLOUT_FAILS_FOR=b", "dev b" =>
        3, "{b} does not work in dev; rolled back: {a} runs again", "a";
    a_failed_smoke_test_is_rolled_back: "a", "SMOKE_FAILS_FOR=b", "dev b" =>
        3, "/api/v1/health/ready: expected 200, got: 503", "a";
    a_rejected_validation_changes_no_spin_app: "a", "ADMISSION_REFUSES==api", "dev b" =>
        1, "the SpinApps are unchanged", "a";
    a_rejected_apply_changes_no_spin_app: "a", "APPLY_FAILS==api", "dev b" =>
        1, "the SpinApps are unchanged", "a";
    a_stopped_operator_is_reported: "a", "OPERATOR_SLEEPS=yes", "dev b" =>
        4, "not ready: {groups}", "a";
    a_long_api_server_outage_ends_the_deploy: "a", "AWAY_AT=component=api AWAY=12", "dev b" =>
        1, "", "a";
    a_failed_first_deploy_cannot_be_rolled_back: "", "ROLLOUT_FAILS_FOR=a", "dev a" =>
        4, "there is nothing to roll back to", "a";
    a_failed_repeated_deploy_rolls_back_nothing: "ab", "SMOKE_FAILS_FOR=b", "dev b" =>
        4, "run scripts/deploy.sh dev --rollback to return to the previous release", "b";
    a_rollback_verifies_the_signature: "ab", "SIGNATURE_FAILS_FOR=a", "dev --rollback" =>
        1, "nothing was changed", "-";
    a_rollback_needs_a_previous_release: "b", "", "dev --rollback" =>
        1, "there is nothing to roll back to", "-";
    a_rollback_needs_the_runtime_configuration: "ab", "NO_RUNTIME_CONFIG=yes", "dev --rollback" =>
        1, "a Secret that it refers to does not exist; nothing was changed", "-";
    a_dry_run_of_a_rollback_changes_nothing: "ab", "", "dev --rollback --dry-run" =>
        0, "roster/api@{a}", "-";
    an_unresolvable_address_changes_nothing: "a", "NO_ADDRESS=yes", "dev b" =>
        1, "does not resolve", "-";
    a_missing_operator_is_reported_before_any_change: "", "NOT_SERVED=SpinApp", "dev a" =>
        1, "does not serve SpinApp of core.spinkube.dev/v1alpha1", "-";
    a_base_url_without_a_scheme_changes_nothing: "", "BASE_URL=api.example.com", "dev a" =>
        2, "set BASE_URL", "-";
    a_base_url_with_a_password_changes_nothing: "", "BASE_URL=https://me:word@host", "dev a" =>
        2, "set BASE_URL", "-";
    a_base_url_with_a_path_changes_nothing: "", "BASE_URL=https://host/path", "dev a" =>
        2, "set BASE_URL", "-";
}
