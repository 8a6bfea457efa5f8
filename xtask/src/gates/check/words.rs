//! Words of a command in a document.

/// Word for a value that the reader chooses; valid as a name.
pub(super) const PLACEHOLDER: &str = "placeholder";

/// The words of the first command of a line, as a shell splits them. `<value>` and `VALUE` are placeholders.
pub(super) fn words(line: &str) -> Vec<String> {
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
pub(super) fn alternatives(words: &[String]) -> Vec<Vec<String>> {
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
    use super::{alternatives, words};

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
}
