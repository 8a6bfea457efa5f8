//! Signing in, staying signed in, and signing out.

mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::bootstrap::Bootstrap;
use crate::cache::Cache;
use crate::client_address::ClientAddress;
use crate::credentials::{Credentials, Verified, Whose};
use crate::email::Email;
use crate::metrics::{self, Event};
use crate::password::Guess;
use crate::session::{OpaqueToken, Session, SessionId};
use crate::{Error, User, UserId};

/// What a client needs to go on: whose session it is, and what prolongs it.
#[derive(Debug)]
pub struct SignedIn {
    pub user: User,
    pub session: SessionId,
    pub refresh_token: OpaqueToken,
}

/// The sessions of users. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    database: Arc<dyn Database>,
    cache: Cache,
    credentials: Credentials,
    bootstrap: Option<Arc<Bootstrap>>,
}

impl Sessions {
    /// `bootstrap` names the first admin, who is made when they first sign in.
    pub fn new(
        database: Arc<dyn Database>,
        cache: Cache,
        credentials: Credentials,
        bootstrap: Option<Bootstrap>,
    ) -> Self {
        Self {
            database,
            cache,
            credentials,
            bootstrap: bootstrap.map(Arc::new),
        }
    }

    /// Opens a session for whoever knows the password.
    ///
    /// # Errors
    /// Those of [`Credentials`], with [`Error::WrongPassword`] for every reason not to let in.
    pub async fn sign_in(
        &self,
        email: &Email,
        guess: &Guess,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<SignedIn, Error> {
        let verified = self.verify(email, guess, address, actor).await?;
        let (session, refresh_token) = (SessionId::generate(), OpaqueToken::generate()?);
        let opened =
            store::open(&*self.database, &verified, session, &refresh_token, actor).await?;
        // The password or the user changed since the comparison.
        let user = opened.ok_or(Error::WrongPassword)?;
        metrics::count(Event::LoginSucceeded);
        self.cache.keep(&user, Some(session));
        Ok(SignedIn {
            user,
            session,
            refresh_token,
        })
    }

    /// Checks the password; the first admin's makes the first admin.
    async fn verify(
        &self,
        email: &Email,
        guess: &Guess,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Verified, Error> {
        let whose = Whose::Account(email);
        let attempt = match self.credentials.compare(&whose, guess, address).await? {
            Ok(verified) => return Ok(verified),
            Err(attempt) => attempt,
        };
        if let (None, Some(bootstrap)) = (attempt.user, &self.bootstrap)
            && bootstrap
                .create_if_first(&*self.database, email, guess, actor)
                .await?
        {
            self.credentials.forget(&attempt).await?;
            return self.credentials.check(whose, guess, address, actor).await;
        }
        Err(self.credentials.refuse(&attempt, actor).await?)
    }

    /// Spends a refresh token and gives the next one. A token that was spent before ends its
    /// session: either its holder or whoever used it first is a thief.
    pub async fn refresh(&self, spent: &OpaqueToken, actor: &Actor) -> Result<SignedIn, Error> {
        let next = OpaqueToken::generate()?;
        match store::rotate(&*self.database, spent, &next, actor).await? {
            store::Rotated::To(user, session) => {
                self.cache.keep(&user, Some(session));
                Ok(SignedIn {
                    user: *user,
                    session,
                    refresh_token: next,
                })
            }
            store::Rotated::Replayed(session) => {
                metrics::count(Event::RefreshReplayed);
                self.cache.end(session).await;
                Err(Error::BadRefreshToken)
            }
            store::Rotated::Refused => Err(Error::BadRefreshToken),
        }
    }

    /// The user's sessions, the newest first, at most a hundred.
    pub async fn list(&self, user: UserId) -> Result<Vec<Session>, Error> {
        store::list(&*self.database, user).await
    }

    /// Ends one session of the user; [`Error::NotFound`] when they have no such.
    pub async fn end(&self, user: UserId, session: SessionId, actor: &Actor) -> Result<(), Error> {
        store::end(&*self.database, user, session, actor).await?;
        self.cache.end(session).await;
        Ok(())
    }

    /// Ends all sessions of the user; [`Error::NotFound`] when there is no such user.
    pub async fn end_all(&self, user: UserId, actor: &Actor) -> Result<(), Error> {
        let user = store::end_all(&*self.database, user, actor).await?;
        self.cache.replace(&user).await;
        Ok(())
    }
}
