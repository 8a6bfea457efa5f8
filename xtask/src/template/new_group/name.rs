//! Name of a group in the forms that the templates use.

use anyhow::{Context, Result, bail, ensure};

/// Placeholders of the templates: the plural and the singular, as words, as types and as a constant.
const PLACEHOLDERS: [&str; 5] = [
    "__names__",
    "__name__",
    "__Names__",
    "__Name__",
    "__NAMES__",
];

/// Words that cannot be the name of a module.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct \
    super trait true try type typeof union unsafe unsized use virtual where while yield";

/// A valid name.
#[derive(Debug)]
pub struct Name {
    plural: String,
    singular: String,
}

impl Name {
    /// Parses the plural. The singular is derived from it, unless it is given.
    pub fn parse(plural: &str, singular: Option<&str>) -> Result<Self> {
        let derived = match singular {
            Some(singular) => singular.to_owned(),
            None => self::singular(plural).with_context(|| {
                format!("cannot derive the singular of `{plural}`: pass --singular")
            })?,
        };
        for word in [plural, &derived] {
            check(word)?;
        }
        ensure!(
            derived != plural,
            "`{plural}` is its own singular: choose another plural, such as `{plural}s`"
        );
        Ok(Self {
            plural: plural.to_owned(),
            singular: derived,
        })
    }

    /// The plural, which names the component, its table and its path.
    pub fn plural(&self) -> &str {
        &self.plural
    }

    /// Values of [`PLACEHOLDERS`].
    pub fn forms(&self) -> [String; 5] {
        [
            self.plural.clone(),
            self.singular.clone(),
            capitalized(&self.plural),
            capitalized(&self.singular),
            self.plural.to_uppercase(),
        ]
    }

    /// Replaces the placeholders of a template.
    pub fn render(&self, template: &str) -> String {
        let forms = self.forms();
        let pairs = PLACEHOLDERS.iter().zip(&forms);
        pairs.fold(template.to_owned(), |text, (placeholder, form)| {
            text.replace(placeholder, form)
        })
    }
}

fn check(word: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !word.bytes().all(allowed) || !word.starts_with(|c: char| c.is_ascii_lowercase()) {
        bail!(
            "invalid name: `{word}`; use lower-case letters and digits, with a letter at the beginning"
        );
    }
    ensure!(
        word.len() <= 30,
        "invalid name: `{word}`; use at most 30 characters"
    );
    ensure!(
        KEYWORDS.split_whitespace().all(|keyword| keyword != word),
        "`{word}` is a Rust keyword: choose another name, or pass another singular with --singular"
    );
    Ok(())
}

/// Derives the singular of regular plurals.
fn singular(plural: &str) -> Option<String> {
    if let Some(stem) = plural.strip_suffix("ies") {
        return Some(format!("{stem}y"));
    }
    let long = ["sses", "shes", "ches", "xes", "zes"];
    let ending = if long.iter().any(|ending| plural.ends_with(ending)) {
        "es"
    } else {
        "s"
    };
    let stem = plural.strip_suffix(ending)?;
    (!stem.is_empty()).then(|| stem.to_owned())
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
