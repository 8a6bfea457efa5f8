//! Negotiation of the content encoding (RFC 9110, section 12.5.3).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_ENCODING;

/// Returns true if gzip is acceptable, by its name or else by `*`; false without the header.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut named, mut any) = (None, None);
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    for entry in texts.flat_map(|text| text.split(',')) {
        let mut parts = entry.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let accepted = parts.all(is_above_zero);
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            named = Some(named.unwrap_or(false) || accepted);
        } else if coding == "*" {
            any = Some(accepted);
        }
    }
    named.or(any).unwrap_or(false)
}

/// Returns true if a parameter leaves a coding acceptable; an invalid weight does not.
fn is_above_zero(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
            value.trim().parse().is_ok_and(|weight: f32| weight > 0.0)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(values: &[&'static str]) -> bool {
        let lines = values
            .iter()
            .map(|value| (ACCEPT_ENCODING, value.parse().unwrap()));
        accepts_gzip(&lines.collect())
    }

    #[test]
    fn gzip_is_chosen_if_the_client_accepts_it() {
        for yes in [
            "gzip",
            "GZIP",
            "x-gzip",
            "deflate, gzip;q=1.0, *;q=0.5",
            "gzip, deflate, br, zstd",
            "br;q=1, gzip ; q=0.001",
            "*",
            "identity;q=0.5, *;q=0.1",
        ] {
            assert!(accepts(&[yes]), "{yes}");
        }
        assert!(accepts(&["br", "gzip"]));
    }

    #[test]
    fn identity_is_chosen_otherwise() {
        assert!(!accepts(&[]));
        for no in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip;q=0.000, *",
            "*;q=0",
            "*;Q=0, br",
            "gzip;q=much",
            "gzipped",
        ] {
            assert!(!accepts(&[no]), "{no}");
        }
    }
}
