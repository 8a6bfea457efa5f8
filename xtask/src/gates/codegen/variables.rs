//! The settings as `spin.toml`, `.env.example` and `docs/configuration.md` state them.

use std::fmt::Write;

use anyhow::{Context, Result};
use settings::{Component, SECTIONS, Setting, Values};

/// Lines that enclose the generated part of `docs/configuration.md`.
const BEGIN: &str = "<!-- Written by `cargo xtask codegen`; do not edit this part. -->\n";
const END: &str = "<!-- End of the written part. -->\n";

/// Width of comments in `.env.example`.
const WIDTH: usize = 110;

/// `manifest` with the variables of the application and of its components replaced.
pub(super) fn manifest(manifest: &str) -> Result<String> {
    let all: String = settings::all().map(declaration).collect();
    let mut text = replace(manifest, "\n[variables]\n", "\n[[trigger.http]]", &all)?;
    for component in Component::ALL {
        let name = component.name();
        let bindings = bindings(settings::of(component));
        let head = format!("\n[component.{name}.variables]\n");
        text = replace(
            &text,
            &head,
            &format!("[component.{name}.build]"),
            &bindings,
        )?;
    }
    Ok(text)
}

/// Variables of a component that reads these settings, as in `spin.toml`.
pub(crate) fn bindings(read: impl Iterator<Item = &'static Setting>) -> String {
    read.map(binding).collect()
}

/// `page` with the table of settings replaced.
pub(super) fn page(page: &str) -> Result<String> {
    let mut tables = String::new();
    for section in SECTIONS {
        // Writing to a string does not fail.
        let _ = write!(
            tables,
            "\n## {}\n| variable | values | default | meaning |\n|---|---|---|---|\n",
            section.title
        );
        tables.extend(section.settings.iter().map(row));
    }
    tables.push('\n');
    replace(page, BEGIN, END, &tables)
}

/// The text of `.env.example`.
pub(super) fn example() -> String {
    let mut text = "# Written by `cargo xtask codegen`. Copy it to .env and fill it in: Spin reads SPIN_VARIABLE_<NAME>,\n\
         # `cargo xtask up` reads the same file. Without a line the default of spin.toml applies.\n"
        .to_owned();
    for section in SECTIONS {
        let _ = write!(text, "\n# {}\n", section.title);
        for setting in section.settings {
            let description = setting.description.replace('`', "");
            let values = match values(setting).replace('`', "") {
                values if values.is_empty() => values,
                values => format!(" {values}."),
            };
            for line in wrap(&format!("{description}{values}")) {
                let _ = writeln!(text, "# {line}");
            }
            let name = setting.name.to_uppercase();
            let value = local(setting).or(setting.default).unwrap_or_default();
            let _ = writeln!(text, "SPIN_VARIABLE_{name}={value}");
        }
    }
    text
}

/// Value for a server on the same machine, where it differs from the default.
fn local(setting: &Setting) -> Option<&'static str> {
    match setting.name {
        "db_host" | "redis_host" => Some("127.0.0.1"),
        "db_sslmode" => Some("disable"),
        _ => None,
    }
}

fn declaration(setting: &Setting) -> String {
    let mut parts = vec![match setting.default {
        Some(default) => format!("default = \"{default}\""),
        None => "required = true".to_owned(),
    }];
    if setting.secret {
        parts.push("secret = true".to_owned());
    }
    format!("{} = {{ {} }}\n", setting.name, parts.join(", "))
}

fn binding(setting: &Setting) -> String {
    format!("{0} = \"{{{{ {0} }}}}\"\n", setting.name)
}

fn row(setting: &Setting) -> String {
    let default = match setting.default {
        None => "required".to_owned(),
        Some("") => "none".to_owned(),
        Some(default) => format!("`{default}`"),
    };
    format!(
        "| `{}` | {} | {default} | {} |\n",
        setting.name,
        values(setting),
        setting.description
    )
}

fn values(setting: &Setting) -> String {
    match setting.values {
        Values::Text => String::new(),
        Values::Flag => "`true`, `false`".to_owned(),
        Values::Number(from, to) => format!("{from} to {to}"),
        Values::Words(words) => {
            let words = words.iter().map(|word| format!("`{word}`"));
            words.collect::<Vec<_>>().join(", ")
        }
    }
}

/// `text` with the part between `begin` and the next `end` replaced.
pub(super) fn replace(text: &str, begin: &str, end: &str, part: &str) -> Result<String> {
    let (head, rest) = text
        .split_once(begin)
        .with_context(|| format!("missing {begin:?}"))?;
    let at = rest
        .find(end)
        .with_context(|| format!("missing {end:?} after {begin:?}"))?;
    let tail = rest.get(at..).unwrap_or_default();
    Ok(format!("{head}{begin}{part}{tail}"))
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() + 3 <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{replace, wrap};

    #[test]
    fn the_part_between_two_lines_is_replaced() {
        let text = "a\n[variables]\nold = 1\n\n[b]\n";
        let replaced = replace(text, "\n[variables]\n", "\n[b]", "new = 2\n").unwrap();
        assert_eq!(replaced, "a\n[variables]\nnew = 2\n\n[b]\n");
        assert!(replace(text, "[c]", "\n", "").is_err());
    }

    #[test]
    fn long_lines_are_wrapped_between_words() {
        let lines = wrap(&"word ".repeat(50));
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 108));
        assert_eq!(lines.join(" "), "word ".repeat(50).trim_end());
    }
}
