//! State of a token or key that another service received.

use accounts::authentication::{AuthRequest, Principal};
use accounts::{Error, ServiceAccount, User};

use super::AccessControl;
use super::bearer::Bearer;
use crate::auth::access_token::AccessClaims;

/// A token or key that is valid now.
#[derive(Debug)]
pub enum Inspected {
    Token(AccessClaims, User),
    Key(ServiceAccount),
}

impl AccessControl {
    /// Returns the state of a token or key, checked as if it came with a request; `None` if it is invalid.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when neither store can confirm it.
    pub async fn inspect(&self, token: &str) -> Result<Option<Inspected>, Error> {
        let bearer = Bearer::parse(token, &self.0.tokens);
        let Some(credential) = bearer.credential() else {
            return Ok(None);
        };
        let request = AuthRequest {
            credential: Some(credential),
            ..AuthRequest::default()
        };
        let authenticated = self.0.authenticator.authenticate(&request).await?;
        Ok(match (authenticated.caller, bearer.claims()) {
            (Some(Principal::User(user)), Some(claims)) => Some(Inspected::Token(*claims, user)),
            (Some(Principal::Service(account)), _) => Some(Inspected::Key(account)),
            _ => None,
        })
    }
}
