//! Tests of valid and forged tokens, and of the configuration of keys.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::algorithms::Ed25519KeyPair;

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use super::*;
use forge::{Forge, Key};

// The black-box suites send the same forgeries to a running app. Neither crate can depend on the
// other for it, so these files are compiled into both.
#[path = "../../../../../tests/src/forge.rs"]
mod forge;
#[path = "../../../../../tests/src/forged.rs"]
mod forged;
#[path = "../../../../../tests/src/forged_claims.rs"]
mod forged_claims;

/// 2026-01-01.
const NOW: u64 = 1_767_225_600;
/// The default of `access_token_minutes`.
const LIFETIME: u64 = 900;
const SECRET: &str = "8c0b5f1e7a2d49c6b3e8f0a17d5c92e4";
const OLD_SECRET: &str = "5a3f0c9be1d24786a0f3c8e75b1d9264";

/// Variables without `jwt_algorithm`, which is then HS256.
fn variables(extra: &[(&'static str, &str)]) -> Variables {
    let fixed = [
        ("access_token_minutes", "15"),
        ("jwt_issuer", "roster"),
        ("jwt_audience", "roster-api"),
    ];
    let all = fixed.iter().chain(extra);
    Variables::from_pairs(all.map(|(name, value)| (*name, *value)))
}

fn verifier(extra: &[(&'static str, &str)]) -> Verifier {
    Verifier::read(&variables(extra)).unwrap()
}

/// The invalid variable, for the component that verifies and for the one that signs.
fn faults(extra: &[(&'static str, &str)]) -> [Option<&'static str>; 2] {
    let variables = variables(extra);
    [
        Verifier::read(&variables).err().map(|error| error.variable),
        Signer::read(&variables).err().map(|error| error.variable),
    ]
}

fn claims() -> Value {
    json!({
        "iss": "roster",
        "aud": "roster-api",
        "sub": "01941f29-7c00-7aaa-8bbb-0123456789ab",
        "sid": "01941f29-7c00-7ccc-8ddd-0123456789ab",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + LIFETIME,
    })
}

fn hs256(secret: &str) -> Forge {
    Forge::new(Key::Hs256(secret.into()), claims())
}

/// A key pair with its private and its public PEM.
fn pair() -> (Box<Ed25519KeyPair>, String, String) {
    let pair = Box::new(Ed25519KeyPair::generate());
    let (both, public) = (pair.to_pem(), pair.public_key().to_pem());
    let private = both.replace(&public, "");
    (pair, private, public)
}

fn one_line(pem: &str) -> String {
    STANDARD.encode(pem)
}

fn assert_all_are_rejected(verifier: &Verifier, forge: &Forge) {
    assert!(verifier.verify_at(&forge.good(), NOW).is_ok());
    let forged = forged::forged(forge);
    let taken: Vec<_> = forged
        .iter()
        .filter(|(_, token)| verifier.verify_at(token, NOW).is_ok())
        .map(|(name, _)| name)
        .collect();
    assert!(taken.is_empty(), "{taken:?}");
    let names: std::collections::BTreeSet<_> = forged.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names.len(),
        forged.len(),
        "names of forgeries are not unique"
    );
    assert!(forged.len() >= 60, "{}", forged.len());
}

#[test]
fn forged_tokens_are_rejected_with_a_secret() {
    assert_all_are_rejected(&verifier(&[("jwt_secret", SECRET)]), &hs256(SECRET));
}

#[test]
fn forged_tokens_are_rejected_with_a_key_pair() {
    let (pair, _, public) = pair();
    let verifier = verifier(&[("jwt_algorithm", "EdDSA"), ("jwt_public_key", &public)]);
    assert_all_are_rejected(&verifier, &Forge::new(Key::EdDsa(pair), claims()));
}

#[test]
fn changing_any_character_invalidates_a_token() {
    let (verifier, good) = (verifier(&[("jwt_secret", SECRET)]), hs256(SECRET).good());
    for at in 0..good.len() {
        for other in [b'A', b'B', b'-', b'.', b'=', b' ', 0] {
            let mut bent = good.clone().into_bytes();
            bent[at] = other;
            let bent = String::from_utf8(bent).unwrap();
            assert_eq!(verifier.verify_at(&bent, NOW).is_ok(), bent == good, "{at}");
        }
        assert!(verifier.verify_at(&good[..at], NOW).is_err(), "{at}");
    }
}

#[test]
fn signed_tokens_verify() {
    let (_, private, public) = pair();
    let (private_line, public_line) = (one_line(&private), one_line(&public));
    let (user, session) = (UserId::generate(), SessionId::generate());
    for (signs, verifies) in [
        (vec![("jwt_secret", SECRET)], vec![("jwt_secret", SECRET)]),
        (
            vec![("jwt_private_key", &*private)],
            vec![("jwt_public_key", &*public)],
        ),
        (
            vec![("jwt_private_key", &*private_line)],
            vec![("jwt_public_key", &*public_line)],
        ),
        (
            vec![("jwt_private_key", &*private)],
            vec![("jwt_private_key", &*private)],
        ),
    ] {
        let algorithm = if signs == [("jwt_secret", SECRET)] {
            "HS256"
        } else {
            "EdDSA"
        };
        let with = |mut extra: Vec<_>| {
            extra.push(("jwt_algorithm", algorithm));
            variables(&extra)
        };
        let signer = Signer::read(&with(signs)).unwrap();
        let verifier = Verifier::read(&with(verifies)).unwrap();
        let token = signer.sign(user, session, Attributes::default()).unwrap();
        let claims = verifier.verify(&token).unwrap();
        assert_eq!((claims.user, claims.session), (user, session));
        assert_eq!(
            claims.expires_at - claims.issued_at,
            signer.lifetime_seconds()
        );
        assert!(token.len() < 600, "{}", token.len());
    }
}

#[test]
fn a_token_contains_only_the_required_claims() {
    let signer = Signer::read(&variables(&[("jwt_secret", SECRET)])).unwrap();
    let user = UserId(uuid!("01941f29-7c00-7aaa-8bbb-0123456789ab"));
    let session = SessionId(uuid!("01941f29-7c00-7ccc-8ddd-0123456789ab"));
    let token = signer
        .sign_at(user, session, Attributes::default(), NOW)
        .unwrap();
    let key = Key::Hs256(SECRET.into());
    assert_eq!(Forge::from_token(key, &token).claims, claims());
    let header = hs256(SECRET).header();
    let (given, _) = token.split_once('.').unwrap();
    let given = URL_SAFE_NO_PAD.decode(given).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&given).unwrap(), header);
}

#[test]
fn attributes_are_a_claim_that_every_component_accepts() {
    let all = variables(&[("jwt_secret", SECRET)]);
    let (signer, verifier) = (Signer::read(&all).unwrap(), Verifier::read(&all).unwrap());
    let (user, session) = (UserId::generate(), SessionId::generate());
    let values = json!({ "department": "Sales", "level": 7 });
    let attributes = serde_json::from_value(values.clone()).unwrap();
    let token = signer.sign(user, session, attributes).unwrap();
    let found = verifier.verify(&token).unwrap();
    assert_eq!((found.user, found.session), (user, session));
    let forge = Forge::from_token(Key::Hs256(SECRET.into()), &token);
    assert_eq!(forge.claims["attributes"], values);
}

#[test]
fn clock_skew_of_a_minute_is_tolerated() {
    let (verifier, good) = (verifier(&[("jwt_secret", SECRET)]), hs256(SECRET).good());
    let reason = |now| verifier.verify_at(&good, now).err().map(Refusal::reason);
    let end = NOW + LIFETIME;
    for now in [NOW - 60, NOW, end, end + 60] {
        assert_eq!(reason(now), None, "{now}");
    }
    for now in [0, NOW - 61] {
        assert_eq!(reason(now).unwrap(), "not valid yet", "{now}");
    }
    for now in [end + 61, end + 86_400] {
        assert_eq!(reason(now).unwrap(), "expired", "{now}");
    }
}

#[test]
fn the_setting_determines_the_token_lifetime() {
    let (user, session) = (UserId(Uuid::from_u128(1)), SessionId(Uuid::from_u128(2)));
    for (minutes, seconds) in [("1", 60), ("15", 900), ("60", 3_600)] {
        let all = variables(&[("jwt_secret", SECRET), ("access_token_minutes", minutes)]);
        let signer = Signer::read(&all).unwrap();
        assert_eq!(signer.lifetime_seconds(), seconds);
        let token = signer
            .sign_at(user, session, Attributes::default(), NOW)
            .unwrap();
        let claims = Claims::read(&Parts::read(&token).unwrap().payload).unwrap();
        assert_eq!(u64::from(claims.iat), NOW);
        assert_eq!(claims.exp - claims.iat, seconds);
        let verifier = Verifier::read(&all).unwrap();
        assert!(verifier.verify_at(&token, NOW).is_ok(), "{minutes}");
    }
    for minutes in ["0", "61", "", "1.5", "-1"] {
        let faults = faults(&[("jwt_secret", SECRET), ("access_token_minutes", minutes)]);
        assert_eq!(faults, [None, Some("access_token_minutes")], "{minutes}");
    }
}

#[test]
fn the_lifetime_is_bounded_by_maximum_plus_leeway() {
    let (verifier, forge) = (verifier(&[("jwt_secret", SECRET)]), hs256(SECRET));
    let takes = |exp| {
        verifier
            .verify_at(&forge.with_claim("exp", json!(exp)), NOW)
            .is_ok()
    };
    assert!(takes(NOW + 3_660) && !takes(NOW + 3_661));
}

#[test]
fn the_type_is_compared_as_a_media_type() {
    let (verifier, forge) = (verifier(&[("jwt_secret", SECRET)]), hs256(SECRET));
    let token = forge.with_header("typ", json!("AT+JWT"));
    assert!(verifier.verify_at(&token, NOW).is_ok());
}

#[test]
fn only_the_current_and_previous_keys_verify() {
    let both = verifier(&[("jwt_secret", SECRET), ("jwt_secret_previous", OLD_SECRET)]);
    assert!(both.verify_at(&hs256(SECRET).good(), NOW).is_ok());
    assert!(both.verify_at(&hs256(OLD_SECRET).good(), NOW).is_ok());
    let third = hs256("0e8f7b2c9d1a4653b6c8e0f2a4d69715");
    assert!(both.verify_at(&third.good(), NOW).is_err());
    let (old, new) = (hs256(OLD_SECRET), hs256(SECRET));
    let swapped = new.signed_by(new.header(), |message| old.key.sign(message));
    assert!(both.verify_at(&swapped, NOW).is_err());

    let ((new, _, new_pem), (old, _, old_pem)) = (pair(), pair());
    let both = verifier(&[
        ("jwt_algorithm", "EdDSA"),
        ("jwt_public_key", &new_pem),
        ("jwt_public_key_previous", &old_pem),
    ]);
    let ids = [Key::EdDsa(new.clone()).id(), Key::EdDsa(old.clone()).id()];
    for pair in [new, old] {
        let forge = Forge::new(Key::EdDsa(pair), claims());
        assert!(both.verify_at(&forge.good(), NOW).is_ok());
    }
    let jwks = json!(both.jwks());
    for (key, id) in jwks["keys"].as_array().unwrap().iter().zip(ids) {
        assert_eq!(key["kid"], json!(id));
        assert_eq!(key["x"].as_str().unwrap().len(), 43);
        for (name, value) in [
            ("kty", "OKP"),
            ("crv", "Ed25519"),
            ("alg", "EdDSA"),
            ("use", "sig"),
        ] {
            assert_eq!(key[name], json!(value));
        }
        assert_eq!(
            key.as_object().unwrap().len(),
            6,
            "unexpected members: {key}"
        );
    }
}

#[test]
fn a_secret_is_not_published() {
    let verifier = verifier(&[("jwt_secret", SECRET)]);
    assert_eq!(json!(verifier.jwks()), json!({ "keys": [] }));
}

#[test]
fn an_invalid_configuration_names_the_variable() {
    let ((_, private, public), (_, _, other)) = (pair(), pair());
    let eddsa = ("jwt_algorithm", "EdDSA");
    let both = |name| [Some(name), Some(name)];
    assert_eq!(faults(&[]), both("jwt_secret"));
    assert_eq!(faults(&[("jwt_secret", "short")]), both("jwt_secret"));
    assert_eq!(faults(&[("jwt_algorithm", "none")]), both("jwt_algorithm"));
    let secret = ("jwt_secret", SECRET);
    for (name, value) in [("jwt_private_key", &private), ("jwt_public_key", &public)] {
        assert_eq!(faults(&[secret, (name, value)]), both(name));
        assert_eq!(faults(&[eddsa, secret, (name, value)]), both("jwt_secret"));
    }
    for previous in [SECRET, "short"] {
        let variables = [secret, ("jwt_secret_previous", previous)];
        assert_eq!(faults(&variables)[0], Some("jwt_secret_previous"));
    }
    assert_eq!(
        faults(&[eddsa]),
        [Some("jwt_public_key"), Some("jwt_private_key")]
    );
    // A component that only verifies needs no private key.
    let verifies = [eddsa, ("jwt_public_key", &*public)];
    assert_eq!(faults(&verifies), [None, Some("jwt_private_key")]);
    let strangers = [
        eddsa,
        ("jwt_private_key", &private),
        ("jwt_public_key", &other),
    ];
    assert_eq!(faults(&strangers), both("jwt_private_key"));
    let repeated = [
        verifies[0],
        verifies[1],
        ("jwt_public_key_previous", &*public),
    ];
    assert_eq!(faults(&repeated)[0], Some("jwt_public_key_previous"));
    for no_key in ["x", "-----BEGIN PUBLIC KEY-----", &one_line("x"), &private] {
        assert_eq!(
            faults(&[eddsa, ("jwt_public_key", no_key)])[0],
            Some("jwt_public_key")
        );
    }
    for no_key in ["x", &public, &one_line(&public)] {
        assert_eq!(
            faults(&[eddsa, ("jwt_private_key", no_key)]),
            both("jwt_private_key")
        );
    }
}
