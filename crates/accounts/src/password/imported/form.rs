//! Forms of imported hashes, and the bounds of their cost.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::alphabet::{Alphabet, BCRYPT, STANDARD};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};

use super::{
    MAX_ARGON2_LANES, MAX_ARGON2_WORK_KIB, MAX_BCRYPT_COST, MAX_MEMORY_KIB, MAX_PBKDF2_ROUNDS,
    MAX_SCRYPT_WORK_KIB, Parts, Scheme, scrypt_memory_kib,
};

const UNKNOWN: &str =
    "must be a bcrypt, Argon2, PBKDF2 or scrypt hash in the form of passlib, pwdlib or Django";
const ARGON2: &str = "is not an Argon2 hash in PHC form";
const BCRYPT_FORM: &str = "is not a bcrypt hash: $2b$, two digits, $, and 53 characters";
const PBKDF2: &str = "is not a PBKDF2 hash in the form of passlib or Django";
const SCRYPT: &str = "is not an scrypt hash in PHC form";
const TOO_MUCH_MEMORY: &str = "needs more than 64 MiB to verify";
const TOO_LONG: &str = "takes too long to verify";

/// Implementations differ in the unused bits of the last character and in padding; neither is part of the value.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, LENIENT);
/// The alphabet of passlib's PBKDF2: `.` in place of `+`.
const AB64: GeneralPurpose = GeneralPurpose::new(&AB64_ALPHABET, LENIENT);
const AB64_ALPHABET: Alphabet =
    match Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./") {
        Ok(alphabet) => alphabet,
        Err(_) => STANDARD,
    };

/// Parses a hash.
///
/// # Errors
/// The reason: another form, or a cost above the bounds.
pub(super) fn parse(text: &str) -> Result<Parts, &'static str> {
    let parts: Vec<&str> = text.split('$').collect();
    match parts.as_slice() {
        ["", "2a" | "2b" | "2y", cost, rest] => bcrypt(cost, rest),
        ["", "argon2id", rest @ ..] => argon2(Algorithm::Argon2id, rest),
        ["", "argon2i", rest @ ..] => argon2(Algorithm::Argon2i, rest),
        ["", "argon2d", rest @ ..] => argon2(Algorithm::Argon2d, rest),
        ["", "pbkdf2-sha256", rounds, salt, output] => {
            let rounds = pbkdf2_rounds(rounds)?;
            let salt = decode(&AB64, salt, 0..=64).ok_or(PBKDF2)?;
            pbkdf2(Scheme::Pbkdf2Sha256 { rounds }, salt, &AB64, output, 32)
        }
        ["", "pbkdf2-sha512", rounds, salt, output] => {
            let rounds = pbkdf2_rounds(rounds)?;
            let salt = decode(&AB64, salt, 0..=64).ok_or(PBKDF2)?;
            pbkdf2(Scheme::Pbkdf2Sha512 { rounds }, salt, &AB64, output, 64)
        }
        // Django's salt is text.
        ["pbkdf2_sha256", rounds, salt, output] => {
            let rounds = pbkdf2_rounds(rounds)?;
            let is_salt = salt.len() <= 64 && salt.bytes().all(|byte| byte.is_ascii_graphic());
            let salt = is_salt.then(|| salt.as_bytes().to_vec()).ok_or(PBKDF2)?;
            pbkdf2(Scheme::Pbkdf2Sha256 { rounds }, salt, &BASE64, output, 32)
        }
        ["", "scrypt", params, salt, output] => scrypt(params, salt, output),
        _ => Err(UNKNOWN),
    }
}

/// `rest` is `v=19`, the parameters, the salt and the output; hashes from before version 19 lack the first.
fn argon2(algorithm: Algorithm, rest: &[&str]) -> Result<Parts, &'static str> {
    let (version, params, salt, output) = match *rest {
        ["v=19", params, salt, output] => (Version::V0x13, params, salt, output),
        ["v=16", params, salt, output] | [params, salt, output] => {
            (Version::V0x10, params, salt, output)
        }
        _ => return Err(ARGON2),
    };
    let [memory, passes, lanes] = numbers(params, ["m", "t", "p"]).ok_or(ARGON2)?;
    if memory > MAX_MEMORY_KIB {
        return Err(TOO_MUCH_MEMORY);
    }
    if lanes > MAX_ARGON2_LANES || memory.saturating_mul(passes) > MAX_ARGON2_WORK_KIB {
        return Err(TOO_LONG);
    }
    let params = Params::new(memory, passes, lanes, None).map_err(|_| ARGON2)?;
    Ok(Parts {
        scheme: Scheme::Argon2(Box::new(Argon2::new(algorithm, version, params))),
        salt: decode(&BASE64, salt, 8..=48).ok_or(ARGON2)?,
        output: decode(&BASE64, output, 16..=64).ok_or(ARGON2)?,
    })
}

