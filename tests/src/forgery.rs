//! Access tokens that nobody issued, made from one that was.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};

use crate::person::{claims, header};

/// What a forger has: a token of their own, and, for those that only bend claims, the key.
pub struct Forger {
    genuine: String,
    secret: Vec<u8>,
}

/// A forged token, and what is wrong with it.
pub type Forgery = (String, String);

impl Forger {
    pub fn new(genuine: &str, secret: &[u8]) -> Self {
        Self {
            genuine: genuine.to_owned(),
            secret: secret.to_vec(),
        }
    }

    /// All of them.
    pub fn forgeries(&self) -> Vec<Forgery> {
        let mut all = self.headers();
        all.extend(self.keys());
        all.extend(self.signatures());
        all.extend(self.claims());
        all.extend(self.shapes());
        all
    }

    /// Header and claims as they are given, signed with HS256 and `key`.
    pub fn signed(header: &[u8], claims: &[u8], key: &[u8]) -> String {
        sign(hmac::HMAC_SHA256, header, claims, key)
    }

    /// Other headers, with the right key: what it says of itself decides nothing.
    fn headers(&self) -> Vec<Forgery> {
        let claims = text(&claims(&self.genuine));
        let mut forged = Vec::new();
        for (name, value) in [
            ("alg", json!("none")),
            ("alg", json!("nOnE")),
            ("alg", json!("NONE")),
            ("alg", json!("")),
            ("alg", json!("hs256")),
            ("alg", json!("HS384")),
            ("alg", json!("HS512")),
            ("alg", json!("RS256")),
            ("alg", json!("PS256")),
            ("alg", json!("ES256")),
            ("alg", json!("EdDSA")),
            ("alg", json!(["HS256"])),
            ("alg", json!(256)),
            ("alg", Value::Null),
            ("typ", json!("JWT")),
            ("typ", json!("refresh")),
            ("typ", json!(5)),
            ("typ", Value::Null),
            ("kid", json!("another")),
            ("kid", json!("../../../../dev/null")),
            ("kid", json!("' UNION SELECT 'x")),
            ("kid", json!("\u{0}")),
            ("kid", json!("k".repeat(10_240))),
            ("kid", json!(7)),
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
        ] {
            let mut header = header(&self.genuine);
            let what = format!("{name} is {}", short(&value));
            match value {
                Value::Null => drop(header.as_object_mut().expect("an object").remove(name)),
                value => header[name] = value,
            }
            forged.push((what, Self::signed(&text(&header), &claims, &self.secret)));
        }
        let mut detached = header(&self.genuine);
        detached["b64"] = json!(false);
        detached["crit"] = json!(["b64"]);
        let token = Self::signed(&text(&detached), &claims, &self.secret);
        forged.push(("b64 is false".to_owned(), token));
        for (name, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
            let mut header = header(&self.genuine);
            header["alg"] = json!(name);
            let token = sign(algorithm, &text(&header), &claims, &self.secret);
            forged.push((format!("signed with {name}"), token));
        }
        let twice = String::from_utf8_lossy(&text(&header(&self.genuine))).replacen(
            '{',
            "{\"alg\":\"none\",",
            1,
        );
        let token = Self::signed(twice.as_bytes(), &claims, &self.secret);
        forged.push(("alg twice".to_owned(), token));
        forged
    }

