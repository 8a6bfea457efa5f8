//! Hashes made by the libraries themselves.

use proptest::prelude::*;

use super::super::{PasswordHash, SubmittedPassword, Verdict};

const PASSWORD: &str = "velvet anchor 93 maple";

/// Hashes of [`PASSWORD`].
const VECTORS: [(&str, &str); 17] = [
    // passlib 1.7.4 with bcrypt 4.0.1
    (
        "bcrypt 2a",
        "$2a$06$QEH0y9KVZRTnckG0qx9rxO0ZGaizUHNsHzxXkotPBXyH9qbh4817y",
    ),
    (
        "bcrypt 2b",
        "$2b$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG",
    ),
    (
        "bcrypt 2y",
        "$2y$06$dHINplVq51tvbvB2rSZjaOTbtTs68dvkdZ33UVCD.R6391cI7kZfy",
    ),
    (
        "bcrypt, passlib's default",
        "$2b$12$MppoAaJxMaoqV7/CIUOv5e3lG8letUhujKhBplG7YO/N7WdRd6uK2",
    ),
    // pwdlib 0.3.1 with bcrypt 5.0.0
    (
        "bcrypt, pwdlib's default",
        "$2b$12$S6hOIulbj0ZNHa4Yl/GMhe2A77vykMr79DcKU7GmWjyh0Q5c4cERK",
    ),
    (
        "bcrypt 2a of pwdlib",
        "$2a$06$VL.OKxc9OR8xYptRRSrNceehpKN1HH4px0bgyXtRlr4VNZS4j8Hdu",
    ),
    // passlib 1.7.4 with argon2-cffi 25.1.0
    (
        "argon2i",
        "$argon2i$v=19$m=8192,t=2,p=2$mBNCiHHO2Tvn3DuH8F5LqQ$3+0PNQkEHwhLjDmNBsIwyZRMboJWj37P7OPAfQqJRV0",
    ),
    (
        "argon2d",
        "$argon2d$v=19$m=8192,t=2,p=2$/j9nTOm9l9L6n7PWmvPeWw$yif+Rle6n6irj2MwcHWmpv8sEK8pUiFwhlZMb1fw7zY",
    ),
    (
        "argon2id",
        "$argon2id$v=19$m=8192,t=2,p=2$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
    ),
    (
        "argon2id, passlib's default",
        "$argon2id$v=19$m=65536,t=3,p=4$KKUU4pyT8t57z9n7H2NMaQ$syMP9YumwQ4Ues5sMeDzsIhGfGWrQlWYXDwqlugIYWI",
    ),
    // pwdlib 0.3.1 with argon2-cffi 25.1.0
    (
        "argon2id, pwdlib's default",
        "$argon2id$v=19$m=65536,t=3,p=4$61TBJ3SUXX6bIzc8t+leQg$+5asZUvDBna8/ws39h7d4P9lBhZPE7Rw6iJMSYlkGIM",
    ),
    // argon2-cffi 25.1.0
    (
        "argon2i, version 16",
        "$argon2i$v=16$m=4096,t=2,p=1$c2FsdHNhbHRzYWx0$NYecIXhVHtRqMWLhNpIrZQ",
    ),
    // passlib 1.7.4
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$29000$QkipldI6Z8y5NwaAkLJ27g$IpxDna9g38ODWiSqyGXKfWEnWmkQCAOc2RrKLw0zJmY",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$25000$sNa6t1ZqrfV.j/GeM6ZUqg$JOw8agx.FH9VEPY/.s7xSlhUrZMaQxL5l3xMtjh9Qs7GI974JvtRkpTVc2MVu1DyjJDDZUNCHrMpOfCzbLdsoA",
    ),
    (
        "scrypt",
        "$scrypt$ln=10,r=8,p=1$SwmhVAohxBhDSMm5t5YSIg$9n/L1S6gZSbaw31iKTZq30uwLd7MkQKQBPYYLykAPb4",
    ),
    (
        "scrypt, passlib's default",
        "$scrypt$ln=16,r=8,p=1$UArB+D/nvHdOqfX+/38v5Q$1DZeU4WCqgRx9sXGKTO9m6P+5L7/4gkbOPnJCgLa03c",
    ),
    // Django 5.2.19
    (
        "pbkdf2_sha256",
        "pbkdf2_sha256$10000$abcDEF123$pX55JCGH+rf1+U+tSWHJIIPlBcS3Wm7TNREomjcoCxY=",
    ),
];

fn verify(password: &str, hash: &str) -> Verdict {
    let hash = PasswordHash::import(hash.to_owned()).unwrap();
    let submitted = SubmittedPassword::parse(password.to_owned()).unwrap();
    submitted.verify(Some(&hash)).unwrap()
}

