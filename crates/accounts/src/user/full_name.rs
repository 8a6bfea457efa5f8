//! A person's name, as they write it.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

/// 1 to 200 characters without control characters, one of them visible. Spaces around it are taken off,
/// and it is kept in NFC (UAX #15). The pattern names the characters of [`is_invisible`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    min_length = 1,
    max_length = 200,
    pattern = "^[^\\x00-\\x1F\\x7F-\\x9F]*[^\\s\\x00-\\x20\\x7F-\\xA0\\xAD\\u034F\\u0600-\\u0605\\u061C\\u06DD\\u070F\\u0890\\u0891\\u08E2\\u115F\\u1160\\u1680\\u17B4\\u17B5\\u180B-\\u180F\\u2000-\\u200F\\u2028-\\u202F\\u205F-\\u206F\\u2800\\u3000\\u3164\\uFE00-\\uFE0F\\uFEFF\\uFFA0\\uFFF0-\\uFFFB\u{110BD}\u{110CD}\u{13430}-\u{1343F}\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}][^\\x00-\\x1F\\x7F-\\x9F]*$",
    example = "Ada Lovelace"
)]
pub struct FullName(String);

impl FullName {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.trim().is_empty() {
            return Err("must not be empty");
        }
        if text.chars().count() > 200 {
            return Err("must have at most 200 characters");
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        if text.chars().all(is_invisible) {
            return Err("must have at least one visible character");
        }
        let name: String = text.trim().nfc().collect();
        // NFC turns a few characters into several.
        if name.chars().count() > 200 {
            return Err("must have at most 200 characters in Unicode's normal form C");
        }
        Ok(Self(name))
    }

    /// A stored name, possibly accepted under older rules.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// White space, control and format characters, the characters that Unicode ignores by default, and the
/// empty Braille pattern. A name may contain them, but not consist of them.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}'
            | '\u{890}' | '\u{891}' | '\u{8E2}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}'
            | '\u{13430}'..='\u{1343F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(
            FullName::parse("  Ada Lovelace ").unwrap().as_str(),
            "Ada Lovelace"
        );
        assert!(FullName::parse(&"\u{e9}".repeat(200)).is_ok());
        for bad in ["", "  ", "a\0b", "a\nb", &"a".repeat(201)] {
            assert!(FullName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_kept_in_nfc() {
        let parse = |text: &str| FullName::parse(text).map(|name| name.0);
        assert_eq!(parse("Ame\u{301}lie"), Ok("Am\u{e9}lie".into()));
        assert_eq!(parse("\u{212B}"), Ok("\u{c5}".into()));
        // One character that becomes three in NFC: more than the column holds.
        assert!(parse(&"\u{1D160}".repeat(200)).is_err());
        assert!(parse(&"\u{1D160}".repeat(66)).is_ok());
    }

    #[test]
    fn a_name_without_visible_characters_is_rejected() {
        for invisible in [
            "\u{FEFF}",
            "\u{200B}",
            "\u{2060}",
            "\u{3164}",
            "\u{2800}",
            "\u{AD}",
            "\u{E0020}",
            "\u{2028}",
            "\u{A0}",
            "\u{FE0F}",
            "\u{202E} \u{200D}",
        ] {
            assert!(FullName::parse(invisible).is_err(), "{invisible:?}");
            assert!(FullName::parse(&format!("A{invisible}B")).is_ok());
        }
        for visible in ["!", "\u{301}", "\u{5D0}", "\u{1F600}", "\u{AC00}"] {
            assert!(FullName::parse(visible).is_ok(), "{visible:?}");
        }
    }
}
