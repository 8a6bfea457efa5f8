//! Checks that a parsed email is normalized: ASCII, lower case, and parsed again as itself.

#![no_main]

use accounts::user::email::Email;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(email) = Email::parse(text) else {
        return;
    };
    let kept = email.as_str();
    assert!(kept.is_ascii() && kept.len() <= 254);
    assert_eq!(
        kept,
        text.to_ascii_lowercase(),
        "nothing is dropped or added"
    );
    assert!(kept.bytes().all(|byte| byte.is_ascii_graphic()));
    let (local, domain) = kept.split_once('@').expect("an @");
    assert!(!local.is_empty() && !domain.contains('@') && domain.contains('.'));
    assert_eq!(Email::parse(kept), Ok(email.clone()));
    assert_eq!(Email::parse(&text.to_ascii_uppercase()), Ok(email));
});