fn rejection(hash: &str) -> &'static str {
    PasswordHash::import(hash.to_owned()).expect_err(hash)
}

#[test]
fn hashes_of_the_python_libraries_are_verified_and_outdated() {
    for (name, hash) in VECTORS {
        assert_eq!(verify(PASSWORD, hash), Verdict::Outdated, "{name}");
    }
    for (name, hash) in VECTORS.iter().filter(|(_, hash)| !hash.contains("$12$")) {
        assert_eq!(
            verify("velvet anchor 93 mapl", hash),
            Verdict::Wrong,
            "{name}"
        );
    }
}

#[test]
fn a_changed_salt_or_output_is_wrong() {
    for (name, hash) in VECTORS.iter().filter(|(name, _)| !name.contains("default")) {
        let at = hash.rfind('$').unwrap() + 5;
        for at in [at, hash.rfind('$').unwrap() - 3] {
            // The cost is in this place of a bcrypt hash.
            if name.starts_with("bcrypt") && at < 7 {
                continue;
            }
            let mut changed = (*hash).to_owned();
            let other = if &changed[at..=at] == "A" { "B" } else { "A" };
            changed.replace_range(at..=at, other);
            assert_eq!(verify(PASSWORD, &changed), Verdict::Wrong, "{name} {at}");
        }
    }
}

#[test]
fn bcrypt_reads_72_bytes_and_no_zero_byte() {
    // passlib 1.7.4 with bcrypt 4.0.1: 72 times `a`, and `b`.
    let long = "$2b$05$BHi4E.6azeVNgAVVazlgx.hjY9q0UWPS302GVfgF9LID43KKToOF2";
    for password in ["a".repeat(72), "a".repeat(72) + "b", "a".repeat(100)] {
        assert_eq!(verify(&password, long), Verdict::Outdated);
    }
    assert_eq!(verify(&"a".repeat(71), long), Verdict::Wrong);
    // bcrypt 5.0.0: `ab`, which repeats to the same key as `ab\0ab`, and `a\0b`.
    let short = "$2b$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG";
    assert_eq!(
        verify(&format!("{PASSWORD}\0{PASSWORD}"), short),
        Verdict::Wrong
    );
    let with_zero = "$2b$05$5pNmOSwpBaZ5.IBqWAkAeO8ejAN/oivY.nbVkjDs1bUgESlBl9dNO";
    assert_eq!(verify("a\0b", with_zero), Verdict::Wrong);
    assert_eq!(verify("", short), Verdict::Wrong);
}

#[test]
fn passwords_beyond_ascii_are_utf_8() {
    // passlib 1.7.4 with bcrypt 4.0.1
    let hash = "$2b$05$gbNB/WgZOuK9cNtGXiYOC.Ism2MvOWKlmAuDIU/FYeLWJ533TAd6q";
    let password = "p\u{e4}ssw\u{f6}rter \u{6f22}";
    assert_eq!(verify(password, hash), Verdict::Outdated);
    let decomposed = "pa\u{308}sswo\u{308}rter \u{6f22}";
    assert_eq!(verify(decomposed, hash), Verdict::Outdated);
}

#[test]
fn unused_bits_of_a_bcrypt_salt_do_not_matter() {
    // passlib 1.7.4; the salt ends in `.`, of which bcrypt reads two bits.
    let hash = "$2b$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG";
    let other = hash.replacen("XRX.", "XRX/", 1);
    assert_eq!(verify(PASSWORD, &other), Verdict::Outdated);
}

#[test]
fn expensive_hashes_are_rejected_with_the_reason() {
    let (salt, output) = ("c2FsdHNhbHRzYWx0", "NYecIXhVHtRqMWLhNpIrZQ");
    let argon2 = |params: &str| format!("$argon2id$v=19${params}${salt}${output}");
    for accepted in ["m=65536,t=8,p=4", "m=8,t=1,p=1", "m=1024,t=512,p=1"] {
        assert!(PasswordHash::import(argon2(accepted)).is_ok(), "{accepted}");
    }
    let memory = "needs more than 64 MiB to verify";
    let time = "takes too long to verify";
    assert_eq!(rejection(&argon2("m=65537,t=1,p=1")), memory);
    assert_eq!(rejection(&argon2("m=4294967296,t=1,p=1")), memory);
    assert_eq!(rejection(&argon2("m=65536,t=9,p=1")), time);
    assert_eq!(rejection(&argon2("m=65536,t=4294967295,p=1")), time);
    assert_eq!(rejection(&argon2("m=65536,t=1,p=5")), time);
    let bcrypt =
        |cost: &str| format!("$2b${cost}$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG");
    assert!(PasswordHash::import(bcrypt("14")).is_ok());
    assert_eq!(rejection(&bcrypt("15")), time);
    assert_eq!(rejection(&bcrypt("31")), time);
    let django = |rounds: &str| format!("pbkdf2_sha256${rounds}$s${}=", "A".repeat(43));
    assert!(PasswordHash::import(django("2000000")).is_ok());
    assert_eq!(rejection(&django("2000001")), time);
    assert_eq!(rejection(&django("99999999999")), time);
    let scrypt = |params: &str| format!("$scrypt${params}${salt}${output}");
    for accepted in ["ln=16,r=8,p=2", "ln=10,r=8,p=128", "ln=1,r=8,p=1"] {
        assert!(PasswordHash::import(scrypt(accepted)).is_ok(), "{accepted}");
    }
    assert_eq!(rejection(&scrypt("ln=17,r=8,p=1")), memory);
    assert_eq!(rejection(&scrypt("ln=300,r=8,p=1")), memory);
    assert_eq!(rejection(&scrypt("ln=16,r=8,p=3")), time);
    assert_eq!(rejection(&scrypt("ln=1,r=8,p=2000000")), time);
}

