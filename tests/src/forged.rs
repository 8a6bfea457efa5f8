//! Tokens that must be rejected: each differs from a valid one as its name says.

use serde_json::{Value, json};

use super::forge::{Forge, Key, hs256, hs384, hs512, set, signing_input};
use super::forged_claims::{claims, json_tricks, times};

/// Returns every forgery, by name. `forge` signs with the app's current key.
pub fn forged(forge: &Forge) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |name: &str, token: String| all.push((name.to_owned(), token));
    signatures(forge, &mut add);
    algorithms(forge, &mut add);
    headers(forge, &mut add);
    key_ids(forge, &mut add);
    times(forge, &mut add);
    claims(forge, &mut add);
    json_tricks(forge, &mut add);
    shapes(forge, &mut add);
    all
}

fn segments(token: &str) -> [&str; 3] {
    let parts: Vec<_> = token.split('.').collect();
    parts.try_into().expect("three segments")
}

/// Replaces the character at `at` by another of the alphabet.
fn replace_character(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

fn signatures(forge: &Forge, add: &mut impl FnMut(&str, String)) {
    let good = forge.good();
    let [header, payload, signature] = segments(&good);
    let input = format!("{header}.{payload}");
    add("empty signature", format!("{input}."));
    add(
        "signature of zeros",
        forge.signed_by(forge.header(), |m| vec![0; forge.key.sign(m).len()]),
    );
    add("signature of the text null", format!("{input}.bnVsbA"));
    add(
        "half a signature",
        format!("{input}.{}", &signature[..signature.len() / 2 / 4 * 4]),
    );
    add(
        "signature twice",
        forge.signed_by(forge.header(), |m| forge.key.sign(m).repeat(2)),
    );
    add("signature of the payload alone", {
        let other = forge.sealed(payload);
        format!("{input}.{}", other.rsplit('.').next().expect("a signature"))
    });
    let other = forge.with_claim("sub", json!("00000000-0000-7000-8000-000000000000"));
    add("payload of one, signature of another", {
        let [header, payload, _] = segments(&other);
        format!("{header}.{payload}.{signature}")
    });
    let start_of_payload = header.len() + 1;
    let start_of_signature = good.len() - signature.len();
    for (name, at) in [
        ("corrupted header", 5),
        ("corrupted header at its end", header.len() - 1),
        ("corrupted payload", start_of_payload + 9),
        ("corrupted payload at its end", start_of_signature - 2),
        ("corrupted signature", start_of_signature),
        (
            "corrupted signature in its middle",
            start_of_signature + signature.len() / 2,
        ),
    ] {
        add(name, replace_character(&good, at));
    }
    add("signature with trailing bits", trailing_bits(&good));
}

/// Sets an unused bit of the last character: a lax decoder returns the same bytes.
fn trailing_bits(good: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = good.split_at(good.len() - 1);
    let index = alphabet.find(last).expect("base64url");
    format!("{rest}{}", &alphabet[index + 1..index + 2])
}

fn algorithms(forge: &Forge, add: &mut impl FnMut(&str, String)) {
    for none in ["none", "None", "NONE", "nOnE"] {
        let header = set(forge.header(), "alg", json!(none));
        add(
            &format!("alg {none}, unsigned"),
            forge.signed_by(header.clone(), |_| Vec::new()),
        );
        add(
            &format!("alg {none}, signed"),
            forge.signed_by(header, |m| forge.key.sign(m)),
        );
    }
    for other in [
        "HS384",
        "HS512",
        "RS256",
        "PS256",
        "ES256",
        "Ed25519",
        "ML-DSA-65",
        "hs256",
        "",
    ] {
        add(
            &format!("alg {other:?}"),
            forge.with_header("alg", json!(other)),
        );
    }
    add("alg missing", forge.with_header("alg", Value::Null));
    add(
        "alg a list",
        forge.with_header("alg", json!([forge.key.algorithm()])),
    );
    for (name, secret) in invalid_secrets(&forge.key) {
        let header = set(forge.header(), "alg", json!("HS256"));
        add(
            &format!("HS256 by {name}"),
            forge.signed_by(header, |m| hs256(&secret, m)),
        );
    }
    let pair = Key::new_pair();
    match &forge.key {
        Key::Hs256(secret) => {
            let header = |alg: &str| set(forge.header(), "alg", json!(alg));
            add(
                "HS384 by the secret",
                forge.signed_by(header("HS384"), |m| hs384(secret, m)),
            );
            add(
                "HS512 by the secret",
                forge.signed_by(header("HS512"), |m| hs512(secret, m)),
            );
            add(
                "EdDSA by a new key",
                forge.signed_by(header("EdDSA"), |m| pair.sign(m)),
            );
            let id = set(header("EdDSA"), "kid", json!(pair.id()));
            add(
                "EdDSA by a new key under its id",
                forge.signed_by(id, |m| pair.sign(m)),
            );
        }
        Key::EdDsa(_) => {
            add(
                "EdDSA by a new key",
                forge.signed_by(forge.header(), |m| pair.sign(m)),
            );
        }
    }
}

/// Values that a client may know or guess, used as a secret.
fn invalid_secrets(key: &Key) -> Vec<(&'static str, Vec<u8>)> {
    let mut secrets = vec![
        ("an empty secret", Vec::new()),
        ("a NUL", vec![0]),
        ("a weak secret", b"secret".to_vec()),
        ("a wrong secret", vec![7; 32]),
        ("the key's id", key.id().into_bytes()),
    ];
    if let Key::EdDsa(pair) = key {
        let public = pair.public_key();
        secrets.push(("the public key", public.to_bytes()));
        secrets.push(("the public key's DER", public.to_der()));
        secrets.push(("the public key's PEM", public.to_pem().into_bytes()));
    }
    secrets
}

fn headers(forge: &Forge, add: &mut impl FnMut(&str, String)) {
    let mine = Key::new_pair();
    let jwk = json!({ "kty": "oct", "k": "c2VjcmV0" });
    let own = set(
        set(forge.header(), "jwk", jwk.clone()),
        "alg",
        json!("EdDSA"),
    );
    add(
        "signed by the key in its header",
        forge.signed_by(own, |m| mine.sign(m)),
    );
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jwk", json!(jwk.to_string())),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/x5u.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("MIIB")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("salt", json!("c2FsdA")),
        ("enc", json!("A256GCM")),
    ] {
        add(
            &format!("header {name} {value}"),
            forge.with_header(name, value),
        );
    }
    add("b64 with crit", {
        let header = set(forge.header(), "b64", json!(false));
        let header = set(header, "crit", json!(["b64"]));
        forge.signed_by(header, |m| forge.key.sign(m))
    });
    for typ in [
        json!("JWT"),
        json!("rt+jwt"),
        json!("at+jwt "),
        json!(""),
        json!(7),
        Value::Null,
    ] {
        add(&format!("typ {typ}"), forge.with_header("typ", typ));
    }
}

