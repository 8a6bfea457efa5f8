//! Forgeries of claims, all with a valid signature.

use serde_json::{Value, json};

use super::forge::set;
use super::forged::Forgeries;

pub fn times(all: &mut Forgeries) {
    let forge = all.forge;
    let now = forge.claims["iat"].as_u64().expect("iat");
    for name in ["iat", "nbf", "exp"] {
        for value in [
            Value::Null,
            json!(now.to_string()),
            json!(now as f64 + 0.5),
            json!(-1),
            json!([now]),
            json!(true),
            json!((1_u64 << 32) + now + 600),
            json!(u64::MAX),
        ] {
            all.claim(&format!("{name} {value}"), name, value);
        }
        let good = forge.claims.to_string();
        let member = format!("\"{name}\":{}", forge.claims[name]);
        for number in ["1e400", "NaN", "1e9", "null", "0x7fffffff"] {
            let payload = good.replace(&member, &format!("\"{name}\":{number}"));
            all.payload(&format!("{name} written {number}"), payload);
        }
    }
    all.claim("expired", "exp", json!(now - 120));
    all.claim("expired in 1970", "exp", json!(0));
    all.claim("not yet valid", "nbf", json!(now + 3_600));
    all.claim("issued in the future", "iat", json!(now + 3_600));
    for (name, shift) in [("of an hour ago", -3_600), ("of an hour from now", 3_600)] {
        let mut claims = forge.claims.clone();
        for time in ["iat", "nbf", "exp"] {
            let shifted = claims[time].as_i64().expect("a time") + shift;
            claims = set(claims, time, json!(shifted));
        }
        all.payload(name, claims.to_string());
    }
    all.claim("issued long ago", "iat", json!(now - 86_400));
    all.claim("valid for a year", "exp", json!(now + 31_536_000));
}

pub fn claims(all: &mut Forgeries) {
    let forge = all.forge;
    let audience = forge.claims["aud"].clone();
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!("attacker")),
        ("iss", json!([forge.claims["iss"]])),
        ("iss", json!("")),
        ("aud", Value::Null),
        ("aud", json!("another")),
        ("aud", json!([audience])),
        ("aud", json!([audience, "another"])),
        ("aud", json!([])),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("admin")),
        ("sub", json!(1)),
        ("sid", Value::Null),
        ("sid", json!("")),
        ("sid", json!({})),
        ("role", json!("admin")),
        ("jti", json!("1")),
        ("attributes", json!([])),
        ("attributes", json!("admin")),
    ] {
        all.claim(&format!("claim {name} {value}"), name, value);
    }
    for name in ["sub", "sid"] {
        let id = forge.claims[name].as_str().expect("an id");
        for (form, text) in [
            ("with a capital", format!("{}A{}", &id[..7], &id[8..])),
            ("without hyphens", id.replace('-', "")),
            ("in braces", format!("{{{id}}}")),
            ("as a URN", format!("urn:uuid:{id}")),
            ("with a space", format!("{id} ")),
        ] {
            all.claim(&format!("{name} {form}"), name, json!(text));
        }
    }
}

pub fn json_tricks(all: &mut Forgeries) {
    let forge = all.forge;
    let (header, claims) = (forge.header().to_string(), forge.claims.to_string());
    let twice =
        |object: &str, member: String| format!("{},{member}}}", object.trim_end_matches('}'));
    for name in ["alg", "kid", "typ"] {
        let member = format!("\"{name}\":{}", forge.header()[name]);
        all.bytes(
            &format!("header {name} twice"),
            twice(&header, member),
            &claims,
        );
    }
    for name in ["iss", "aud", "sub", "sid", "iat", "nbf", "exp"] {
        let member = format!("\"{name}\":{}", forge.claims[name]);
        all.bytes(
            &format!("claim {name} twice"),
            &header,
            twice(&claims, member),
        );
    }
    let values = |object: &Value, names: &[&str]| {
        json!(
            names
                .iter()
                .map(|name| object[*name].clone())
                .collect::<Vec<_>>()
        )
        .to_string()
    };
    let list = values(&forge.header(), &["alg", "kid", "typ"]);
    all.bytes("header a list", list, &claims);
    let list = values(
        &forge.claims,
        &["iss", "aud", "sub", "sid", "iat", "nbf", "exp"],
    );
    all.bytes("claims a list", &header, list);
    for (name, payload) in [
        ("empty", Vec::new()),
        ("null", b"null".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("not JSON", b"sub=admin".to_vec()),
        ("cut", claims.as_bytes()[..claims.len() - 1].to_vec()),
        ("followed by more", format!("{claims}{claims}").into_bytes()),
        ("after a space", format!(" {claims}").into_bytes()),
        (
            "after a byte order mark",
            format!("\u{feff}{claims}").into_bytes(),
        ),
        (
            "not UTF-8",
            [b"{\"iss\":\"\xff\",", &claims.as_bytes()[1..]].concat(),
        ),
        (
            "deep",
            format!("{}{}", "[".repeat(1_000), "]".repeat(1_000)).into_bytes(),
        ),
    ] {
        all.bytes(&format!("payload {name}"), &header, &payload);
        all.bytes(&format!("header like a payload {name}"), &payload, &claims);
    }
}
