//! Commands of this project in documents and pipelines: `cargo xtask` accepts their names and options, and the
//! scripts know theirs.

use std::fs;

use anyhow::{Result, ensure};
use clap::CommandFactory;
use clap::error::ErrorKind;

use super::shell::blocks;
use super::tracked;
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

const XTASK: &str = "cargo xtask ";
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
    line.starts_with(XTASK) || SCRIPTS.iter().any(|script| line.starts_with(script))
}

/// The commands of a file: on lines of their own, and between backticks.
fn mentions(file: &str, text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut add = |line: &str, is_line| {
        if is_command(line) {
            let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
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
        let report = match words.first().map(String::as_str) {
            Some("cargo") => rejected(&words, mention.is_line),
            Some(script) => unknown_option(script, &words)?,
            None => None,
        };
        if report.is_some() {
            return Ok(report);
        }
    }
    Ok(None)
}

/// The error of the command line, if it rejects the words.
fn rejected(words: &[String], is_line: bool) -> Option<String> {
    // `cargo xtask <command>` names no command.
    if !is_line && words.get(2).is_none_or(|name| name == PLACEHOLDER) {
        return None;
    }
    let error = Cli::command().try_get_matches_from(words.get(1..)?).err()?;
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
fn unknown_option(script: &str, words: &[String]) -> Result<Option<String>> {
    let text = fs::read_to_string(root().join(script))?;
    let mut options = words.iter().filter(|word| word.starts_with("--"));
    let unknown = options.find(|option| !text.contains(option.as_str()));
    Ok(unknown.map(|option| format!("{script} has no {option}")))
}

/// Word for a value that the reader chooses; valid as a name.
const PLACEHOLDER: &str = "placeholder";

/// The words of the first command of a line, as a shell splits them. `<value>` and `VALUE` are placeholders.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let is_start = word.is_none();
        match (quote, character) {
            (Some(mark), _) if mark == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '<') if characters.peek().is_some_and(|next| next.is_alphabetic()) => {
                characters.by_ref().find(|next| *next == '>');
                word.get_or_insert_default().push_str(PLACEHOLDER);
            }
            (None, '#' | '|' | '&' | '>' | '<' | ';') if is_start => break,
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    let is_value = |word: &str| !word.is_empty() && word.chars().all(|it| it.is_ascii_uppercase());
    let chosen = words.into_iter().map(|word| match is_value(&word) {
        true => PLACEHOLDER.to_owned(),
        false => word,
    });
    chosen.collect()
}

/// The commands that `a|b` in a word stands for.
fn alternatives(words: &[String]) -> Vec<Vec<String>> {
    words.iter().fold(vec![Vec::new()], |commands, word| {
        let choices: Vec<&str> = match word.contains("test(") {
            // An expression of the test runner.
            true => vec![word],
            false => word.split('|').collect(),
        };
        let with = |command: &Vec<String>, choice: &&str| {
            let mut command = command.clone();
            command.push((*choice).to_owned());
            command
        };
        let all = commands.iter();
        all.flat_map(|command| choices.iter().map(move |choice| with(command, choice)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{Mention, alternatives, check, mentions, problem, words};

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
    fn a_line_is_split_as_a_shell_does() {
        assert_eq!(
            words("cargo xtask test -- -E 'test(/a|b/)' <name of it> NAME </dev/null # c"),
            [
                "cargo",
                "xtask",
                "test",
                "--",
                "-E",
                "test(/a|b/)",
                "placeholder",
                "placeholder"
            ]
        );
        let alternatives = alternatives(&words("cargo xtask check|test"));
        assert_eq!(
            alternatives,
            [["cargo", "xtask", "check"], ["cargo", "xtask", "test"]]
        );
    }

    #[test]
    fn unknown_names_and_options_are_reported() {
        for accepted in [
            "cargo xtask up --watch",
            "cargo xtask fuzz --help",
            "cargo xtask admin list",
            "scripts/deploy.sh ENV --rollback",
        ] {
            assert_eq!(problem(&line(accepted)).unwrap(), None, "{accepted}");
        }
        for rejected in [
            "cargo xtask uup",
            "cargo xtask up --watched",
            "cargo xtask check|uup",
            "cargo xtask admin",
            "cargo xtask rename",
            "scripts/deploy.sh ENV --roll-forward",
        ] {
            assert!(problem(&line(rejected)).unwrap().is_some(), "{rejected}");
        }
    }
}
