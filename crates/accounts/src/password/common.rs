//! Passwords that attackers try first.

use sha2::{Digest, Sha256};

/// Sorted SHA-256 prefixes, made by `build.rs` from `data/common_passwords.txt`.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords"));

const KEPT: usize = 5;

/// Returns true if the password, in any case, is among the 3,000 most common ones.
pub(super) fn is_common(password: &str) -> bool {
    let hash = Sha256::digest(password.to_lowercase());
    let (prefixes, _) = PACKED.as_chunks::<KEPT>();
    hash.first_chunk::<KEPT>()
        .is_some_and(|prefix| prefixes.binary_search(prefix).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_passwords_are_common() {
        let list = include_str!("../../data/common_passwords.txt");
        assert_eq!(list.lines().count(), 3_000);
        assert!(list.lines().all(is_common));
        assert!(is_common("PassWord1"));
        for good in [
            "correct horse battery",
            "xK4-pw9!zQ",
            "password1 but longer",
        ] {
            assert!(!is_common(good), "{good}");
        }
    }
}
