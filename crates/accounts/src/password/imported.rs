//! Password hashes of other systems: their accepted forms and costs, and their verification.
//!
//! A user who was imported with such a hash gets an Argon2id hash at the first successful login, so each one is
//! verified rarely, and by `auth` only.

mod form;
#[cfg(test)]
mod tests;

use std::hint::black_box;

use argon2::Argon2;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::PasswordHash;
use crate::Error;

/// Beginning of the hashes that this crate makes. Imported ones with it are verified like these.
const NATIVE: &str = "$argon2id$v=19$";

/// Maximum length in characters. The longest accepted form, scrypt with a long salt, has 206.
const MAX_CHARACTERS: usize = 256;

// Bounds of the cost. An instance may have 128 MiB, and while it verifies a hash its other requests wait. 64 MiB leave
// room for them and include the defaults of argon2-cffi, pwdlib and passlib. The bounds of time keep a verification
// below the five seconds of a hash slot's lease, and include the defaults of Django 6.0. The most expensive accepted
// hashes take about 0.4 s (Argon2), 1.0 s (bcrypt), 1.4 s (PBKDF2) and 0.4 s (scrypt) of a native CPU; a component
// needs up to twice as long. There are no minimums, because the hash is replaced.

/// Maximum memory of one verification in KiB, of Argon2 and of scrypt.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
/// Maximum of Argon2's passes times memory in KiB. Eight passes over the maximum memory.
const MAX_ARGON2_WORK_KIB: u32 = 512 * 1024;
/// Maximum number of Argon2's lanes, which run one after another here.
const MAX_ARGON2_LANES: u32 = 4;
/// Maximum binary logarithm of bcrypt's rounds.
const MAX_BCRYPT_COST: u32 = 14;
/// Maximum number of PBKDF2's rounds. Django's default is 1,200,000 in version 6.0.
const MAX_PBKDF2_ROUNDS: u32 = 2_000_000;
/// Maximum of scrypt's memory times its parallelism, in KiB.
const MAX_SCRYPT_WORK_KIB: u32 = 128 * 1024;

/// Length in bytes up to which bcrypt reads a password and the zero byte after it.
const BCRYPT_BYTES: usize = 72;

/// Function with its parameters.
enum Scheme {
    Argon2(Box<Argon2<'static>>),
    /// `$2a$`, `$2b$` and `$2y$` name corrections of other implementations; the function is the same.
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
    },
    Pbkdf2Sha256 {
        rounds: u32,
    },
    Pbkdf2Sha512 {
        rounds: u32,
    },
    Scrypt(scrypt::Params),
}

/// A hash in parts.
struct Parts {
    scheme: Scheme,
    /// Empty for bcrypt, whose salt has a fixed length.
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl PasswordHash {
    /// Parses a hash of another system: bcrypt, Argon2 (PHC), PBKDF2 (of passlib or Django) or scrypt (PHC).
    ///
    /// # Errors
    /// The reason: another form, or a cost above the bounds.
    pub fn import(text: String) -> Result<Self, &'static str> {
        if text.len() > MAX_CHARACTERS {
            return Err("is longer than any accepted hash");
        }
        form::parse(&text).map(|_| Self::stored(text))
    }

    /// Returns true if another function than the current one verifies the hash.
    pub(super) fn is_foreign(&self) -> bool {
        !self.as_str().starts_with(NATIVE)
    }

    /// Compares the password with a foreign hash. Takes as long as the function of the hash.
    pub(super) fn matches_foreign(&self, password: &[u8]) -> Result<bool, Error> {
        let parts = form::parse(self.as_str())
            .map_err(|reason| Error::Internal(format!("a stored hash {reason}")))?;
        let computed = parts.compute(password)?;
        Ok(computed.is_some_and(|computed| computed.ct_eq(&parts.output).into()))
    }
}

impl Parts {
    /// Returns the output for a password; `None` for one that the scheme does not accept.
    fn compute(&self, password: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Internal(format!("a hash: {error}"));
        let mut output = vec![0; self.output.len()];
        match &self.scheme {
            Scheme::Argon2(argon2) => argon2
                .hash_password_into(password, &self.salt, &mut output)
                .map_err(|error| failed(&error))?,
            Scheme::Bcrypt { cost, salt } => {
                let Some(key) = bcrypt_key(password) else {
                    return Ok(None);
                };
                output = bcrypt::bcrypt(*cost, *salt, &key).to_vec();
                // The last byte is not part of the stored form.
                output.truncate(self.output.len());
            }
            Scheme::Pbkdf2Sha256 { rounds } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, *rounds, &mut output);
            }
            Scheme::Pbkdf2Sha512 { rounds } => {
                pbkdf2::pbkdf2_hmac::<Sha512>(password, &self.salt, *rounds, &mut output);
            }
            Scheme::Scrypt(params) => {
                check_memory(scrypt_memory_kib(params))?;
                scrypt::scrypt(password, &self.salt, params, &mut output)
                    .map_err(|error| failed(&error))?;
            }
        }
        Ok(Some(output))
    }
}

/// Returns the key of a password: its bytes and a zero byte, cut off at 72, as in passlib and in Python's bcrypt before
/// 5.0. A password with a zero byte has none, as in passlib: since bcrypt repeats the key, several would have the same
/// hash.
fn bcrypt_key(password: &[u8]) -> Option<Vec<u8>> {
    if password.contains(&0) {
        return None;
    }
    let mut key = password.to_vec();
    key.push(0);
    key.truncate(BCRYPT_BYTES);
    Some(key)
}

fn scrypt_memory_kib(params: &scrypt::Params) -> u64 {
    params.n().saturating_mul(params.r().into()) / 8
}

/// Fails if the memory is not available: scrypt would end the instance, and with it every request in it. Argon2 reports
/// this itself.
fn check_memory(kib: u64) -> Result<(), Error> {
    let bytes = usize::try_from(kib.saturating_mul(1024)).unwrap_or(usize::MAX);
    let mut memory = Vec::<u8>::new();
    let reserved = memory.try_reserve_exact(bytes);
    // Otherwise the compiler may leave out an allocation that nothing uses.
    black_box(&memory);
    reserved.map_err(|_| Error::Busy)
}
