//! Tokens that are good, and all others.

use super::*;

fn variables(extra: &[(&'static str, &str)]) -> Variables {
    let fixed = [("jwt_issuer", "roster"), ("jwt_audience", "roster-api")];
    Variables::from_pairs(
        fixed
            .iter()
            .chain(extra)
            .map(|(name, value)| (*name, *value)),
    )
}

#[test]
fn what_is_signed_verifies() {
    let variables = variables(&[("jwt_secret", "8c0b5f1e7a2d49c6b3e8f0a17d5c92e4")]);
    let (user, session) = (UserId::generate(), Uuid::now_v7());
    let token = Signer::read(&variables)
        .unwrap()
        .sign(user, session)
        .unwrap();
    let verifier = Verifier::read(&variables).unwrap();
    assert_eq!(verifier.verify(&token), Ok(AccessClaims { user, session }));
    assert_eq!(verifier.jwks(), json!({ "keys": [] }));
}
