//! Commands of this project in documents and pipelines: `cargo xtask` and `roster-admin` accept their names and
//! options, and the scripts contain them.

use std::fs;

use anyhow::{Result, ensure};
use clap::CommandFactory;
use clap::error::ErrorKind;

use super::shell::blocks;
use super::tracked;
use super::words::{PLACEHOLDER, alternatives, words};
use crate::Cli;
use crate::tools::workspace::root;

/// Files that name commands.
const FILES: [&str; 6] = [
    "*.md",
    ".ci/run",
    ".env.example",
    ".github/*.yml",
    "Jenkinsfile*",
    "compose.yaml",
];
/// History, which names the commands of its time.
const HISTORY: [&str; 2] = ["CHANGELOG.md", "docs/decisions/"];

/// Beginnings of commands that the command line of xtask parses.
const PARSED: [&str; 2] = ["cargo xtask ", "roster-admin "];
const SCRIPTS: [&str; 3] = ["scripts/build.sh", "scripts/deploy.sh", "scripts/smoke.sh"];

/// Words before a command on a line of a pipeline.
const PREFIXES: [&str; 4] = ["- run:", "run:", "exec", "sh '"];

/// A command that a file names.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    text: String,
    /// True for a line that runs the command; false for one in a sentence, which may lack arguments.
    is_line: bool,
}

/// Fails if a command has no such name or option.
pub(super) fn check() -> Result<()> {
    let (mut count, mut wrong) = (0, Vec::new());
    for file in tracked(&FILES)? {
        if HISTORY.iter().any(|start| file.starts_with(start)) {
            continue;
        }
        let text = fs::read_to_string(root().join(&file))?;
        for mention in mentions(&file, &text) {
            count += 1;
            let report = problem(&mention)?;
            wrong.extend(report.map(|report| format!("{file}: {}: {report}", mention.text)));
        }
    }
    ensure!(wrong.is_empty(), "commands:\n{}", wrong.join("\n"));
    println!("{count} commands");
    Ok(())
}

/// Returns true if a line of a shell runs a command of this project.
pub(super) fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    let mut starts = PARSED.iter().chain(&SCRIPTS);
    starts.any(|start| line.starts_with(start))
}

/// The commands of a file: on lines of their own, and between backticks.
fn mentions(file: &str, text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut add = |line: &str, is_line| {
        let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if is_command(&text) {
            found.push(Mention { text, is_line });
        }
    };
    let is_document = file.ends_with(".md");
    if is_document {
        for block in blocks(text) {
            block
                .text
                .replace("\\\n", " ")
                .lines()
                .for_each(|line| add(line, true));
        }
    } else {
        text.lines()
            .for_each(|line| add(without_prefix(line), true));
    }
    // A span of a document may continue on the next line.
    let prose = if is_document {
        outside_blocks(text)
    } else {
        text.to_owned()
    };
    let paragraphs = prose.split(if is_document { "\n\n" } else { "\n" });
    for paragraph in paragraphs {
        let spans = paragraph.split('`').skip(1).step_by(2);
        spans.for_each(|span| add(span, false));
    }
    found
}

fn without_prefix(line: &str) -> &str {
    let line = line.trim_start();
    let rest = PREFIXES.iter().find_map(|prefix| line.strip_prefix(prefix));
    rest.unwrap_or(line).trim_end_matches('\'')
}

fn outside_blocks(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The reason for which a command is not accepted.
fn problem(mention: &Mention) -> Result<Option<String>> {
    for words in alternatives(&words(&mention.text)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let report = match words.as_slice() {
            ["cargo", command @ ..] => rejected(command, mention.is_line),
            // `cargo xtask admin` is the same program.
            ["roster-admin", rest @ ..] => {
                let command = [&["xtask", "admin"][..], rest].concat();
                rejected(&command, mention.is_line)
            }
            [script, options @ ..] => unknown_option(script, options)?,
            [] => None,
        };
        if report.is_some() {
            return Ok(report);
        }
    }
    Ok(None)
}

/// The error of xtask's command line, if it rejects the words.
fn rejected(words: &[&str], is_line: bool) -> Option<String> {
    // After a word such as `<command>`, a sentence names nothing that could be checked.
    let is_named = |word: &&&str| is_line || **word != PLACEHOLDER;
    let named = words.iter().take_while(is_named).copied();
    let error = Cli::command().try_get_matches_from(named).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            if !is_line =>
        {
            None
        }
        _ => error.to_string().lines().next().map(str::to_owned),
    }
}

/// The option that the script does not contain.
fn unknown_option(script: &str, words: &[&str]) -> Result<Option<String>> {
    let text = fs::read_to_string(root().join(script))?;
    let mut options = words.iter().filter(|word| word.starts_with("--"));
    let unknown = options.find(|option| !text.contains(**option));
    Ok(unknown.map(|option| format!("{script} has no {option}")))
}

#[cfg(test)]
mod tests {
    use super::{Mention, check, mentions, problem};

    fn line(text: &str) -> Mention {
        Mention {
            text: text.to_owned(),
            is_line: true,
        }
    }

    #[test]
    fn documents_and_pipelines_name_commands_that_exist() {
        check().unwrap();
    }

    #[test]
    fn documents_name_services_of_the_compose_file() {
        let page = include_str!("../../../../docs/quickstart.md");
        let services = page
            .lines()
            .filter_map(|line| line.strip_prefix("docker compose logs "));
        let services: Vec<_> = services
            .filter_map(|rest| rest.split_whitespace().next())
            .collect();
        assert!(!services.is_empty());
        let compose = include_str!("../../../../compose.yaml");
        for service in services {
            assert!(compose.contains(&format!("\n  {service}:\n")), "{service}");
        }
    }

    #[test]
    fn commands_are_found_on_lines_and_between_backticks() {
        let document = "a `cargo xtask\nup`, `cargo test`\n\n```sh\ncargo xtask bench --quick \\\n    --keep\n```\n";
        let span = Mention {
            text: "cargo xtask up".to_owned(),
            is_line: false,
        };
        assert_eq!(
            mentions("a.md", document),
            [line("cargo xtask bench --quick --keep"), span]
        );
        let pipeline = "# cargo xtask or else\n- run: cargo xtask check\n  sh 'cargo xtask test'\n";
        assert_eq!(
            mentions("Jenkinsfile", pipeline),
            [line("cargo xtask check"), line("cargo xtask test")]
        );
    }

    #[test]
    fn unknown_names_and_options_are_reported() {
        for accepted in [
            "cargo xtask up --watch",
            "cargo xtask fuzz --help",
            "cargo xtask admin users list",
            "roster-admin migrate --check",
            "scripts/deploy.sh ENV --rollback",
        ] {
            assert_eq!(problem(&line(accepted)).unwrap(), None, "{accepted}");
        }
        for mentioned in [
            "cargo xtask admin <command>",
            "cargo xtask rename NAME",
            "cargo xtask new-group",
        ] {
            let span = Mention {
                is_line: false,
                ..line(mentioned)
            };
            assert_eq!(problem(&span).unwrap(), None, "{mentioned}");
        }
        for rejected in [
            "cargo xtask uup",
            "cargo xtask up --watched",
            "cargo xtask check|uup",
            "cargo xtask admin",
            "roster-admin migrate --chuck",
            "cargo xtask rename",
            "scripts/deploy.sh ENV --roll-forward",
        ] {
            assert!(problem(&line(rejected)).unwrap().is_some(), "{rejected}");
        }
    }
}
