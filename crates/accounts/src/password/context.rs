//! Words that the password of one user must not contain (NIST SP 800-63B-4, section 3.1.1.2).

use super::Password;
use crate::Error;
use crate::user::email::Email;
use crate::user::full_name::FullName;

/// Minimum length of a word: shorter ones occur in too many good passwords.
const CHARACTERS: usize = 4;
const SERVICE: &str = "roster";
const REFUSED: &str = "contains your name, a part of your email or the name of this service";

/// Publicly known words of a user: parts of the email and of the name, and the service's name.
pub(crate) struct ContextWords(Vec<String>);

impl ContextWords {
    pub(crate) fn of(email: &Email, full_name: &FullName) -> Self {
        let (local, domain) = email.as_str().split_once('@').unwrap_or_default();
        // The last label is not specific to the user.
        let labels = domain.rsplit('.').skip(1);
        let parts = [local, full_name.as_str()].into_iter().flat_map(|text| {
            let parts = text.split(|c: char| !c.is_alphanumeric());
            parts.chain([text])
        });
        let words = parts.chain(labels).chain([SERVICE]);
        let long = words.filter(|word| word.chars().count() >= CHARACTERS);
        Self(long.map(str::to_lowercase).collect())
    }

    /// Rejects the password in `field` if it contains one of the words.
    pub(crate) fn refuse(&self, field: &'static str, password: &Password) -> Result<(), Error> {
        self.check(password)
            .map_err(|detail| Error::invalid(field, detail))
    }

    /// Does the same, for a list of errors.
    pub(crate) fn check(&self, password: &Password) -> Result<(), &'static str> {
        let text = password.as_str().to_lowercase();
        match self.0.iter().any(|word| text.contains(word.as_str())) {
            true => Err(REFUSED),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(email: &str, name: &str, password: &str) -> bool {
        let words = ContextWords::of(
            &Email::parse(email).unwrap(),
            &FullName::parse(name).unwrap(),
        );
        let password = Password::parse(password.to_owned()).unwrap();
        words.refuse("password", &password).is_err()
    }

    #[test]
    fn parts_of_name_and_email_are_rejected_in_any_case() {
        let refused = |password| is_refused("a.byron@mail.engine.co.uk", "Ada Lovelace", password);
        for password in [
            "Lovelace1815",
            "my BYRON poem",
            "engine no. 4711",
            "Roster 4711 x",
            "ADA LOVELACE",
            "a.byron@mail",
        ] {
            assert!(refused(password), "{password}");
        }
        for password in ["adamant 4711", "correct horse", "love and lace"] {
            assert!(!refused(password), "{password}");
        }
        assert!(is_refused("x@b.example", "Στέφανος Ω", "ΣΤΈΦΑΝΟΣ 4711"));
    }
}