    /// Keys that somebody may guess, or bring along in the header.
    fn keys(&self) -> Vec<Forgery> {
        let (head, claims) = (header(&self.genuine), text(&claims(&self.genuine)));
        let secret = &self.secret;
        let mut forged = Vec::new();
        let mut newline = secret.clone();
        newline.push(b'\n');
        for (what, key) in [
            ("no key", Vec::new()),
            ("the key `secret`", b"secret".to_vec()),
            (
                "the key `your-256-bit-secret`",
                b"your-256-bit-secret".to_vec(),
            ),
            ("32 zero bytes", vec![0; 32]),
            ("the issuer as key", b"roster".to_vec()),
            ("the kid as key", text(&head["kid"])),
            ("the key and a newline", newline),
            (
                "the key in base64",
                BASE64_STANDARD.encode(secret).into_bytes(),
            ),
            ("half of the key", secret[..secret.len() / 2].to_vec()),
            ("the key reversed", secret.iter().rev().copied().collect()),
        ] {
            forged.push((what.to_owned(), Self::signed(&text(&head), &claims, &key)));
        }
        let own = b"0123456789abcdef0123456789ABCDEF";
        let jwk = json!({ "kty": "oct", "alg": "HS256", "kid": "mine",
            "k": BASE64_URL_SAFE_NO_PAD.encode(own) });
        for (name, value) in [
            ("jwk", jwk),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("x5c", json!([BASE64_STANDARD.encode(own)])),
        ] {
            let mut header = head.clone();
            header[name] = value;
            header["kid"] = json!("mine");
            forged.push((
                format!("a key in {name}"),
                Self::signed(&text(&header), &claims, own),
            ));
        }
        forged
    }

    /// The genuine token with its bytes bent.
    fn signatures(&self) -> Vec<Forgery> {
        let token = &self.genuine;
        let parts: Vec<&str> = token.split('.').collect();
        let rest = format!("{}.{}", parts[0], parts[1]);
        let mut forged = vec![
            ("no signature".to_owned(), format!("{rest}.")),
            (
                "a signature of zeros".to_owned(),
                format!("{rest}.{}", "A".repeat(43)),
            ),
            (
                "a short signature".to_owned(),
                token[..token.len() - 4].to_owned(),
            ),
            ("a long signature".to_owned(), format!("{token}AAAA")),
            (
                "the claims as signature".to_owned(),
                format!("{rest}.{}", parts[1]),
            ),
            ("null as signature".to_owned(), format!("{rest}.null")),
        ];
        for (part, text) in parts.iter().enumerate() {
            for at in [0, text.len() / 2, text.len() - 1] {
                let mut bent: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                bent[part] = String::from_utf8(bytes).expect("ASCII");
                forged.push((format!("byte {at} of part {part} bent"), bent.join(".")));
            }
        }
        let last = next_letter(token.as_bytes()[token.len() - 1]);
        let respelled = format!("{}{last}", &token[..token.len() - 1]);
        forged.push(("the same signature spelled otherwise".to_owned(), respelled));
        forged
    }

