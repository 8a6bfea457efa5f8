//! Client of the breached-passwords server over the host's outgoing HTTP.

use std::pin::pin;
use std::time::Duration;

use accounts::password::breached::PasswordRanges;
use async_trait::async_trait;
use futures::future::{Either, select};
use http::header::USER_AGENT;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use spin_sdk::http::{EmptyBody, send};

use super::BaseUrl;
use crate::middleware::log::{Level, Log};

/// Deadline of the whole response: the request that sets a password waits for it.
const DEADLINE: Duration = Duration::from_millis(500);
/// Maximum size of a response; a padded one has about 40 kilobytes.
const MAX_BYTES: usize = 256 * 1024;

/// Queries the server at a base URL, and logs failed lookups.
pub struct HostPasswordRanges {
    base: BaseUrl,
    log: Log,
}

impl HostPasswordRanges {
    pub fn new(base: BaseUrl, log: Log) -> Self {
        Self { base, log }
    }

    async fn request_range(&self, prefix: &str) -> Result<String, String> {
        // Padding hides the size of the response, and with it the prefix, from eavesdroppers.
        let request = Request::get(format!("{}/range/{prefix}", self.base))
            .header("add-padding", "true")
            .header(USER_AGENT, "roster")
            .body(EmptyBody::new())
            .map_err(|error| error.to_string())?;
        let response = send(request).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect();
        let body = body.await.map_err(|error| error.to_string())?;
        String::from_utf8(body.to_bytes().into()).map_err(|error| error.to_string())
    }
}

#[async_trait]
impl PasswordRanges for HostPasswordRanges {
    async fn range(&self, prefix: &str) -> Result<String, String> {
        let response = pin!(self.request_range(prefix));
        let deadline = pin!(spin_sdk::time::sleep(DEADLINE));
        match select(response, deadline).await {
            Either::Left((response, _)) => response,
            Either::Right(_) => Err(format!("no response within {DEADLINE:?}")),
        }
    }

    fn unchecked(&self, reason: &str) {
        let text = format!("a password was accepted without the breach check: {reason}");
        self.log.message(Level::Warn, &text);
    }
}
