//! Figures in readable form.

use crate::report::data::{Load, Measured, Spread};

/// Formats `32 connections`, `open 80 %`.
pub fn load(load: Load) -> String {
    match load {
        Load::Closed { connections: 1 } => "1 connection".to_owned(),
        Load::Closed { connections } => format!("{connections} connections"),
        Load::Open { percent } => format!("open loop at {percent} %"),
    }
}

/// Formats counts of statuses other than 2xx: `, 503: 12, lost: 1`; empty if all were 2xx.
pub fn failures(measured: &Measured) -> String {
    let others = measured.statuses.iter();
    let others = others.filter(|(status, _)| !(200..300).contains(*status));
    let mut words: Vec<String> = others
        .map(|(status, n)| format!(", {status}: {n}"))
        .collect();
    if measured.lost > 0 {
        words.push(format!(", lost: {}", measured.lost));
    }
    words.concat()
}

/// Formats a number with three significant digits and thousands separators.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Formats the median, with the range if there are several values: `7,950 (7,800..8,020)`.
pub fn spread(spread: Spread) -> String {
    match spread.min < spread.max {
        true => format!(
            "{} ({}..{})",
            number(spread.median),
            number(spread.min),
            number(spread.max)
        ),
        false => number(spread.median),
    }
}

/// Formats `12.4 MiB`.
pub fn bytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Formats a row of a Markdown table.
pub fn row<S: AsRef<str>>(cells: impl IntoIterator<Item = S>) -> String {
    let mut line = String::from("|");
    for cell in cells {
        line.push_str(&format!(" {} |", cell.as_ref()));
    }
    line.push('\n');
    line
}

/// Formats the first two rows of a Markdown table.
pub fn header<S: AsRef<str>>(names: &[S]) -> String {
    let rule = names.iter().map(|_| "---");
    row(names) + &row(rule).replace(' ', "")
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    match value < 0.0 {
        true => format!("-{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{failures, header, number, spread};
    use crate::report::data::{Measured, Spread};

    #[test]
    fn numbers_are_rounded_by_magnitude() {
        let cases = [
            (0.114, "0.11"),
            (42.19, "42.2"),
            (151.4, "151"),
            (24_900.4, "24,900"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(1_234_567.0), "1,234,567");
        let of = |min, max| Spread {
            median: 2.0,
            min,
            max,
        };
        assert_eq!(spread(of(2.0, 2.0)), "2.00");
        assert_eq!(spread(of(1.0, 3.0)), "2.00 (1.00..3.00)");
    }

    #[test]
    fn failures_list_every_status_but_2xx() {
        let mut measured = Measured::default();
        measured.statuses.extend([(200, 5), (201, 5), (503, 2)]);
        measured.lost = 1;
        assert_eq!(failures(&measured), ", 503: 2, lost: 1");
    }

    #[test]
    fn tables_have_a_rule_below_the_header() {
        assert_eq!(header(&["a", "b"]), "| a | b |\n|---|---|\n");
    }
}
