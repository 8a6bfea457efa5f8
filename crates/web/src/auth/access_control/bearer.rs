//! The access token or API key of a request (RFC 6750, section 2.1: only in the Authorization header).

use accounts::authentication::Credential;
use accounts::metrics::{self, Event};
use accounts::service_account::key::PresentedKey;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Problem;
use crate::auth::access_token::{AccessClaims, Refusal, Verifier};
use crate::response::problem::INVALID_TOKEN;

/// Content of the Authorization header.
pub(super) enum Bearer {
    Absent,
    Token(AccessClaims),
    Key(PresentedKey),
    Refused(Refusal),
}

impl Bearer {
    /// Reads the single header. Two of them are rejected: it is ambiguous which one counts.
    pub(super) fn read(headers: &HeaderMap, tokens: &Verifier) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Self::Absent;
        };
        if values.next().is_some() {
            return Self::refused("more than one Authorization header");
        }
        let scheme_and_token = value.to_str().ok().and_then(|text| text.split_once(' '));
        let Some((scheme, token)) = scheme_and_token else {
            return Self::refused("the Authorization header is not a scheme and a token");
        };
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Self::refused("the scheme is not Bearer");
        }
        Self::parse(token.trim_start_matches(' '), tokens)
    }

    /// Parses a token or key.
    pub(super) fn parse(text: &str, tokens: &Verifier) -> Self {
        let parsed = match PresentedKey::is_meant(text) {
            true => PresentedKey::parse(text)
                .map(Self::Key)
                .map_err(Refusal::new),
            false => tokens.verify(text).map(Self::Token),
        };
        parsed.unwrap_or_else(|refusal| {
            metrics::count(Event::TokenRefused);
            Self::Refused(refusal)
        })
    }

    fn refused(reason: &'static str) -> Self {
        metrics::count(Event::TokenRefused);
        Self::Refused(Refusal::new(reason))
    }

    pub(super) fn claims(&self) -> Option<&AccessClaims> {
        match self {
            Self::Token(claims) => Some(claims),
            Self::Absent | Self::Key(_) | Self::Refused(_) => None,
        }
    }

    /// Returns the credential to be checked against the stores; `None` if there is none, or an invalid one.
    pub(super) fn credential(&self) -> Option<Credential> {
        match self {
            Self::Token(claims) => Some(Credential::Session(claims.user, claims.session)),
            Self::Key(key) => Some(Credential::Key(key.clone())),
            Self::Absent | Self::Refused(_) => None,
        }
    }

    /// Returns 401: the same response for every invalid token.
    pub(super) fn refusal(&self) -> Problem {
        match self {
            Self::Absent => Problem::unauthenticated("Bearer", "no token"),
            Self::Token(_) => Problem::unauthenticated(
                INVALID_TOKEN,
                "the session has ended or its user is not active",
            ),
            Self::Key(_) => Problem::unauthenticated(
                INVALID_TOKEN,
                "the API key is unknown, expired or deleted, or its account is not active",
            ),
            Self::Refused(refusal) => Problem::unauthenticated(INVALID_TOKEN, refusal.reason()),
        }
    }
}