#[test]
fn other_forms_are_rejected() {
    for hash in [
        "",
        "velvet anchor 93 maple",
        "$",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2x$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG",
        "$2b$6$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG",
        "$2b$+6$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG",
        "$2b$03$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG",
        "$2b$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQ",
        "$2b$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9Iv\u{e9}G",
        "$2b$06$CBQ8zNZGItLqVywKGEXRX.hYfm2FK0u9MQgzA93x0byNlCAB9IvQG ",
        "$argon2id$v=18$m=8192,t=2,p=2$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$argon2id$v=19$m=8192,t=2,p=2,keyid=AA$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$argon2id$v=19$t=2,m=8192,p=2$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$argon2id$v=19$m=8192,t=0,p=2$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$argon2id$v=19$m=08192,t=2,p=2$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$argon2id$v=19$m=8192,t=2,p=2$AAAA$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$argon2id$v=19$m=8192,t=2,p=2$M8Z4b631fg/h3Dsn5LzXmg$AAAA",
        "$argon2x$v=19$m=8192,t=2,p=2$M8Z4b631fg/h3Dsn5LzXmg$dUc7+jV/JP/L9cs9t0gL4PzXQvaEoHWjennE3QnM4BA",
        "$pbkdf2-sha256$0$QkipldI6Z8y5NwaAkLJ27g$IpxDna9g38ODWiSqyGXKfWEnWmkQCAOc2RrKLw0zJmY",
        "$pbkdf2-sha256$29000$QkipldI6Z8y5NwaAkLJ27g$IpxDna9g38ODWiSqyGXKfWEnWmkQCAOc2Rr",
        "$pbkdf2-sha1$29000$QkipldI6Z8y5NwaAkLJ27g$IpxDna9g38ODWiSqyGXKfWEnWmkQCAOc2RrKLw0zJmY",
        "pbkdf2_sha1$10000$abcDEF123$pX55JCGH+rf1+U+tSWHJIIPlBcS3Wm7TNREomjcoCxY=",
        "scrypt$16384$abcDEF123$8$5$w09aYFjXsU6aXwZxVmydVyj8OUY7bZm4BtA6",
        "$scrypt$ln=10,r=8$SwmhVAohxBhDSMm5t5YSIg$9n/L1S6gZSbaw31iKTZq30uwLd7MkQKQBPYYLykAPb4",
        "$scrypt$ln=10,r=0,p=1$SwmhVAohxBhDSMm5t5YSIg$9n/L1S6gZSbaw31iKTZq30uwLd7MkQKQBPYYLykAPb4",
        &"$2b$".repeat(100),
    ] {
        assert!(PasswordHash::import(hash.to_owned()).is_err(), "{hash:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_accepted_or_rejected(text in prop_oneof![
        any::<String>(),
        "\\$(2[abxy]|argon2(id|i|d)|scrypt|pbkdf2-sha(256|512))\\$[ -~]{0,100}",
        "\\$2b\\$[0-9]{2}\\$[./a-zA-Z0-9]{52,54}",
        "\\$argon2id\\$v=1[69]\\$m=[0-9]{1,11},t=[0-9]{1,11},p=[0-9]{1,11}\\$[a-zA-Z0-9+/]{16}\\$[a-zA-Z0-9+/]{22}",
        "\\$scrypt\\$ln=[0-9]{1,3},r=[0-9]{1,11},p=[0-9]{1,11}\\$[a-zA-Z0-9+/]{16}\\$[a-zA-Z0-9+/]{22}",
    ]) {
        let accepted = PasswordHash::import(text.clone());
        prop_assert!(accepted.is_err() || text.is_ascii());
    }
}
