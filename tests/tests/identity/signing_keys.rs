//! Tokens signed with Ed25519: any service can verify them, only auth signs them.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use blackbox::client::ME;
use blackbox::forge::{Forge, Hs256, Key, hmac};
use blackbox::forged::forged;
use blackbox::person::header;
use blackbox::stack::Stack;
use blackbox::{Client, Person, Session};
use jwt_simple::prelude::{Ed25519KeyPair, Ed25519PublicKey, EdDSAPublicKeyLike, NoCustomClaims};
use reqwest::Method;
use serde_json::{Value, json};

const JWKS: &str = "/.well-known/jwks.json";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// Key pair, in the forms that the variables accept.
struct Keys {
    pair: Ed25519KeyPair,
    private_pem: String,
    public_pem: String,
}

impl Keys {
    fn new() -> Self {
        let pair = Ed25519KeyPair::generate();
        Self {
            private_pem: pair.to_pem(),
            public_pem: pair.public_key().to_pem(),
            pair,
        }
    }

    fn public(&self) -> Vec<u8> {
        self.pair.public_key().to_bytes()
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
    reply.assert_header("content-type", "application/json");
    reply.json()["keys"].as_array().expect("keys").clone()
}

/// Returns true if the published key verifies the token.
fn verifies(key: &Value, token: &str) -> bool {
    let x = key["x"].as_str().unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
    let key = Ed25519PublicKey::from_bytes(&x).unwrap();
    key.verify_token::<NoCustomClaims>(token, None).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_key_verifies_a_token() {
    let keys = Keys::new();
    let stack = start(&keys).await;
    let ada = Person::create(&stack.client).await;
    ada.client.get(ME).await.expect(200);
    let head = header(ada.client.token());
    assert_eq!(head["alg"], "EdDSA");
    assert_eq!(head["typ"], "at+jwt");
    let published = published(&stack.anonymous()).await;
    assert_eq!(published.len(), 1);
    let key = &published[0];
    assert_eq!(key["kty"], "OKP");
    assert_eq!(key["crv"], "Ed25519");
    assert_eq!(
        (&key["kid"], &key["alg"], &key["use"]),
        (&head["kid"], &json!("EdDSA"), &json!("sig"))
    );
    assert_eq!(key["x"], BASE64_URL_SAFE_NO_PAD.encode(keys.public()));
    assert!(key.get("d").is_none(), "no private key: {key}");
    assert!(verifies(key, ada.client.token()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_key_cannot_sign_tokens() {
    let keys = Keys::new();
    let stack = start(&keys).await;
    let (ada, nobody) = (Person::create(&stack.client).await, stack.anonymous());
    let kid = header(ada.client.token())["kid"].clone();
    let pem = keys.public_pem.as_str();
    let x = BASE64_URL_SAFE_NO_PAD.encode(keys.public());
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    for (what, secret) in [
        ("the raw key", keys.public()),
        ("its DER", keys.pair.public_key().to_der()),
        ("its PEM", pem.as_bytes().to_vec()),
        ("its PEM, trimmed", pem.trim().as_bytes().to_vec()),
        (
            "the text in its PEM",
            lines.collect::<String>().into_bytes(),
        ),
        (
            "its PEM in base64",
            BASE64_STANDARD.encode(pem).into_bytes(),
        ),
        ("its x", x.into_bytes()),
        ("nothing", Vec::new()),
    ] {
        let forge = Forge::from_token(Key::Hs256(secret.clone()), ada.client.token());
        for alg in ["HS256", "EdDSA", "none"] {
            let head = json!({ "alg": alg, "typ": "at+jwt", "kid": kid });
            let token = forge.signed_by(head, |message| hmac::<Hs256>(&secret, message));
            let reply = nobody.with_token(&token).get(ME).await;
            assert_eq!(reply.status, 401, "{what} as {alg}: {reply}");
        }
    }
    ada.client.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_tokens_are_rejected() {
    let keys = Keys::new();
    let stack = start(&keys).await;
    let (ada, nobody) = (Person::create(&stack.client).await, stack.anonymous());
    let own = Key::EdDsa(Box::new(keys.pair.clone()));
    let forge = Forge::from_token(own, ada.client.token());
    nobody.with_token(&forge.good()).get(ME).await.expect(200);
    let mut forgeries = forged(&forge);
    let mallory = Forge::from_token(Key::new_pair(), ada.client.token());
    let named = mallory.with_header("kid", json!(forge.key.id()));
    forgeries.push(("another key".to_owned(), mallory.good()));
    forgeries.push(("another key under this one's name".to_owned(), named));
    for (what, token) in forgeries {
        let reply = nobody.with_token(&token).get(ME).await;
        assert_eq!(reply.status, 401, "{what}: {reply}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_the_keys_keeps_sessions_valid() {
    let (old, new) = (Keys::new(), Keys::new());
    let mut stack = start(&old).await;
    let ada = Person::create(&stack.client).await;
    // Base64 of the PEM, which fits on one line.
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
    let next = Session::refreshed(&stack.anonymous(), &ada.refresh_token).await;
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
    let old = ada.client.at(base).get(ME).await;
    old.problem(401, "unauthenticated");
    next.client.at(base).get(ME).await.expect(200);
}

/// Keys of one phase of a rotation: signing key pair, next key, previous key.
type Phase<'a> = [(&'a str, &'a str); 4];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_updates_during_key_rotation_reject_no_token() {
    let (old, new) = (Keys::new(), Keys::new());
    let phase = |signs: &'static str| -> Phase<'_> {
        let (keys, next, previous) = match signs {
            "old" => (&old, "", ""),
            "old, new is next" => (&old, new.public_pem.as_str(), ""),
            "new, old is previous" => (&new, "", old.public_pem.as_str()),
            _ => (&new, "", ""),
        };
        [
            ("jwt_private_key", &keys.private_pem),
            ("jwt_public_key", &keys.public_pem),
            ("jwt_public_key_next", next),
            ("jwt_public_key_previous", previous),
        ]
    };
    let phases = ["old", "old, new is next", "new, old is previous", "new"];
    let mut stack = start(&old).await;
    let ada = Person::create(&stack.client).await;
    for pair in phases.windows(2) {
        let [before, after] = pair else {
            unreachable!()
        };
        // Longest duration of an update: tokens from before the previous phase have expired.
        stack.restart_host(&phase(before)).expect("a host");
        let (_host, updated) = stack.second_host(&phase(after)).expect("a second host");
        let running = stack.anonymous();
        for (signer, verifier) in [(&running, &updated), (&updated, &running)] {
            let reply = signer.login(&ada.email, &ada.password).await.expect(200);
            let token = blackbox::client::access_token(&reply);
            for client in [signer, verifier] {
                let me = client.with_token(&token).get(ME).await;
                assert_eq!(me.status, 200, "{before} beside {after}: {me}");
            }
            let keys = published(verifier).await;
            assert!(
                keys.iter().any(|key| verifies(key, &token)),
                "{before} beside {after}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_configuration_determines_the_algorithm() {
    let mut stack = Stack::start().await;
    let shared = stack.client.clone();
    let keys = Keys::new();
    let pair = [
        ("jwt_algorithm", "EdDSA"),
        ("jwt_private_key", &keys.private_pem),
        ("jwt_public_key", &keys.public_pem),
    ];
    // A leftover secret would make the choice of the key ambiguous.
    if stack.restart_host(&pair).is_ok() {
        let reply = shared.at(stack.client.base()).get(ME).await;
        reply.expect_any(&[401, 500]).any_problem();
    }
    stack.restart_host(&[("jwt_secret", "")]).expect("a host");
    let reply = shared.at(stack.client.base()).get(ME).await;
    reply.problem(401, "unauthenticated");
}

#[test]
fn only_auth_receives_the_private_key() {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_issuer_leads_to_the_keys_of_its_tokens() {
    let (keys, issuer) = (Keys::new(), "https://api.example.com");
    let mut stack = start(&keys).await;
    stack
        .restart_host(&[("jwt_issuer", issuer), ("token_form_enabled", "true")])
        .unwrap();
    let nobody = stack.anonymous();
    let reply = nobody.get(METADATA).await.expect(200);
    reply.assert_header("cache-control", "public, max-age=300");
    let metadata = reply.json();
    assert_eq!(metadata["issuer"], issuer);
    let path = |name: &str| {
        let url = metadata[name].as_str().unwrap();
        url.strip_prefix(issuer).unwrap().to_owned()
    };
    let set = nobody.get_json(&path("jwks_uri")).await;
    assert_eq!(set["keys"], json!(published(&nobody).await));
    let form = nobody.call(Method::POST, &path("token_endpoint")).await;
    form.problem(415, "unsupported_media_type");
}
