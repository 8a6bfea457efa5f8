//! Checks that a token verifies only if it is signed and has the header and claims of our tokens.

#![no_main]
// The forge has more than this target needs.
#![allow(dead_code)]

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use web::auth::access_token::Verifier;
use web::config::Variables;

#[path = "../../tests/src/forge.rs"]
mod forge;

use forge::{Forge, Key};

const SECRET: &str = "8c0b5f1e7a2d49c6b3e8f0a17d5c92e4";
const LEEWAY: u64 = 60;
/// Longest lifetime that `access_token_minutes` may set.
const LONGEST: u64 = 3_600;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let variables = Variables::from_pairs([
        ("jwt_secret", SECRET),
        ("jwt_issuer", "roster"),
        ("jwt_audience", "roster-api"),
    ]);
    Verifier::read(&variables).expect("a verifier")
});

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock").as_secs()
}

fuzz_target!(|input: (u8, &[u8], &str)| {
    let (what, bytes, text) = input;
    let now = now();
    let forge = Forge::new(
        Key::Hs256(SECRET.into()),
        json!({
            "iss": "roster",
            "aud": "roster-api",
            "sub": "01941f29-7c00-7aaa-8bbb-0123456789ab",
            "sid": "01941f29-7c00-7ccc-8ddd-0123456789ab",
            "iat": now,
            "nbf": now,
            "exp": now + LONGEST,
        }),
    );
    match what % 6 {
        // Without the secret nothing verifies.
        0 => assert!(VERIFIER.verify(text).is_err()),
        1 => {
            let input = forge::signing_input(bytes, forge.claims.to_string());
            assert!(VERIFIER.verify(&format!("{input}.{text}")).is_err());
        }
        // Replaces one part of a valid token.
        2 => {
            let good = forge.good();
            let at = bytes.first().map_or(0, |byte| usize::from(*byte)) % good.len();
            let end = (at + text.len()).min(good.len());
            let bent = format!("{}{text}{}", &good[..at], &good[end..]);
            assert_eq!(VERIFIER.verify(&bent).is_ok(), bent == good);
        }
        // With the secret, only the header and claims of our tokens verify.
        3 => check(
            &forge.bytes(bytes, forge.claims.to_string()),
            bytes,
            forge.claims.to_string().as_bytes(),
            now,
        ),
        4 => check(
            &forge.bytes(forge.header().to_string(), bytes),
            forge.header().to_string().as_bytes(),
            bytes,
            now,
        ),
        _ => {
            // Sets one of the valid claims, or `role`, to the fuzzer's value; `null` removes it.
            let names = ["iss", "aud", "sub", "sid", "iat", "nbf", "exp", "role"];
            let name = names[bytes.first().map_or(0, |byte| usize::from(*byte)) % names.len()];
            let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            let claims = forge::set(forge.claims.clone(), name, value).to_string();
            check(
                &forge.bytes(forge.header().to_string(), &claims),
                forge.header().to_string().as_bytes(),
                claims.as_bytes(),
                now,
            );
        }
    }
});

/// Asserts that a signed token that verifies has the header and claims of our tokens.
fn check(token: &str, header: &[u8], payload: &[u8], now: u64) {
    let Ok(taken) = VERIFIER.verify(token) else {
        return;
    };
    let header: Value = serde_json::from_slice(header).expect("a header");
    assert_eq!(header.as_object().expect("an object").len(), 3);
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], json!(Key::Hs256(SECRET.into()).id()));
    assert!(
        header["typ"]
            .as_str()
            .expect("a typ")
            .eq_ignore_ascii_case("at+jwt")
    );

    let claims: Value = serde_json::from_slice(payload).expect("claims");
    assert_eq!(claims.as_object().expect("an object").len(), 7);
    assert_eq!(claims["iss"], "roster");
    assert_eq!(claims["aud"], "roster-api");
    assert_eq!(claims["sub"], json!(taken.user.to_string()));
    assert_eq!(claims["sid"], json!(taken.session.to_string()));
    let time = |name: &str| claims[name].as_u64().expect("seconds");
    // The clock may advance by a second in between.
    assert!(time("iat") <= now + LEEWAY + 1 && time("nbf") <= now + LEEWAY + 1);
    assert!(time("exp") + LEEWAY >= now);
    assert!(time("exp") - time("iat") <= LONGEST + LEEWAY);
}
