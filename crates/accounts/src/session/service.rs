//! Signing in, refreshing and signing out.

pub mod list;
mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::cache::Cache;
use crate::client_address::ClientAddress;
use crate::keys::FingerprintKey;
use crate::login_attempts::{Account, LoginAttempts, Verified};
use crate::metrics::{self, Event};
use crate::pagination::TimeQuery;
use crate::password::SubmittedPassword;
use crate::session::bootstrap::Bootstrap;
use crate::session::{OpaqueToken, SessionId, SessionPolicy};
use crate::user::email::Email;
use crate::{Error, User, UserId};
use list::Page;
use store::rotate::{self, Rotated};

/// Result of a sign-in or refresh: the user, the session, and the token that prolongs it.
#[derive(Debug)]
pub struct SignedIn {
    pub user: User,
    pub session: SessionId,
    pub refresh_token: OpaqueToken,
}

/// Sessions of users. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    database: Arc<dyn Database>,
    cache: Cache,
    login_attempts: LoginAttempts,
    bootstrap: Option<Arc<Bootstrap>>,
    policy: SessionPolicy,
    /// Key from which successors of refresh tokens are derived.
    refresh_key: FingerprintKey,
}

impl Sessions {
    /// Creates the use cases. `bootstrap` is the first admin, created at their first login.
    pub fn new(
        database: Arc<dyn Database>,
        cache: Cache,
        login_attempts: LoginAttempts,
        bootstrap: Option<Bootstrap>,
        policy: SessionPolicy,
        refresh_key: FingerprintKey,
    ) -> Self {
        Self {
            database,
            cache,
            login_attempts,
            bootstrap: bootstrap.map(Arc::new),
            policy,
            refresh_key,
        }
    }

    /// Opens a session for a right password.
    ///
    /// # Errors
    /// Those of [`LoginAttempts`], with [`Error::WrongPassword`] for every reason to reject the login.
    pub async fn sign_in(
        &self,
        email: &Email,
        submitted: &SubmittedPassword,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<SignedIn, Error> {
        let verified = self.verify(email, submitted, address, actor).await?;
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

    /// Verifies the password; at the first admin's first login, creates the first admin.
    async fn verify(
        &self,
        email: &Email,
        submitted: &SubmittedPassword,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Verified, Error> {
        let account = Account::Email(email);
        let attempt = match self
            .login_attempts
            .compare(&account, submitted, address, actor)
            .await?
        {
            Ok(verified) => return Ok(verified),
            Err(attempt) => attempt,
        };
        if let (None, Some(bootstrap)) = (attempt.user, &self.bootstrap)
            && bootstrap
                .create_if_first(&*self.database, email, submitted, actor)
                .await?
        {
            self.login_attempts.forget(&attempt).await?;
            return self
                .login_attempts
                .check(account, submitted, address, actor)
                .await;
        }
        Err(self.login_attempts.refuse(&attempt, actor).await?)
    }

    /// Consumes a refresh token and returns its successor. For a short time, the same token returns the
    /// same successor again, for a client that lost the response. After that, or once its successor was
    /// used, it ends its session: one of its two users must be a thief.
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
                // It was derived with another key and cannot be returned again.
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

    /// Marks the session of a token as uncertain: a replay without a response may end it later. The
    /// session must be read first, so this happens after the response.
    fn doubt_session_of(&self, token: &OpaqueToken) {
        let (sessions, token) = (self.clone(), token.clone());
        self.cache.deferred().spawn(Box::pin(async move {
            let session = rotate::session_of(&*sessions.database, &token).await;
            if let Ok(Some(session)) = session {
                sessions.cache.doubt(None, Some(session)).await;
            }
        }));
    }

    /// Returns a page of the user's sessions.
    pub async fn list(&self, user: UserId, query: &TimeQuery) -> Result<Page, Error> {
        store::list::list(&*self.database, user, query).await
    }

    /// Ends one session of the user; returns [`Error::NotFound`] if the user has no such session.
    pub async fn end(&self, user: UserId, session: SessionId, actor: &Actor) -> Result<(), Error> {
        let ended = store::end(&*self.database, user, session, actor).await;
        // Only the session: it is known to be the user's only if it was ended.
        self.cache.settle(ended, None, Some(session)).await?;
        self.cache.end(&[session]).await;
        Ok(())
    }

    /// Ends all sessions of the user; returns [`Error::NotFound`] if there is no such user.
    pub async fn end_all(&self, user: UserId, actor: &Actor) -> Result<(), Error> {
        let generation = self.cache.generation();
        let ended = store::end_all(&*self.database, user, actor).await;
        let user = self.cache.settle(ended, Some(user), None).await?;
        self.cache.replace(&user, &generation).await;
        Ok(())
    }
}