/// `rest` is a salt of 22 characters and an output of 31.
fn bcrypt(cost: &str, rest: &str) -> Result<Parts, &'static str> {
    let has_two_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost: u32 = cost.parse().map_err(|_| BCRYPT_FORM)?;
    if !has_two_digits || !(4..=31).contains(&cost) {
        return Err(BCRYPT_FORM);
    }
    let (salt, output) = rest.split_at_checked(22).ok_or(BCRYPT_FORM)?;
    let salt = decode(&BCRYPT_BASE64, salt, 16..=16).ok_or(BCRYPT_FORM)?;
    let salt = salt.try_into().map_err(|_| BCRYPT_FORM)?;
    let output = decode(&BCRYPT_BASE64, output, 23..=23).ok_or(BCRYPT_FORM)?;
    if cost > MAX_BCRYPT_COST {
        return Err(TOO_LONG);
    }
    Ok(Parts {
        scheme: Scheme::Bcrypt { cost, salt },
        salt: Vec::new(),
        output,
    })
}

fn pbkdf2_rounds(text: &str) -> Result<u32, &'static str> {
    let rounds = number(text).filter(|rounds| *rounds > 0).ok_or(PBKDF2)?;
    match rounds > MAX_PBKDF2_ROUNDS {
        true => Err(TOO_LONG),
        false => Ok(rounds),
    }
}

fn pbkdf2(
    scheme: Scheme,
    salt: Vec<u8>,
    alphabet: &GeneralPurpose,
    output: &str,
    bytes: usize,
) -> Result<Parts, &'static str> {
    let output = decode(alphabet, output, bytes..=bytes).ok_or(PBKDF2)?;
    Ok(Parts {
        scheme,
        salt,
        output,
    })
}

fn scrypt(params: &str, salt: &str, output: &str) -> Result<Parts, &'static str> {
    let [log_n, block_size, parallelism] = numbers(params, ["ln", "r", "p"]).ok_or(SCRYPT)?;
    let log_n = u8::try_from(log_n).map_err(|_| TOO_MUCH_MEMORY)?;
    // 2^ln blocks of 128 bytes are too much from here on, and a shift by more could overflow.
    if log_n > 20 {
        return Err(TOO_MUCH_MEMORY);
    }
    let params = scrypt::Params::new(log_n, block_size, parallelism).map_err(|_| SCRYPT)?;
    let memory = scrypt_memory_kib(&params);
    if memory > MAX_MEMORY_KIB.into() {
        return Err(TOO_MUCH_MEMORY);
    }
    // With few blocks, it is the parallelism that takes memory and time.
    let blocks = u64::from(block_size).saturating_mul(parallelism.into()) / 8;
    let work = memory.saturating_mul(parallelism.into()).max(blocks);
    if work > MAX_SCRYPT_WORK_KIB.into() {
        return Err(TOO_LONG);
    }
    Ok(Parts {
        scheme: Scheme::Scrypt(params),
        salt: decode(&BASE64, salt, 0..=64).ok_or(SCRYPT)?,
        output: decode(&BASE64, output, 16..=64).ok_or(SCRYPT)?,
    })
}

/// Parses `a=1,b=2,c=3` with these names in this order.
fn numbers(text: &str, names: [&str; 3]) -> Option<[u32; 3]> {
    let mut items = text.split(',');
    let mut next = |name: &str| {
        let (found, value) = items.next()?.split_once('=')?;
        (found == name).then(|| number(value)).flatten()
    };
    let [first, second, third] = names;
    let values = [next(first)?, next(second)?, next(third)?];
    items.next().is_none().then_some(values)
}

/// Parses decimal digits without a sign and without leading zeros. A number beyond `u32` is returned as its maximum,
/// which is above every bound.
fn number(text: &str) -> Option<u32> {
    let is_number = (1..=20).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

/// Decodes a value of an accepted length in bytes.
fn decode(
    alphabet: &GeneralPurpose,
    text: &str,
    lengths: std::ops::RangeInclusive<usize>,
) -> Option<Vec<u8>> {
    let bytes = alphabet.decode(text).ok()?;
    lengths.contains(&bytes.len()).then_some(bytes)
}
