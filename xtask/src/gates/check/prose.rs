//! The share of comment lines that begin with a clause instead of a noun or a verb.

use std::fs;

use anyhow::{Result, ensure};

use super::tracked;
use crate::tools::workspace::root;

/// Words that begin a clause.
const CLAUSES: [&str; 9] = [
    "What", "Whatever", "Whether", "Who", "Whoever", "Whose", "Where", "How", "Why",
];

/// Maximum per 1,000 comment lines.
const MOST: usize = 10;

/// Fails if more than 1 % of the comment lines of all Rust files begin with a clause.
pub(super) fn check() -> Result<()> {
    let (mut lines, mut found) = (0, Vec::new());
    for file in tracked(&["*.rs"])? {
        let text = fs::read_to_string(root().join(&file))?;
        for (number, comment) in comments(&text) {
            lines += 1;
            if begins_with_clause(comment) {
                found.push(format!("{file}:{number}: {comment}"));
            }
        }
    }
    println!(
        "{} of {lines} comment lines begin with a clause",
        found.len()
    );
    ensure!(
        found.len() * 1_000 <= lines * MOST,
        "more than 1 % of the comment lines begin with What, Whether, Who, Where or How; begin with a noun or a verb:\n{}",
        found.join("\n")
    );
    Ok(())
}

/// The comment lines of a Rust file with their numbers, without the slashes.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let comment = line.trim_start().strip_prefix("//")?;
        let comment = comment.trim_start_matches(['/', '!']).trim();
        (!comment.is_empty()).then_some((index + 1, comment))
    })
}

fn begins_with_clause(comment: &str) -> bool {
    let word = comment.split(|character: char| !character.is_alphabetic());
    word.into_iter()
        .next()
        .is_some_and(|word| CLAUSES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::{begins_with_clause, comments};

    #[test]
    fn clauses_are_reported_only_at_the_beginning() {
        for clause in ["What it does.", "How: so", "Whether", "Where's"] {
            assert!(begins_with_clause(clause), "{clause}");
        }
        for other in ["Returns what it does.", "Whole numbers", "", "Howitzer"] {
            assert!(!begins_with_clause(other), "{other}");
        }
    }

    #[test]
    fn every_kind_of_comment_is_checked() {
        let text =
            "//! A\n\n/// B\nfn f() {\n    // C\n    //\n    let url = \"https://d\"; // D\n}\n";
        let found: Vec<_> = comments(text).collect();
        assert_eq!(found, [(1, "A"), (3, "B"), (5, "C")]);
    }
}
