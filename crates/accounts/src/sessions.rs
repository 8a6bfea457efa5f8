//! Signing in, staying signed in, and signing out.

pub mod list;
mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::bootstrap::Bootstrap;
use crate::cache::Cache;
use crate::client_address::ClientAddress;
use crate::credentials::{Credentials, Verified, Whose};
use crate::email::Email;
use crate::keys::FingerprintKey;
use crate::metrics::{self, Event};
use crate::password::Guess;
use crate::session::{OpaqueToken, SessionId, SessionPolicy};
use crate::{Error, User, UserId};
use list::{ListQuery, Page};
use store::rotate::{self, Rotated};

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
    policy: SessionPolicy,
    /// What successors of refresh tokens are derived with.
    refresh_key: FingerprintKey,
}

impl Sessions {
    /// `bootstrap` names the first admin, who is made when they first sign in.
    pub fn new(
        database: Arc<dyn Database>,
        cache: Cache,
        credentials: Credentials,
        bootstrap: Option<Bootstrap>,
        policy: SessionPolicy,
        refresh_key: FingerprintKey,
    ) -> Self {
        Self {
            database,
            cache,
            credentials,
            bootstrap: bootstrap.map(Arc::new),
            policy,
            refresh_key,
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
        let generation = self.cache.generation();
        let opened = store::open(
            &*self.database,
            &verified,
            session,
            &refresh_token,
            &self.policy,
            actor,
        )
        .await?;
        // The password or the user changed since the comparison.
        let store::Opened { user, ended } = opened.ok_or(Error::WrongPassword)?;
        self.cache.end(&ended).await;
        metrics::count(Event::LoginSucceeded);
        self.cache.keep(&user, Some(session), &generation);
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
        let attempt = match self
            .credentials
            .compare(&whose, guess, address, actor)
            .await?
        {
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

    /// Spends a refresh token and gives the next one. The same token gives the same one again for a
    /// moment, for a client that lost the response; after that, or when its successor was used, it
    /// ends its session: either its holder or whoever used it first is a thief.
    pub async fn refresh(&self, spent: &OpaqueToken, actor: &Actor) -> Result<SignedIn, Error> {
        let salt = OpaqueToken::generate()?.hash();
        let next = spent.successor(&self.refresh_key, &salt);
        let issued = (&next, salt.as_slice());
        let generation = self.cache.generation();
        let rotated = rotate::rotate(&*self.database, spent, issued, &self.policy, actor);
        let (user, session, refresh_token) = match rotated.await {
            Ok(Rotated::To(user, session)) => (user, session, next),
            Ok(Rotated::Again {
                user,
                session,
                salt,
                successor,
            }) => {
                let again = spent.successor(&self.refresh_key, &salt);
                // Another key derived it: it cannot be given again.
                if again.hash() != successor {
                    return Err(Error::BadRefreshToken);
                }
                (user, session, again)
            }
            Ok(Rotated::Replayed(session)) => {
                metrics::count(Event::RefreshReplayed);
                self.cache.end(&[session]).await;
                return Err(Error::BadRefreshToken);
            }
            Ok(Rotated::Refused) => return Err(Error::BadRefreshToken),
            Err(error) => {
                self.doubt_session_of(spent);
                return Err(error);
            }
        };
        self.cache.keep(&user, Some(session), &generation);
        Ok(SignedIn {
            user: *user,
            session,
            refresh_token,
        })
    }

    /// A replay without an answer may end the session later. Which one it is has to be read first,
    /// so this happens after the response.
    fn doubt_session_of(&self, token: &OpaqueToken) {
        let (sessions, token) = (self.clone(), token.clone());
        self.cache.deferred().spawn(Box::pin(async move {
            let session = rotate::session_of(&*sessions.database, &token).await;
            if let Ok(Some(session)) = session {
                sessions.cache.doubt(None, Some(session)).await;
            }
        }));
    }

    /// A page of the user's sessions.
    pub async fn list(&self, user: UserId, query: &ListQuery) -> Result<Page, Error> {
        store::list::list(&*self.database, user, query).await
    }

    /// Ends one session of the user; [`Error::NotFound`] when they have no such.
    pub async fn end(&self, user: UserId, session: SessionId, actor: &Actor) -> Result<(), Error> {
        let ended = store::end(&*self.database, user, session, actor).await;
        // Only the session: that it is the user's is not known unless it was ended.
        self.cache.settle(ended, None, Some(session)).await?;
        self.cache.end(&[session]).await;
        Ok(())
    }

    /// Ends all sessions of the user; [`Error::NotFound`] when there is no such user.
    pub async fn end_all(&self, user: UserId, actor: &Actor) -> Result<(), Error> {
        let generation = self.cache.generation();
        let ended = store::end_all(&*self.database, user, actor).await;
        let user = self.cache.settle(ended, Some(user), None).await?;
        self.cache.replace(&user, &generation).await;
        Ok(())
    }
}
