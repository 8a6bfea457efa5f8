//! Attributes that access tokens contain: those whose definition has `x-token`.

use serde_json::Value;

use super::{Audience, Kind, Rules, Schema};
use crate::user::attributes::Attributes;

/// Maximum size of all attributes of a token as JSON, in bytes: a token is part of every request.
const MAX_BYTES: usize = 1024;

impl Schema {
    /// Checks that the user may read the attributes of a token, and that every value fits.
    ///
    /// # Errors
    /// The reason, for the operator.
    pub(super) fn check_token_attributes(&self) -> Result<(), String> {
        let mut bytes = "{}".len();
        for (name, rules) in self.in_tokens() {
            if rules.read == Some(Audience::Admin) {
                return Err(format!(
                    "property {name}: users can read what their tokens contain, so x-token excludes x-read: admin"
                ));
            }
            let most = rules.max_bytes().ok_or_else(|| {
                format!(
                    "property {name}: x-token requires an enum, a maxLength of a string, or the type boolean, integer \
                     or number"
                )
            })?;
            let member = format!("\"{name}\":,").len();
            bytes = bytes.saturating_add(most).saturating_add(member);
        }
        if bytes > MAX_BYTES {
            return Err(format!(
                "attributes with x-token can have {bytes} bytes as JSON, of at most {MAX_BYTES}: a character counts as 6"
            ));
        }
        Ok(())
    }

    /// Returns the attributes for an access token. A stored value that a later definition does not allow is left out.
    #[must_use]
    pub fn for_token(&self, Attributes(stored): &Attributes) -> Attributes {
        let found = self.in_tokens().filter_map(|(name, rules)| {
            let value = stored.get(name)?;
            let is_valid = rules.check(value).is_ok();
            is_valid.then(|| (name.clone(), value.clone()))
        });
        Attributes(found.collect())
    }

    fn in_tokens(&self) -> impl Iterator<Item = (&String, &Rules)> {
        let all = self.properties.iter();
        all.filter(|(_, rules)| rules.token == Some(true))
    }
}

impl Rules {
    /// Returns the maximum size of a value as JSON, in bytes; `None` if it is not bounded.
    fn max_bytes(&self) -> Option<usize> {
        /// Bytes of the longest number that `serde_json` writes, such as `-2.2250738585072014e-308`.
        const NUMBER: usize = 24;
        /// Bytes of a control character, such as `\u001f`.
        const CHARACTER: usize = 6;
        if let Some(allowed) = &self.allowed {
            return allowed.iter().map(|value| value.to_string().len()).max();
        }
        match self.kind? {
            Kind::Boolean => Some(Value::from(false).to_string().len()),
            Kind::Integer | Kind::Number => Some(NUMBER),
            Kind::String => Some(self.max_length?.saturating_mul(CHARACTER).saturating_add(2)),
            Kind::Array | Kind::Object => None,
        }
    }
}