fn key_ids(forge: &Forge, add: &mut impl FnMut(&str, String)) {
    let id = forge.key.id();
    for (name, kid) in [
        ("missing", Value::Null),
        ("empty", json!("")),
        ("unknown", json!("AAAAAAAAAAAAAAAA")),
        ("short", json!(&id[..15])),
        ("in other case", json!(swap_case(&id))),
        ("with a space", json!(format!("{id} "))),
        ("a path", json!("../../../../dev/null")),
        ("SQL", json!(format!("{id}' OR '1'='1"))),
        ("a NUL", json!(format!("{id}\0"))),
        ("a number", json!(0)),
        ("a list", json!([id])),
        ("10 KB", json!("A".repeat(10_240))),
    ] {
        add(&format!("kid {name}"), forge.with_header("kid", kid));
    }
    let nothing = set(forge.header(), "kid", json!("/dev/null"));
    add(
        "kid a file, signed by its content",
        forge.signed_by(nothing, |m| hs256(b"", m)),
    );
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| match c.is_ascii_lowercase() {
        true => c.to_ascii_uppercase(),
        false => c.to_ascii_lowercase(),
    };
    text.chars().map(swap).collect()
}

fn shapes(forge: &Forge, add: &mut impl FnMut(&str, String)) {
    let good = forge.good();
    let [header, payload, signature] = segments(&good);
    let long = format!("{}{}", forge.claims, " ".repeat(4_096));
    for (name, token) in [
        ("one segment", header.to_owned()),
        ("two segments", format!("{header}.{payload}")),
        ("four segments", format!("{good}.{signature}")),
        (
            "five segments, as a JWE",
            format!("{good}.{payload}.{signature}"),
        ),
        ("an empty fourth segment", format!("{good}.")),
        ("an empty first segment", format!(".{good}")),
        ("dots", "..".to_owned()),
        ("padding", format!("{good}=")),
        (
            "padding inside",
            forge.sealed(&format!("{header}=.{payload}")),
        ),
        (
            "standard base64",
            forge.sealed(&format!("{header}+/.{payload}")),
        ),
        ("twice", format!("{good},{good}")),
        (
            "of 4 KB and more",
            forge.bytes(forge.header().to_string(), long),
        ),
        (
            "of 64 KB",
            forge.sealed(&signing_input("A".repeat(32_768), "A".repeat(16_384))),
        ),
        (
            "a refresh token",
            "q0Zr7vT1nXk3B9mWcJ5hLdPs8YfGa2Ue4Ri6OxNtEzw".to_owned(),
        ),
    ] {
        add(name, token);
    }
}
