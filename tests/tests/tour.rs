//! The README's tour, line by line: what people paste must answer as the comments say.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::process::Command;

/// The block behind the comment that names this file.
fn tour() -> String {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("tests/tests/readme.rs").unwrap();
    let (_, rest) = rest.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The statuses that the comments promise, in their order.
fn promised(tour: &str) -> Vec<String> {
    let curls = tour.lines().filter(|line| line.starts_with("curl "));
    let statuses = curls.map(|line| line.rsplit_once("# ").expect("a status").1.to_owned());
    statuses.collect()
}

#[test]
fn the_tour_answers_as_the_readme_says() {
    let env = |name: &str| std::env::var(name).expect("run `cargo xtask test`");
    let name = format!("{}@example.com", blackbox::unique());
    let tour = tour();
    let promised = promised(&tour);
    assert!(promised.len() >= 10, "{promised:?}");
    // The app under test and its admin, and a user whom no other run has.
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
    // A body has no line end, so the next answer begins behind it.
    let answers = text.split("HTTP/1.1 ").skip(1);
    let answered: Vec<_> = answers.filter_map(|answer| answer.get(..3)).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(answered, promised, "{text}\n{errors}");
}
