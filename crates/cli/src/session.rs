//! Authenticated calls; an expired access token is refreshed once.

use std::time::Duration;

use roster_client::types::Problem;
use roster_client::{Client, Error};
use tokio::sync::Mutex;

use crate::credentials::{Credentials, Tokens};
use crate::failure::Failure;

/// Attempts per call while the server is unreachable, busy or limits requests.
const ATTEMPTS: u32 = 10;
/// Time before another attempt if the server states none.
const PAUSE: Duration = Duration::from_secs(1);

/// Session at one server.
pub struct Session {
    url: String,
    /// Access token from `ROSTER_TOKEN`, which has no refresh token.
    given: Option<String>,
    /// Taken during a refresh: the lock of the file would block all calls of this process.
    refreshing: Mutex<()>,
}

/// Result of one call.
pub type Called<T> = Result<T, Error<Problem>>;

impl Session {
    /// Returns the session at this server.
    pub fn new(url: &str) -> Self {
        let given = std::env::var("ROSTER_TOKEN").ok();
        Self {
            url: url.trim_end_matches('/').to_owned(),
            given: given.filter(|token| !token.is_empty()),
            refreshing: Mutex::default(),
        }
    }

    /// URL of the server, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns an unauthenticated client.
    pub fn without_credentials(&self) -> Result<Client, Failure> {
        Ok(Client::new(&self.url)?)
    }

    /// Stores new tokens.
    pub fn keep(&self, tokens: Tokens) -> Result<(), Failure> {
        Credentials::of_user()?.lock()?.set(&self.url, Some(tokens))
    }

    /// Removes the stored tokens, unless `ROSTER_TOKEN` is used instead of them.
    pub fn forget(&self) -> Result<(), Failure> {
        match self.given {
            Some(_) => Ok(()),
            None => Credentials::of_user()?.lock()?.set(&self.url, None),
        }
    }

    /// Makes an authenticated call; on 401 it refreshes the stored token and retries once.
    pub async fn call<T>(&self, call: impl AsyncFn(Client) -> Called<T>) -> Result<T, Failure> {
        if let Some(token) = &self.given {
            return Ok(call(Client::signed_in(&self.url, token)?).await?);
        }
        let tokens = Credentials::of_user()?.get(&self.url)?;
        let token = tokens
            .ok_or(Failure::SignedOut("not signed in"))?
            .access_token;
        match call(Client::signed_in(&self.url, &token)?).await {
            Err(error) if is_unauthorized(&error) => {
                let token = self.refresh(&token).await?;
                Ok(call(Client::signed_in(&self.url, &token)?).await?)
            }
            other => Ok(other?),
        }
    }

    /// Makes an authenticated call that can be repeated safely, until the server accepts it.
    pub async fn call_with_retries<T>(
        &self,
        call: impl AsyncFn(Client) -> Called<T>,
    ) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            match self.call(&call).await {
                Err(failure) if failure.is_temporary() && attempt < ATTEMPTS => {
                    tokio::time::sleep(failure.retry_after().unwrap_or(PAUSE)).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    /// Returns a new access token in place of a rejected one. A refresh token works once, and a second
    /// use ends the session. Hence the lock, and the check for tokens that another run has stored.
    async fn refresh(&self, refused: &str) -> Result<String, Failure> {
        const OVER: Failure = Failure::SignedOut("the session has ended");
        let _refreshing = self.refreshing.lock().await;
        let credentials = Credentials::of_user()?;
        let lock = credentials.lock()?;
        let tokens = credentials.get(&self.url)?.ok_or(OVER)?;
        if tokens.access_token != refused {
            return Ok(tokens.access_token);
        }
        let refresh = self.without_credentials()?;
        let refresh = refresh
            .refresh()
            .body_map(|body| body.refresh_token(tokens.refresh_token));
        let fresh = match refresh.send().await {
            Err(error) if is_unauthorized(&error) => {
                lock.set(&self.url, None)?;
                return Err(OVER);
            }
            other => other?.into_inner(),
        };
        let token = fresh.access_token.clone();
        // Stored before its first use, because the old refresh token is spent.
        lock.set(&self.url, Some(fresh.into()))?;
        Ok(token)
    }
}

impl From<roster_client::types::Tokens> for Tokens {
    fn from(tokens: roster_client::types::Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
        }
    }
}

fn is_unauthorized(error: &Error<Problem>) -> bool {
    error.status().is_some_and(|status| status.as_u16() == 401)
}
