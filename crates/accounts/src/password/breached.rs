//! Rejects passwords from known data breaches by querying a server that receives only five characters of
//! the SHA-1 (the range API of Have I Been Pwned).
//!
//! The check is best effort: if the server is unreachable, the password is accepted and the reason is
//! passed to [`PasswordRanges::unchecked`].

use std::sync::Arc;

use async_trait::async_trait;
use sha1::{Digest, Sha1};

use crate::metrics::{self, Event};
use crate::password::Password;

/// Number of characters of the hash that the server receives.
const PREFIX: usize = 5;

const DETAIL: &str = "appears in known data breaches; choose another";

/// Server that lists breached passwords by ranges of their SHA-1.
#[async_trait]
pub trait PasswordRanges: Send + Sync + 'static {
    /// Returns the body of `GET /range/{prefix}`, requested with padding: a line `SUFFIX:COUNT` per known
    /// hash that begins with `prefix`. Takes bounded time; errors are for the log.
    async fn range(&self, prefix: &str) -> Result<String, String>;

    /// Receives the reason for which a password was accepted without a lookup.
    fn unchecked(&self, reason: &str);
}

/// The check, or none. Cheap to clone.
#[derive(Clone)]
pub struct BreachedPasswords(Option<Arc<dyn PasswordRanges>>);

impl BreachedPasswords {
    /// Disables the check: every password is accepted without a query.
    pub fn off() -> Self {
        Self(None)
    }

    pub fn new(ranges: Arc<dyn PasswordRanges>) -> Self {
        Self(Some(ranges))
    }

    /// Rejects a breached password. The error is the detail for the client about the password's field.
    pub async fn refuse_breached(&self, password: &Password) -> Result<(), &'static str> {
        let Some(ranges) = &self.0 else {
            return Ok(());
        };
        let hash = hex(&Sha1::digest(password.as_str()));
        let Some((prefix, suffix)) = hash.split_at_checked(PREFIX) else {
            return Ok(());
        };
        let answer = ranges.range(prefix).await;
        match answer.and_then(|range| contains(&range, suffix)) {
            Ok(true) => {
                metrics::count(Event::PasswordBreached);
                Err(DETAIL)
            }
            Ok(false) => Ok(()),
            Err(reason) => {
                metrics::count(Event::BreachCheckFailed);
                ranges.unchecked(&reason);
                Ok(())
            }
        }
    }
}

/// Returns true if the range contains the suffix. Entries with a count of 0 are padding: they hide the
/// number of known hashes from an observer of the response's length.
fn contains(range: &str, suffix: &str) -> Result<bool, String> {
    for line in range.lines() {
        let entry = line.trim_end().split_once(':');
        let entry = entry.and_then(|(entry, count)| Some((entry, count.parse::<u64>().ok()?)));
        match entry {
            Some((entry, count)) if entry.len() == suffix.len() => {
                if count > 0 && entry.eq_ignore_ascii_case(suffix) {
                    return Ok(true);
                }
            }
            // The line itself is not logged: its content is unknown.
            _ => return Err("the response is not a list of hashes and counts".to_owned()),
        }
    }
    Ok(false)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::executor::block_on;

    use super::*;

    const PASSWORD: &str = "correct horse battery staple";
    /// The rest of its SHA-1, which begins with ABF7A.
    const SUFFIX: &str = "AD6438836DBE526AA231ABDE2D0EEF74D42";
    const OTHER: &str = "0018A45C4D1DEF81644B54AB7F969B88D65";

    /// Returns one response; records the prefixes and reasons that it receives.
    struct Scripted {
        answer: Result<String, String>,
        asked: Mutex<Vec<String>>,
        told: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl PasswordRanges for Scripted {
        async fn range(&self, prefix: &str) -> Result<String, String> {
            self.asked.lock().unwrap().push(prefix.to_owned());
            self.answer.clone()
        }

        fn unchecked(&self, reason: &str) {
            self.told.lock().unwrap().push(reason.to_owned());
        }
    }

    /// Returns the result and the reasons for which the password was not looked up.
    fn check(answer: Result<&str, &str>) -> (Result<(), &'static str>, Vec<String>) {
        let ranges = Arc::new(Scripted {
            answer: answer.map(str::to_owned).map_err(str::to_owned),
            asked: Mutex::default(),
            told: Mutex::default(),
        });
        let password = Password::parse(PASSWORD.into()).unwrap();
        let breached = BreachedPasswords::new(ranges.clone());
        let result = block_on(breached.refuse_breached(&password));
        assert_eq!(*ranges.asked.lock().unwrap(), ["ABF7A"]);
        let told = ranges.told.lock().unwrap().clone();
        (result, told)
    }

    #[test]
    fn a_breached_password_is_rejected() {
        for range in [
            format!("{OTHER}:3\r\n{SUFFIX}:2\r\n{OTHER}:0"),
            format!("{SUFFIX}:18446744073709551615\n"),
            format!("{}:1", SUFFIX.to_lowercase()),
        ] {
            assert_eq!(check(Ok(&range)), (Err(DETAIL), vec![]), "{range}");
        }
    }

    #[test]
    fn unknown_passwords_and_padding_entries_are_accepted() {
        for range in [
            String::new(),
            format!("{OTHER}:3\r\n"),
            format!("{OTHER}:3\r\n{SUFFIX}:0\r\n"),
        ] {
            assert_eq!(check(Ok(&range)), (Ok(()), vec![]), "{range}");
        }
    }

    #[test]
    fn a_failed_lookup_accepts_the_password_and_is_reported() {
        let down = "connection refused";
        assert_eq!(check(Err(down)), (Ok(()), vec![down.to_owned()]));
        for range in [
            "<html>\n",
            &format!("{SUFFIX}\n"),
            &format!("{SUFFIX}:-1"),
            &format!("{SUFFIX}:many"),
            &format!("ABF7A{SUFFIX}:1"),
            &format!("{OTHER}:1\n\n{SUFFIX}:1"),
        ] {
            let (result, told) = check(Ok(range));
            assert_eq!((result, told.len()), (Ok(()), 1), "{range}");
            assert!(!told.iter().any(|reason| reason.contains(SUFFIX)));
        }
    }

    #[test]
    fn the_disabled_check_sends_no_request() {
        let password = Password::parse(PASSWORD.into()).unwrap();
        let checked = block_on(BreachedPasswords::off().refuse_breached(&password));
        assert_eq!(checked, Ok(()));
    }
}
