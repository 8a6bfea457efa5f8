//! Insertions into texts at anchors: texts that must occur exactly once.

use anyhow::{Context, Result, ensure};

/// Inserts `part` before the anchor.
pub fn before(text: &str, anchor: &str, part: &str) -> Result<String> {
    let at = find(text, anchor)?;
    Ok(insert(text, at, part))
}

/// Inserts `part` after the anchor.
pub fn after(text: &str, anchor: &str, part: &str) -> Result<String> {
    let at = find(text, anchor)? + anchor.len();
    Ok(insert(text, at, part))
}

/// Inserts `part` at the end of the block that begins with `opening`, before `closing`.
pub fn at_end_of(text: &str, opening: &str, closing: &str, part: &str) -> Result<String> {
    let (_, end) = block(text, opening, closing)?;
    Ok(insert(text, end, part))
}

/// Inserts a line in alphabetical order into the block between `opening` and `closing`.
pub fn sorted(text: &str, opening: &str, closing: &str, line: &str) -> Result<String> {
    let (begin, end) = block(text, opening, closing)?;
    let lines = text.get(begin..end).unwrap_or_default();
    let smaller = lines
        .split_inclusive('\n')
        .take_while(|known| *known < line);
    let at = begin + smaller.map(str::len).sum::<usize>();
    Ok(insert(text, at, line))
}

/// Replaces the one occurrence of `old`.
pub fn replace(text: &str, old: &str, new: &str) -> Result<String> {
    find(text, old)?;
    Ok(text.replacen(old, new, 1))
}

/// Returns the part of `text` from `begin` up to and including the next `end`.
pub fn part<'a>(text: &'a str, begin: &str, end: &str) -> Result<&'a str> {
    let (from, to) = block(text, begin, end)?;
    let part = text.get(from - begin.len()..to + end.len());
    part.context("the part is not valid UTF-8")
}

/// Returns the positions after `opening` and of the next `closing`.
fn block(text: &str, opening: &str, closing: &str) -> Result<(usize, usize)> {
    let begin = find(text, opening)? + opening.len();
    let rest = text.get(begin..).unwrap_or_default();
    let length = rest
        .find(closing)
        .with_context(|| format!("missing {closing:?} after {opening:?}"))?;
    Ok((begin, begin + length))
}

fn find(text: &str, anchor: &str) -> Result<usize> {
    let count = text.matches(anchor).count();
    ensure!(
        count == 1,
        "{anchor:?} occurs {count} times, but must occur once"
    );
    text.find(anchor).context("the anchor does not occur")
}

fn insert(text: &str, at: usize, part: &str) -> String {
    let mut text = text.to_owned();
    text.insert_str(at, part);
    text
}
