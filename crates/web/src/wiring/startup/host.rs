//! The configuration check through the host: a request from the app to itself.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use http::Request;
use http_body_util::{BodyExt, Limited};
use spin_sdk::http::{EmptyBody, send};

use super::{StartupReport, path};

/// The host's name for the app itself, allowed by `allowed_outbound_hosts` in the manifest.
const SELF: &str = "http://self.alt";
const MAX_BYTES: usize = 4_096;

/// Queries the state of a component's configuration.
pub async fn query(component: &str, deadline: Duration) -> StartupReport {
    let reply = pin!(exchange(component));
    let deadline = pin!(spin_sdk::time::sleep(deadline));
    match select(reply, deadline).await {
        Either::Left((report, _)) => report.unwrap_or(StartupReport::None),
        Either::Right(_) => StartupReport::None,
    }
}

async fn exchange(component: &str) -> Option<StartupReport> {
    let request = Request::get(format!("{SELF}{}", path(component)));
    let response = send(request.body(EmptyBody::new()).ok()?).await.ok()?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BYTES).collect();
    let body = body.await.ok()?.to_bytes();
    Some(StartupReport::read(status, &body))
}
