//! Results on standard output: tables for people, JSON for programs.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::arguments::Format;
use crate::failure::Failure;

/// Printer of results.
pub struct Output {
    format: Format,
}

impl Output {
    /// Returns a printer for this format.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints a value, as JSON or as a table of these rows.
    pub fn print<const N: usize>(
        &self,
        value: &impl Serialize,
        titles: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Json => json(value),
            Format::Table => write(&table(titles, rows)),
        }
    }

    /// Prints a hint to standard error if there is a next page; table format only.
    pub fn more(&self, next: Option<&str>) {
        if let (Format::Table, Some(next)) = (self.format, next) {
            eprintln!("More items follow: use --all, or --cursor {next}");
        }
    }
}

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value);
    write(&(json.map_err(|error| Failure::local("JSON", error))? + "\n"))
}

/// Prints a value as JSON on one line. Returns false if standard output is closed.
pub fn line(value: &impl Serialize) -> Result<bool, Failure> {
    let json = serde_json::to_string(value);
    write_unless_closed(&(json.map_err(|error| Failure::local("JSON", error))? + "\n"))
}

/// Writes to standard output. A closed pipe, as by `head`, is not an error.
fn write(text: &str) -> Result<(), Failure> {
    write_unless_closed(text).map(|_| ())
}

fn write_unless_closed(text: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        result => Ok(result.map(|()| true)?),
    }
}

fn table<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let titles = titles.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(titles)
        .chain(rows.into_iter().map(|row| row.map(printable)))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths);
        // Padded by hand: a format width counts characters, and some take two columns.
        let line: String = cells
            .map(|(cell, width)| cell.clone() + &" ".repeat(width + 2 - cell.width()))
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Replaces control characters, so that no text from the server controls the terminal.
fn printable(text: String) -> String {
    text.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |name: &str, role: &str| [name.to_owned(), role.to_owned()];
        let rows = [row("李白", "user"), row("Ada\u{1b}[2J", "admin")];
        let expected = "NAME     ROLE\n李白     user\nAda?[2J  admin\n";
        assert_eq!(table(["NAME", "ROLE"], rows), expected);
    }
}
