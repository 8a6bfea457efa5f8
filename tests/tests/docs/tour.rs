//! Tour of docs/tour.md, line by line: the pasted commands must get the statuses in the comments.

use std::process::Command;

use blackbox::shell_blocks::blocks_to_run;

/// Returns the statuses in the comments, in order.
fn expected_statuses(tour: &str) -> Vec<String> {
    let curls = tour.lines().filter(|line| line.starts_with("curl "));
    let statuses = curls.map(|line| line.rsplit_once("# ").expect("a status").1.to_owned());
    statuses.collect()
}

#[test]
fn the_tour_gets_the_stated_statuses() {
    let env = devservices::provided_or_exit;
    let name = format!("{}@example.com", blackbox::unique());
    let tour = blocks_to_run(include_str!("../../../docs/tour.md")).concat();
    let expected = expected_statuses(&tour);
    assert!(expected.len() >= 10, "{expected:?}");
    // Uses the app under test with its admin, and a unique user.
    let script: String = tour
        .lines()
        .filter(|line| !line.starts_with("ADMIN_EMAIL=") && !line.starts_with("BASE="))
        .map(|line| format!("{}\n", line.replace("ada@example.com", &name)))
        .collect();
    let output = Command::new("bash")
        .args(["-eu", "-c", &script])
        .env("BASE", format!("{}/api/v1", env("ROSTER_URL")))
        .env("ADMIN_EMAIL", env("ROSTER_ADMIN_EMAIL"))
        .env("ADMIN_PASSWORD", env("ROSTER_ADMIN_PASSWORD"))
        .output()
        .expect("bash and curl");
    let text = String::from_utf8_lossy(&output.stdout);
    // A body has no line end, so the next response follows it directly.
    let answers = text.split("HTTP/1.1 ").skip(1);
    let answered: Vec<_> = answers.filter_map(|answer| answer.get(..3)).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(answered, expected, "{text}\n{errors}");
}
