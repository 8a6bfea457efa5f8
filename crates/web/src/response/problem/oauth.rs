//! Error responses of OAuth2's token endpoint (RFC 6749, section 5.2).

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::Problem;

/// Error codes of OAuth2's token endpoint that occur here (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy)]
pub(super) enum OauthError {
    InvalidGrant,
    InvalidRequest,
    UnsupportedGrantType,
}

impl OauthError {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

impl Problem {
    /// Returns 400 for an unsupported grant type (RFC 6749, section 5.2).
    pub fn unsupported_grant_type() -> Self {
        let error = OauthError::UnsupportedGrantType;
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            error.as_str(),
            "The only supported grant type is `password`.",
        );
        problem.oauth_error = Some(error);
        problem
    }

    /// Converts to an error of the token endpoint (RFC 6749, section 5.2): 400 and an `error`. A problem that
    /// the section does not define stays as it is.
    #[must_use]
    pub fn into_oauth(mut self) -> Self {
        self.oauth_error = match self.status {
            StatusCode::UNAUTHORIZED => Some(OauthError::InvalidGrant),
            StatusCode::UNPROCESSABLE_ENTITY => {
                self.code = OauthError::InvalidRequest.as_str();
                Some(OauthError::InvalidRequest)
            }
            _ => return self,
        };
        self.status = StatusCode::BAD_REQUEST;
        self.headers.retain(|(name, _)| *name != WWW_AUTHENTICATE);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use accounts::Error;

    #[test]
    fn problems_are_converted_to_rfc_6749_errors() {
        let document = |problem: Problem| {
            let problem = problem.into_oauth();
            assert!(
                problem
                    .headers()
                    .iter()
                    .all(|(name, _)| *name != WWW_AUTHENTICATE)
            );
            let json = problem.render("/", "r");
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            (
                problem.status().as_u16(),
                json["error"].as_str().map(str::to_owned),
            )
        };
        let grant = Some("invalid_grant".to_owned());
        assert_eq!(document(Error::WrongPassword.into()), (400, grant));
        let request = Some("invalid_request".to_owned());
        assert_eq!(
            document(Error::invalid("email", "is wrong").into()),
            (400, request)
        );
        assert_eq!(document(Error::TooManyAttempts(1).into()), (429, None));
        assert_eq!(document(Problem::not_found()), (404, None));
    }
}
