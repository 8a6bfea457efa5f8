//! Tokens that must be rejected: each differs from a valid one as its name says.

use serde_json::{Value, json};

use super::forge::{Forge, Hs256, Hs384, Hs512, Key, hmac, set, signing_input};
use super::forged_claims::{claims, json_tricks, times};

/// Forgeries of one valid token, by name.
pub struct Forgeries<'a> {
    pub forge: &'a Forge,
    all: Vec<(String, String)>,
}

impl Forgeries<'_> {
    pub fn add(&mut self, name: &str, token: String) {
        self.all.push((name.to_owned(), token));
    }

    /// Adds a token with one header member changed; `null` removes it.
    pub fn header(&mut self, name: &str, member: &str, value: Value) {
        self.add(name, self.forge.with_header(member, value));
    }

    /// Adds a token with one claim changed; `null` removes it.
    pub fn claim(&mut self, name: &str, claim: &str, value: Value) {
        self.add(name, self.forge.with_claim(claim, value));
    }

    /// Adds the valid claims under `header`, with a custom signature.
    pub fn signed(&mut self, name: &str, header: Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) {
        self.add(name, self.forge.signed_by(header, sign));
    }

    /// Adds these bytes with a valid signature.
    pub fn bytes(&mut self, name: &str, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) {
        self.add(name, self.forge.bytes(header, payload));
    }

    /// Adds these bytes under the valid header, with a valid signature.
    pub fn payload(&mut self, name: &str, payload: impl AsRef<[u8]>) {
        self.bytes(name, self.forge.header().to_string(), payload);
    }
}

/// Returns every forgery, by name. `forge` signs with the app's current key.
pub fn forged(forge: &Forge) -> Vec<(String, String)> {
    let all = Vec::new();
    let mut forgeries = Forgeries { forge, all };
    for add in [
        signatures,
        algorithms,
        headers,
        key_ids,
        times,
        claims,
        json_tricks,
        shapes,
    ] {
        add(&mut forgeries);
    }
    forgeries.all
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

fn signatures(all: &mut Forgeries) {
    let forge = all.forge;
    let good = forge.good();
    let [header, payload, signature] = segments(&good);
    let input = format!("{header}.{payload}");
    all.add("empty signature", format!("{input}."));
    all.signed("signature of zeros", forge.header(), |m| {
        vec![0; forge.key.sign(m).len()]
    });
    all.add("signature of the text null", format!("{input}.bnVsbA"));
    all.add(
        "half a signature",
        format!("{input}.{}", &signature[..signature.len() / 2 / 4 * 4]),
    );
    all.signed("signature twice", forge.header(), |m| {
        forge.key.sign(m).repeat(2)
    });
    all.add("signature of the payload alone", {
        let other = forge.sealed(payload);
        format!("{input}.{}", other.rsplit('.').next().expect("a signature"))
    });
    let other = forge.with_claim("sub", json!("00000000-0000-7000-8000-000000000000"));
    all.add("payload of one, signature of another", {
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
        all.add(name, replace_character(&good, at));
    }
    all.add("signature with trailing bits", trailing_bits(&good));
}

/// Sets an unused bit of the last character: a lax decoder returns the same bytes.
fn trailing_bits(good: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = good.split_at(good.len() - 1);
    let index = alphabet.find(last).expect("base64url");
    format!("{rest}{}", &alphabet[index + 1..index + 2])
}

fn algorithms(all: &mut Forgeries) {
    let forge = all.forge;
    for none in ["none", "None", "NONE", "nOnE"] {
        let header = set(forge.header(), "alg", json!(none));
        all.signed(&format!("alg {none}, unsigned"), header.clone(), |_| {
            Vec::new()
        });
        all.signed(&format!("alg {none}, signed"), header, |m| {
            forge.key.sign(m)
        });
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
        all.header(&format!("alg {other:?}"), "alg", json!(other));
    }
    all.header("alg missing", "alg", Value::Null);
    all.header("alg a list", "alg", json!([forge.key.algorithm()]));
    for (name, secret) in invalid_secrets(&forge.key) {
        let header = set(forge.header(), "alg", json!("HS256"));
        all.signed(&format!("HS256 by {name}"), header, |m| {
            hmac::<Hs256>(&secret, m)
        });
    }
    let pair = Key::new_pair();
    match &forge.key {
        Key::Hs256(secret) => {
            let header = |alg: &str| set(forge.header(), "alg", json!(alg));
            all.signed("HS384 by the secret", header("HS384"), |m| {
                hmac::<Hs384>(secret, m)
            });
            all.signed("HS512 by the secret", header("HS512"), |m| {
                hmac::<Hs512>(secret, m)
            });
            all.signed("EdDSA by a new key", header("EdDSA"), |m| pair.sign(m));
            let id = set(header("EdDSA"), "kid", json!(pair.id()));
            all.signed("EdDSA by a new key under its id", id, |m| pair.sign(m));
        }
        Key::EdDsa(_) => {
            all.signed("EdDSA by a new key", forge.header(), |m| pair.sign(m));
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

fn headers(all: &mut Forgeries) {
    let forge = all.forge;
    let mine = Key::new_pair();
    let jwk = json!({ "kty": "oct", "k": "c2VjcmV0" });
    let own = set(
        set(forge.header(), "jwk", jwk.clone()),
        "alg",
        json!("EdDSA"),
    );
    all.signed("signed by the key in its header", own, |m| mine.sign(m));
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
        all.header(&format!("header {name} {value}"), name, value);
    }
    let header = set(forge.header(), "b64", json!(false));
    let header = set(header, "crit", json!(["b64"]));
    all.signed("b64 with crit", header, |m| forge.key.sign(m));
    for typ in [
        json!("JWT"),
        json!("rt+jwt"),
        json!("at+jwt "),
        json!(""),
        json!(7),
        Value::Null,
    ] {
        all.header(&format!("typ {typ}"), "typ", typ);
    }
}

fn key_ids(all: &mut Forgeries) {
    let forge = all.forge;
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
        all.header(&format!("kid {name}"), "kid", kid);
    }
    let nothing = set(forge.header(), "kid", json!("/dev/null"));
    all.signed("kid a file, signed by its content", nothing, |m| {
        hmac::<Hs256>(b"", m)
    });
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| match c.is_ascii_lowercase() {
        true => c.to_ascii_uppercase(),
        false => c.to_ascii_lowercase(),
    };
    text.chars().map(swap).collect()
}

fn shapes(all: &mut Forgeries) {
    let forge = all.forge;
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
        all.add(name, token);
    }
}