    /// Other claims, with the right key.
    fn claims(&self) -> Vec<Forgery> {
        let head = text(&header(&self.genuine));
        let genuine = claims(&self.genuine);
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let mut forged = Vec::new();
        for (name, value) in [
            ("exp", json!(now - 120)),
            ("exp", json!(now - 86_400)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!((now + 600).to_string())),
            ("exp", json!([now + 600])),
            ("exp", Value::Null),
            ("nbf", json!(now + 300)),
            ("nbf", json!(now.to_string())),
            ("iat", json!(now + 300)),
            ("iat", json!("now")),
            ("iss", json!("evil")),
            ("iss", json!("Roster")),
            ("iss", json!("")),
            ("iss", json!(["roster"])),
            ("iss", Value::Null),
            ("aud", json!("evil")),
            ("aud", json!("")),
            ("aud", json!(["evil"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("sub", json!("")),
            ("sub", json!("admin")),
            ("sub", json!(1)),
            ("sub", json!(uuid::Uuid::new_v4())),
            ("sub", json!("' OR 1=1 --")),
            ("sub", Value::Null),
            ("sid", json!("")),
            ("sid", json!(uuid::Uuid::new_v4())),
            ("sid", json!("*")),
            ("sid", json!(["a"])),
            ("sid", genuine["sub"].clone()),
            ("sid", Value::Null),
        ] {
            let mut claims = genuine.clone();
            let what = format!("{name} is {}", short(&value));
            match value {
                Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
                value => claims[name] = value,
            }
            forged.push((what, Self::signed(&head, &text(&claims), &self.secret)));
        }
        let whole = String::from_utf8_lossy(&text(&genuine)).into_owned();
        for (what, claims) in [
            (
                "exp is 1e400",
                whole.replacen(&format!("\"exp\":{}", genuine["exp"]), "\"exp\":1e400", 1),
            ),
            (
                "sub twice",
                whole.replacen('{', "{\"sub\":\"00000000-0000-7000-8000-000000000000\",", 1),
            ),
            ("exp twice", whole.replacen('{', "{\"exp\":1,", 1)),
            ("a list of claims", format!("[{whole}]")),
            (
                "claims in a string",
                Value::String(whole.clone()).to_string(),
            ),
            ("null claims", "null".to_owned()),
            ("no claims", "{}".to_owned()),
            ("claims cut off", whole[..whole.len() - 2].to_owned()),
            ("claims and more", format!("{whole}{{}}")),
            ("claims of depth 10,000", "[".repeat(10_000)),
        ] {
            forged.push((
                what.to_owned(),
                Self::signed(&head, claims.as_bytes(), &self.secret),
            ));
        }
        forged.push((
            "claims that are no text".to_owned(),
            Self::signed(&head, b"\xff\xfe", &self.secret),
        ));
        forged
    }

    /// What has not the form of a token.
    fn shapes(&self) -> Vec<Forgery> {
        let token = &self.genuine;
        let parts: Vec<&str> = token.split('.').collect();
        let (head, body) = (text(&header(token)), text(&claims(token)));
        let padded = |bytes: &[u8]| BASE64_URL_SAFE.encode(bytes);
        let mut none = header(token);
        none["alg"] = json!("none");
        let none = BASE64_URL_SAFE_NO_PAD.encode(text(&none));
        [
            ("one part", parts[0].to_owned()),
            ("two parts", format!("{}.{}", parts[0], parts[1])),
            ("two parts and alg none", format!("{none}.{}", parts[1])),
            ("alg none and no signature", format!("{none}.{}.", parts[1])),
            ("four parts", format!("{token}.{}", parts[2])),
            (
                "five parts, as of a JWE",
                format!("{token}.{}.{}", parts[1], parts[2]),
            ),
            ("dots", "..".to_owned()),
            ("no header", format!(".{}.{}", parts[1], parts[2])),
            ("no claims part", format!("{}..{}", parts[0], parts[2])),
            ("padding", format!("{token}=")),
            (
                "padded parts",
                format!("{}.{}.{}", padded(&head), padded(&body), parts[2]),
            ),
            ("the token twice", format!("{token}{token}")),
            ("two tokens", format!("{token},{token}")),
            ("two tokens, spaced", format!("{token} {token}")),
            ("quotes", format!("\"{token}\"")),
            ("a scheme twice", format!("Bearer {token}")),
            (
                "JSON",
                json!({ "payload": parts[1], "signatures": [] }).to_string(),
            ),
            (
                "a token of 60 KiB",
                format!("{token}{}", "A".repeat(60_000)),
            ),
            ("upper case", token.to_uppercase()),
        ]
        .map(|(what, token)| (what.to_owned(), token))
        .into()
    }
}

fn sign(algorithm: hmac::Algorithm, header: &[u8], claims: &[u8], key: &[u8]) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = hmac::sign(&hmac::Key::new(algorithm, key), signed.as_bytes());
    format!("{signed}.{}", encode(signature.as_ref()))
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        value => value.to_string().chars().take(60).collect(),
    }
}

/// The letter after it in the alphabet of base64url: it differs in the bits that a last letter of 43
/// does not use.
fn next_letter(letter: u8) -> char {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = LETTERS
        .iter()
        .position(|l| *l == letter)
        .expect("a letter of base64url");
    char::from(LETTERS[at ^ 1])
}
