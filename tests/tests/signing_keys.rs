//! Tokens signed with Ed25519: anybody verifies them, only auth makes them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use blackbox::client::ME;
use blackbox::forgery::Forger;
use blackbox::person::{claims, header};
use blackbox::stack::Stack;
use blackbox::{Client, Person};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

const JWKS: &str = "/.well-known/jwks.json";

/// A key pair in the forms that the variables take.
struct Keys {
    public: Vec<u8>,
    spki: Vec<u8>,
    private_pem: String,
    public_pem: String,
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

impl Keys {
    fn new(seed: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        // RFC 8410: the fixed heads of PKCS#8 and of SubjectPublicKeyInfo.
        let mut pkcs8 =
            b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend(seed);
        let mut spki = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
        spki.extend(&public);
        Self {
            private_pem: pem("PRIVATE KEY", &pkcs8),
            public_pem: pem("PUBLIC KEY", &spki),
            public,
            spki,
        }
    }
}

async fn start(keys: &Keys) -> Stack {
    Stack::start_with(&[
        ("jwt_algorithm", "EdDSA"),
        ("jwt_secret", ""),
        ("jwt_private_key", &keys.private_pem),
        ("jwt_public_key", &keys.public_pem),
    ])
    .await
}

async fn published(nobody: &Client) -> Vec<Value> {
    let reply = nobody.get(JWKS).await.expect(200);
    assert_eq!(
        reply.header("content-type"),
        Some("application/json"),
        "{reply}"
    );
    reply.json()["keys"].as_array().expect("keys").clone()
}

/// Whether the published key verifies the token.
fn verifies(key: &Value, token: &str) -> bool {
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ED25519, decode(key["x"].as_str().unwrap()));
    key.verify(signed.as_bytes(), &decode(signature)).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_verified_by_the_key_that_is_published() {
    let keys = Keys::new([7; 32]);
    let stack = start(&keys).await;
    let ada = Person::create(&stack.client).await;
    ada.client.get(ME).await.expect(200);
    let head = header(ada.client.token());
    assert_eq!(
        (&head["alg"], &head["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
    let published = published(&stack.anonymous()).await;
    assert_eq!(published.len(), 1);
    let key = &published[0];
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert_eq!(
        (&key["kid"], &key["alg"], &key["use"]),
        (&head["kid"], &json!("EdDSA"), &json!("sig"))
    );
    assert_eq!(key["x"], BASE64_URL_SAFE_NO_PAD.encode(&keys.public));
    assert!(key.get("d").is_none(), "no private key: {key}");
    assert!(verifies(key, ada.client.token()));
    assert!(
        !verifies(
            key,
            &format!("{}A", &ada.client.token()[..ada.client.token().len() - 1])
        ) || ada.client.token().ends_with('A')
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_signs_nothing() {
    let keys = Keys::new([7; 32]);
    let stack = start(&keys).await;
    let ada = Person::create(&stack.client).await;
    let nobody = stack.anonymous();
    let kid = header(ada.client.token())["kid"].clone();
    let body = claims(ada.client.token()).to_string();
    let x = BASE64_URL_SAFE_NO_PAD.encode(&keys.public);
    for (what, secret) in [
        ("the raw key", keys.public.clone()),
        ("its DER", keys.spki.clone()),
        ("its PEM", keys.public_pem.clone().into_bytes()),
        (
            "its PEM, trimmed",
            keys.public_pem.trim().as_bytes().to_vec(),
        ),
        ("its x", x.into_bytes()),
        ("nothing", Vec::new()),
    ] {
        for alg in ["HS256", "EdDSA"] {
            let head = json!({ "alg": alg, "typ": "at+jwt", "kid": kid }).to_string();
            let token = Forger::signed(head.as_bytes(), body.as_bytes(), &secret);
            let reply = nobody.with_token(&token).get(ME).await;
            reply.problem(401, "unauthenticated");
            assert!(reply.status == 401, "{what} as {alg}");
        }
    }
    let head = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }).to_string();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(head.as_bytes()), encode(body.as_bytes()));
    let mallory = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    for signature in [
        mallory.sign(signed.as_bytes()).as_ref().to_vec(),
        vec![0; 64],
        Vec::new(),
    ] {
        let token = format!("{signed}.{}", encode(&signature));
        let reply = nobody.with_token(&token).get(ME).await;
        reply.problem(401, "unauthenticated");
    }
    ada.client.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_replaced_without_signing_anybody_out() {
    let (old, new) = (Keys::new([7; 32]), Keys::new([8; 32]));
    let mut stack = start(&old).await;
    let ada = Person::create(&stack.client).await;
    // As base64 of the PEM, which fits on one line.
    let private = BASE64_STANDARD.encode(&new.private_pem);
    let public = BASE64_STANDARD.encode(&new.public_pem);
    stack
        .restart_host(&[
            ("jwt_private_key", &private),
            ("jwt_public_key", &public),
            ("jwt_public_key_previous", &old.public_pem),
        ])
        .expect("a host");
    ada.client.at(stack.client.base()).get(ME).await.expect(200);
    let keys = published(&stack.anonymous()).await;
    assert_eq!(keys.len(), 2);
    let reply = stack
        .anonymous()
        .refresh(&ada.refresh_token)
        .await
        .expect(200);
    let next = blackbox::Session::of(&stack.anonymous(), &reply);
    next.client.get(ME).await.expect(200);
    for token in [ada.client.token(), next.client.token()] {
        let kid = &header(token)["kid"];
        let by = keys.iter().filter(|key| verifies(key, token));
        let by: Vec<_> = by.map(|key| &key["kid"]).collect();
        assert_eq!(by, [kid]);
    }
    stack
        .restart_host(&[("jwt_public_key_previous", "")])
        .expect("a host");
    let base = stack.client.base();
    ada.client
        .at(base)
        .get(ME)
        .await
        .problem(401, "unauthenticated");
    next.client.at(base).get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_algorithm_is_the_configurations_word_alone() {
    let mut stack = Stack::start().await;
    let shared = stack.client.clone();
    let keys = Keys::new([7; 32]);
    // The secret stays configured: its tokens are refused all the same.
    stack
        .restart_host(&[
            ("jwt_algorithm", "EdDSA"),
            ("jwt_private_key", &keys.private_pem),
            ("jwt_public_key", &keys.public_pem),
        ])
        .expect("a host");
    let reply = shared.at(stack.client.base()).get(ME).await;
    reply.problem(401, "unauthenticated");
}

#[test]
fn only_auth_is_given_the_key_that_signs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml");
    let manifest: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let components = manifest["component"].as_table().unwrap();
    let given = components.iter().filter(|(_, component)| {
        let variables = component.get("variables").map(ToString::to_string);
        variables.unwrap_or_default().contains("jwt_private_key")
    });
    let names: Vec<_> = given.map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["auth"]);
}
