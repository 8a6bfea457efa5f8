//! Passwords: valid values, and their storage.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use blackbox::client::ME;
use blackbox::database::{change_one, password_hash, shared_database};
use blackbox::{Client, PASSWORD, Person, new_user, new_user_with};
use serde_json::json;

/// Prefix of a hash with the contract's cost.
const COST: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

#[tokio::test]
async fn passwords_are_not_truncated_or_trimmed() {
    let admin = Client::from_env().await;
    let nobody = Client::anonymous();
    let long = "a".repeat(72);
    for (password, others) in [
        (format!("{long}b"), vec![long.clone(), format!("{long}c")]),
        (long.clone(), vec![format!("{long}b"), "a".repeat(71)]),
        (
            "p\u{e4}ssw\u{f6}rter \u{1f600}".into(),
            vec!["p\u{e4}ssw\u{f6}rter ".into()],
        ),
        ("  padded word  ".into(), vec!["padded word".into()]),
        (
            "nul\u{0}inside it".into(),
            vec!["nul".into(), "nul\u{0}".into()],
        ),
        (
            format!("{}\u{6f22}", "x".repeat(127)),
            vec!["x".repeat(127)],
        ),
        ("\u{6f22}".repeat(128), vec!["\u{6f22}".repeat(127)]),
    ] {
        let ada = Person::create_with(&admin, json!({ "password": password })).await;
        for other in others {
            nobody.login_fails(&ada.email, &other).await;
        }
    }
}

#[tokio::test]
async fn passwords_are_compared_in_nfc() {
    let admin = Client::from_env().await;
    let nobody = Client::anonymous();
    let (composed, decomposed) = ("caf\u{e9} au lait", "cafe\u{301} au lait");
    for password in [composed, decomposed] {
        let ada = Person::create_with(&admin, json!({ "password": password })).await;
        for typed in [composed, decomposed] {
            nobody.login(&ada.email, typed).await.expect(200);
        }
        nobody.login_fails(&ada.email, "cafe au lait").await;
    }
}

#[tokio::test]
async fn every_endpoint_rejects_common_short_and_long_passwords() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let reset = format!("/api/v1/users/{}/reset-token", ada.id);
    let token = admin.post(&reset, &json!({})).await.expect(201).json()["reset_token"].clone();
    for bad in [
        "short12".to_owned(),
        "\u{1f600}".repeat(7),
        "p".repeat(129),
        "password1".to_owned(),
        "PassWord1".to_owned(),
        "12345678".to_owned(),
        "iloveyou".to_owned(),
        "qwertyuiop".to_owned(),
        "sunshine".to_owned(),
    ] {
        let mut body = new_user();
        body["password"] = json!(bad);
        admin.create(&body).await.invalid("password");
        admin
            .post("/api/v1/auth/register", &body)
            .await
            .invalid("password");
        let change = ada.client.change_password(PASSWORD, &bad);
        change.await.invalid("new_password");
        let body = json!({ "token": token, "new_password": bad });
        admin
            .post("/api/v1/auth/reset", &body)
            .await
            .invalid("new_password");
    }
    ada.client.get(ME).await.expect(200);
    ada.sign_in().await;
    // No rejected request used the token up.
    let body = json!({ "token": token, "new_password": "another 44 fine one" });
    admin.post("/api/v1/auth/reset", &body).await.expect(204);
}

#[tokio::test]
async fn hashes_are_argon2id_at_the_documented_cost_with_unique_salts() {
    let admin = Client::from_env().await;
    let database = shared_database().await;
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let ada = Person::create(&admin).await;
        hashes.push(password_hash(&database, &ada.id).await.unwrap());
    }
    let body = new_user_with("password", PASSWORD);
    let user = admin
        .post("/api/v1/auth/register", &body)
        .await
        .expect(201)
        .json();
    hashes.push(
        password_hash(&database, user["id"].as_str().unwrap())
            .await
            .unwrap(),
    );
    let salt = |hash: &str| hash.split('$').nth(4).unwrap().to_owned();
    for (n, hash) in hashes.iter().enumerate() {
        assert!(hash.starts_with(COST), "{hash}");
        assert!(salt(hash).len() >= 22, "128 bits: {hash}");
        let same = hashes.iter().filter(|other| salt(other) == salt(hash));
        assert_eq!(same.count(), 1, "hash {n} shares its salt");
    }
}

#[tokio::test]
async fn a_hash_with_another_cost_is_replaced_at_login() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let database = shared_database().await;
    let params = Params::new(8_192, 1, 1, None).unwrap();
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let cheap = cheap
        .hash_password(PASSWORD.as_bytes())
        .unwrap()
        .to_string();
    let sql = "UPDATE users SET password_hash = $2 WHERE id = $1::text::uuid";
    change_one(&database, sql, &[&ada.id, &cheap]).await;

    let nobody = Client::anonymous();
    nobody.login_fails(&ada.email, "not the password").await;
    let kept = password_hash(&database, &ada.id).await.unwrap();
    assert_eq!(kept, cheap, "a wrong guess changes nothing");
    ada.sign_in().await;
    let now = password_hash(&database, &ada.id).await.unwrap();
    assert!(now.starts_with(COST), "{now}");
    ada.sign_in().await;
    assert_eq!(password_hash(&database, &ada.id).await.unwrap(), now);
    // Existing sessions continue: nothing has changed for the user.
    ada.client.get(ME).await.expect(200);
}
